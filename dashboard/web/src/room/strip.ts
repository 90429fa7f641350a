// The strip along the top: the picture as served, who made and served it, and the schedule.

import { STREAM, type App } from "../app";
import type { DeliveryTotal } from "../feed/delivery";
import { NONE, bitRate, span } from "../metrics/format";
import { SegmentGrid, segmentLegend } from "../stream/grid";
import { find, h, setAttr, setText } from "../ui/dom";
import { Picture } from "./picture";

/** A picture each 4 s shows a freeze within ten; each segment would double our requests. */
const PICTURE_MS = 4_000;
/** A picture older than this is marked: it may be a freeze of ours or of theirs. */
const OLD_PICTURE_MS = 12_000;
const DELIVERY_MS = 10_000;
const TTFB_SLOW_MS = 500;

export class StripRow {
  private readonly picture = new Picture(`/live/${STREAM}/master.m3u8`);
  private readonly grid = new SegmentGrid();
  private readonly timer: ReturnType<typeof setInterval>;
  readonly root: HTMLElement;

  constructor(private readonly app: App) {
    this.root = h(
      "section",
      { class: "strip", "aria-label": "Picture and schedule" },
      h("div", { class: "panel card shot" }, h("div", { class: "frame" }, this.picture.video, h("span", { class: "nopicture" }, "no picture")), lines("shot", "As served")),
      h("div", { class: "panel card" }, lines("encoder", "Encoder")),
      h("div", { class: "panel card" }, lines("edge", "Edges")),
      h("div", { class: "panel card schedule" }, h("div", { class: "cap" }, h("h3", {}, "Segments"), segmentLegend()), this.grid.root),
    );
    this.timer = setInterval(() => void this.picture.refresh(), PICTURE_MS);
    void this.picture.refresh();
  }

  draw(): void {
    this.drawShot();
    this.drawEncoder();
    this.drawEdges();
    this.grid.draw(this.app.segments.strip, 30);
    setAttr(find(this.root, ".schedule"), "data-stale", this.app.segments.failedSince !== null);
  }

  private drawShot(): void {
    const { shownAt, edge } = this.picture;
    const age = shownAt === null ? null : Date.now() - shownAt;
    const old = age === null || age > OLD_PICTURE_MS;
    setAttr(find(this.root, ".frame"), "data-old", old);
    this.write("shot", edge ? `by edge ${edge}` : "not seen yet", age === null ? "" : `fetched ${span(age)} ago`, old && age !== null ? "1" : null);
  }

  private drawEncoder(): void {
    const strip = this.app.segments.strip;
    const track = strip?.tracks[0];
    if (!strip || track === undefined) {
      this.write("encoder", this.app.segments.failedSince === null ? "" : "schedule not known", "", null);
      return;
    }
    const settled = strip.ks.flatMap((k) => strip.at(track, k) ?? []).filter((one) => one.state !== "pending");
    const slate = settled.filter((one) => one.state === "slate" || one.state === "missing").length;
    const late = settled.filter((one) => one.state === "late").length;
    const newest = settled.at(-1);
    const programme = settled.filter((one) => one.state === "on_time" || one.state === "late").at(-1);
    const spare = programme?.due && programme.publishedAt ? programme.due - programme.publishedAt : null;
    const kept = `${settled.length - slate - late} of ${settled.length} on time`;
    const published = spare === null ? "" : `${(Math.abs(spare) / 1000).toFixed(2)} s ${spare >= 0 ? "before" : "after"} due`;
    setText(find(this.root, "[data-card=encoder] h3"), `Encoder ${programme?.pipeline ?? NONE}`);
    const level = newest?.state === "slate" || newest?.state === "missing" ? "3" : newest?.state === "late" ? "1" : null;
    this.write("encoder", level === "3" ? "slate served instead" : kept, published, level);
  }

  private drawEdges(): void {
    const { delivery } = this.app.feed;
    // The newest second may still be growing.
    const to = delivery.newest;
    const edges = [...delivery.totals(to - DELIVERY_MS, to).values()].filter((one) => one.service === "edge" && one.action === "get");
    const first = edges.sort((a, b) => (a.edge ?? "").localeCompare(b.edge ?? ""))[0];
    setText(find(this.root, "[data-card=edge] h3"), edges.length === 1 && first?.edge ? `Edge ${first.edge}` : `Edges`);
    if (!first) {
      this.write("edge", "no delivery reports", "", null);
      return;
    }
    const sum = (of: (one: DeliveryTotal) => number): number => edges.reduce((all, one) => all + of(one), 0);
    const seconds = DELIVERY_MS / 1000;
    const worst = Math.max(...edges.map((one) => one.ttfb.quantile(0.95) ?? 0));
    const errors = sum((one) => one.errors);
    const rate = `${(sum((one) => one.requests) / seconds).toFixed(0)} req/s · ${bitRate(sum((one) => one.bytes), seconds)}`;
    const level = errors > 0 || worst > TTFB_SLOW_MS ? "1" : null;
    this.write("edge", rate, `${errors > 0 ? `${errors} errors · ` : ""}TTFB p95 ${(worst / 1000).toFixed(2)} s`, level);
  }

  private write(card: string, first: string, second: string, level: string | null): void {
    const root = find(this.root, `[data-card=${card}]`);
    setAttr(root, "data-level", level);
    setText(find(root, ".first"), first);
    setText(find(root, ".second"), second);
  }

  close(): void {
    clearInterval(this.timer);
    this.picture.close();
  }
}

function lines(card: string, title: string): HTMLElement {
  return h("div", { class: "lines", "data-card": card }, h("h3", {}, title), h("p", { class: "first" }), h("p", { class: "second" }));
}
