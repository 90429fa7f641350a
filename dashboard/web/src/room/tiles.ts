// The tiles: value, unit, change, the base of the value, and its last half hour.

import type { App } from "../app";
import { annotations } from "../control/annotations";
import type { Metric } from "../feed/types";
import { denominator, isCount, isTimeRatio } from "../metrics/evaluate";
import { change, count, shown, text } from "../metrics/format";
import type { Reading, Value } from "../metrics/reading";
import { sample } from "../metrics/sample";
import { seenOf } from "../metrics/view";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES, LEVEL_WORDS, levelColour, palette } from "../ui/palette";
import { Spark } from "../ui/spark";

/** Metrics shown inside another metric's tile, and their labels there. */
const INSIDE: Readonly<Record<string, readonly [host: string, label: string]>> = {
  startup_p50_ms: ["startup_p95_ms", "p50"],
  live_latency_p50_ms: ["live_latency_p95_ms", "p50"],
  rebuffers: ["rebuffer_ratio_pct", "rebuffers"],
  adaptation_failures: ["bitrate_kbps", "stuck"],
  derived_pct: ["viewers", "by requests"],
};
const SPARK_POINTS = 90;

export class Tiles {
  readonly root = h("section", { class: "tiles panel", "aria-label": "Metrics" });
  private readonly sparks = new Map<string, Spark>();
  private ticks: readonly number[] = [];

  constructor(private readonly app: App) {}

  /** Draws all tiles over [from, to]. */
  draw(reading: Reading, from: number, to: number): void {
    this.ticks = annotations(this.app.feed.records, from, to).map((one) => one.at);
    const { metrics } = this.app.feed;
    const names = new Set(metrics.map((metric) => metric.name));
    const own = metrics.filter((metric) => !names.has(INSIDE[metric.name]?.[0] ?? ""));
    keyed(this.root, own, (metric) => metric.name, (metric) => this.make(metric, metrics), (tile, metric) => {
      this.update(tile, reading.value(metric), reading, from, to);
    });
    for (const inner of this.root.querySelectorAll<HTMLElement>(".inner")) {
      const metric = metrics.find((one) => one.name === inner.dataset["metric"]);
      if (metric) this.updateInner(inner, reading.value(metric));
    }
  }

  private make(metric: Metric, metrics: readonly Metric[]): HTMLElement {
    const select = (name: string) => (event: Event) => {
      event.stopPropagation();
      this.app.selection.go({ metric: name });
    };
    const spark = new Spark();
    this.sparks.set(metric.name, spark);
    const behind = h("div", { class: "behind" });
    const inside = metrics.find((one) => INSIDE[one.name]?.[0] === metric.name);
    if (inside) {
      const label = INSIDE[inside.name]?.[1] ?? "";
      const inner = h("button", { class: "inner", type: "button", "data-metric": inside.name, title: about(inside) }, h("span", { class: "shape" }), `${label} `, h("span", { class: "value" }), h("span", { class: "unit" }));
      inner.addEventListener("click", select(inside.name));
      behind.append(inner);
    }
    const main = h(
      "button",
      { class: "main", type: "button", "data-metric": metric.name, title: about(metric) },
      h("span", { class: "title" }, h("span", { class: "shape" }), h("span", {}, short(metric.title))),
      h("span", { class: "figure" }, h("span", { class: "value" }), h("span", { class: "unit" })),
      h("span", { class: "change" }),
    );
    const tile = h("div", { class: "tile" }, main, behind, spark.canvas);
    main.addEventListener("click", select(metric.name));
    tile.addEventListener("click", select(metric.name));
    return tile;
  }

  private update(tile: Element, read: Value, reading: Reading, from: number, to: number): void {
    const { metric } = read;
    const small = read.small && metric.unit === "%" ? sample(metric, read.sums) : null;
    const unseen = this.unseen(read);
    const figure = small ? { value: small, unit: "" } : shown(metric, unseen ? null : read.value);
    const main = find(tile, ".main");
    setText(find(main, ".value"), figure.value);
    setText(find(main, ".unit"), figure.unit);
    setText(find(main, ".shape"), LEVEL_SHAPES[read.level]);
    setAttr(find(main, ".shape"), "aria-label", read.level ? LEVEL_WORDS[read.level] : null);
    const moved = small ? "" : change(metric, read.value, read.before);
    setText(find(main, ".change"), unseen ? "not known" : small ? `too few for a share` : moved ? `${moved} on 5 min ago` : read.value === null ? "no data" : "no data 5 min ago");
    const selected = this.app.selection.current.metric;
    setAttr(main, "aria-pressed", String(selected === metric.name));
    setAttr(tile, "data-selected", selected === metric.name || INSIDE[selected]?.[0] === metric.name);
    setAttr(tile, "data-level", read.level ? String(read.level) : null);
    setAttr(tile, "data-partial", reading.partial);
    const behind = find(tile, ".behind");
    if (!behind.querySelector(".inner")) setText(behind, small ? "" : this.behind(read, reading));
    const { view, pane } = reading;
    const series = view && pane !== null ? view.series(metric, from, pane, SPARK_POINTS) : { x: [], y: [] };
    this.sparks.get(metric.name)?.draw(unseen ? seenOf(series, this.app.blindFrom) : series, from, to, read.level ? levelColour(read.level) : palette().levels[0], this.ticks);
  }

  /** While we are blind, zero viewers is not a figure. */
  private unseen({ metric, value }: Value): boolean {
    return this.app.tally.tally === "blind" && isCount(metric) && value === 0;
  }

  private updateInner(inner: HTMLElement, read: Value): void {
    const figure = shown(read.metric, this.unseen(read) ? null : read.value);
    setText(find(inner, ".value"), figure.value);
    setText(find(inner, ".unit"), figure.unit.startsWith("/") ? figure.unit : ` ${figure.unit}`);
    setText(find(inner, ".shape"), LEVEL_SHAPES[read.level]);
    setAttr(inner, "data-level", read.level ? String(read.level) : null);
    setAttr(inner, "aria-pressed", String(this.app.selection.current.metric === read.metric.name));
  }

  /** The base of a value, in a few words. */
  private behind(read: Value, reading: Reading): string {
    const { metric, sums } = read;
    if (!sums) return "";
    const { formula } = metric;
    if (formula.kind === "gauge") {
      const sessions = this.app.feed.status?.sessions;
      return sessions === undefined || this.app.selection.current.content !== null ? "" : `${count(sessions)} sessions held`;
    }
    if (formula.kind === "rate") return `${count(sums.get(formula.of))} in ${metric.window_s} s`;
    if (formula.kind === "quantile") return `of ${count(denominator(metric, sums))}`;
    if (!isTimeRatio(metric)) return `${count(sums.get(formula.num))} of ${count(denominator(metric, sums))} ${metric.denominator}`;
    const playing = sums.get("playing_ms");
    if (formula.den.includes("bitrate_ms") && playing > 0) return `known for ${Math.min(100, Math.round((100 * sums.get("bitrate_ms")) / playing))} %`;
    return reading.partial ? "partial" : text(metric, read.before);
  }
}

function short(title: string): string {
  return title.replace(/^Concurrent v/, "V").replace(/^Average b/, "B");
}

/** The definition of a metric, for its tooltip. */
export function about(metric: Metric): string {
  const per = metric.denominator === "none" ? "" : `, per ${metric.denominator}`;
  return `${metric.title}${per}. Over ${metric.window_s} s. From ${metric.source}.`;
}
