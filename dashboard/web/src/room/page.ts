// The Control room: is everything all right; if not, what is wrong, for whom, since when.

import type { App, Page } from "../app";
import { Delivery } from "../pipeline/figures";
import { Reading, type Value } from "../metrics/reading";
import { ByHand } from "../control/byhand";
import { DEFAULT_METRIC } from "../selection";
import { h, moveInto } from "../ui/dom";
import { Breakdown } from "./breakdown";
import { Chart, LEAST_SPAN_MS } from "./chart";
import { changes } from "./changes";
import { Departures } from "./departures";
import { Incidents } from "./incidents";
import { Log } from "./log";
import { StripRow } from "./strip";
import { Tiles } from "./tiles";

export class RoomPage implements Page {
  private strip: StripRow | null = null;
  private parts = "";
  private readonly tiles: Tiles;
  private readonly chart: Chart;
  private readonly breakdown: Breakdown;
  private readonly departures: Departures;
  private readonly incidents: Incidents;
  private readonly log: Log;
  private readonly byHand: ByHand;
  private readonly below: HTMLElement;
  private readonly right: HTMLElement;
  readonly root: HTMLElement;

  constructor(private readonly app: App) {
    this.tiles = new Tiles(app);
    this.chart = new Chart(app);
    this.breakdown = new Breakdown(app);
    this.departures = new Departures(app);
    this.incidents = new Incidents(app);
    this.byHand = new ByHand(app);
    this.log = new Log(app, changes, () => this.byHand.open());
    this.below = h("div", { class: "below" }, this.breakdown.root);
    this.right = h("div", { class: "right" }, this.incidents.root, this.departures.root, this.log.root);
    this.root = h("div", { class: "page room" }, this.tiles.root, h("div", { class: "columns" }, h("div", { class: "left" }, this.chart.root, this.below), this.right));
  }

  draw(): void {
    const { feed, selection } = this.app;
    const reading = new Reading(feed, selection.current.content);
    this.drawStrip();
    const metric = feed.metrics.find((one) => one.name === selection.current.metric) ?? feed.metrics.find((one) => one.name === DEFAULT_METRIC);
    if (!metric) return;
    const to = reading.pane === null ? feed.now() : reading.pane + (reading.view?.widthMs ?? 0);
    const oldest = Math.min(reading.view?.oldest() ?? to, to - LEAST_SPAN_MS);
    const from = (minutes: number): number => Math.max(oldest, to - minutes * 60_000);
    this.tiles.draw(reading, from(30), to);
    this.chart.draw(metric, [from(selection.current.span), to]);
    this.breakdown.draw(metric);
    const valuesOf = (one: Reading): Value[] => feed.metrics.map((metric) => one.value(metric));
    const values = valuesOf(reading);
    changes.watch(this.app, selection.current.content === null ? values : valuesOf(new Reading(feed, null)));
    this.incidents.draw(values, this.strip?.departing() ?? []);
    this.departures.draw(reading, values);
    this.placeLog();
    this.log.draw();
  }

  /**
   * An open incident takes the whole column; what is done about it is then shown beside the
   * breakdown.
   */
  private placeLog(): void {
    const place = this.app.feed.records.open().length > 0 ? this.below : this.right;
    if (this.log.root.parentElement !== place) moveInto(place, this.log.root);
  }

  /** Pictures of the existing parts; a part that appears later gets its card then. */
  private drawStrip(): void {
    const { segments, steering } = this.app;
    if (!steering.media() || (segments.strip === null && segments.failedSince === null)) return;
    const delivery = new Delivery(this.app);
    const parts = { pipelines: delivery.pipelines(), edges: delivery.edges() };
    const names = [steering.stream(), ...parts.pipelines, "|", ...parts.edges].join(" ");
    if (this.strip === null || names !== this.parts) {
      this.parts = names;
      this.strip?.close();
      this.strip?.root.remove();
      this.strip = new StripRow(this.app, parts);
      this.root.prepend(this.strip.root);
    }
    this.strip.draw();
  }

  close(): void {
    this.chart.close();
    this.strip?.close();
  }
}
