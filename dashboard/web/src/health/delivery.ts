// Delivery as the services report it: how much, how well, how fast net of hold time.

import type { App } from "../app";
import { annotations } from "../control/annotations";
import { BUCKET_MS, type DeliveryTotal } from "../feed/delivery";
import { NONE, bitRate, count } from "../metrics/format";
import type { Series } from "../metrics/view";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { palette } from "../ui/palette";
import { Spark } from "../ui/spark";

const RATE_MS = 10_000;
const TOTAL_MS = 300_000;
const SPARK_MS = 1_800_000;
const COLUMNS = ["service", "action", "requests/s", "30 min", "throughput", "served from cache", "errors in 5 min", "TTFB p50", "TTFB p95", "TTFB p95, 30 min"];
const ABOUT: Readonly<Record<string, string>> = { "served from cache": "Without a request of its own to the origin: from cache, or by joining a fetch already in progress." };
const ORDER: readonly string[] = ["packager", "origin", "edge", "steering"];
const SLOW_MS = 500;
/** A few requests a day for expired segments are normal; this share of errors is not chance. */
const ERRORS = 0.005;

export class DeliveryTable {
  private readonly body = h("tbody", {});
  private readonly sparks = new Map<string, { rate: Spark; ttfb: Spark }>();
  /** Sparklines change every ten seconds, so they are computed that often. */
  private drawnAt = 0;
  readonly root = h(
    "section",
    { class: "panel delivery" },
    h("header", {}, h("h2", {}, "Delivery"), h("span", { class: "note" }, "as packager, origin, edges and steering report · time to first byte is net of hold time · last 10 s")),
    h("div", { class: "scroll", tabindex: "0" }, h("table", {}, h("thead", {}, h("tr", {}, ...COLUMNS.map((name) => h("th", { scope: "col", title: ABOUT[name] ?? null }, name)))), this.body), h("p", { class: "empty" })),
  );

  constructor(private readonly app: App) {}

  draw(): void {
    const { delivery } = this.app.feed;
    const to = delivery.newest;
    const recent = delivery.totals(to - RATE_MS, to);
    const long = delivery.totals(to - TOTAL_MS, to);
    const rows = [...long].sort(([, a], [, b]) => ORDER.indexOf(a.service) - ORDER.indexOf(b.service) || (a.edge ?? "").localeCompare(b.edge ?? "") || a.action.localeCompare(b.action));
    keyed(this.body, rows, ([key]) => key, ([key, total]) => this.make(key, total), (tr, [key, total]) => write(tr, recent.get(key), total));
    setText(find(this.root, ".empty"), rows.length === 0 ? "No delivery reports yet. They come with the first segment." : "");
    for (const key of this.sparks.keys()) if (!long.has(key)) this.sparks.delete(key);
    const bucket = Math.floor(to / BUCKET_MS);
    if (bucket !== this.drawnAt) this.drawSparks(to, rows.map(([key]) => key));
    this.drawnAt = bucket;
  }

  private make(key: string, total: DeliveryTotal): HTMLElement {
    const [rate, ttfb] = [new Spark(), new Spark()];
    this.sparks.set(key, { rate, ttfb });
    // The canvas has no size before it is in the page: the first line is drawn a frame later.
    requestAnimationFrame(() => requestAnimationFrame(() => this.drawSparks(this.app.feed.delivery.newest, [key])));
    return h("tr", { "data-service": total.service, "data-edge": total.edge, "data-action": total.action }, h("th", { scope: "row" }, total.edge ? `${total.service} ${total.edge}` : total.service), h("td", { class: "word" }, total.action), h("td", { class: "rate" }), h("td", { class: "sparkcell" }, rate.canvas), h("td", { class: "bits" }), h("td", { class: "hits" }), h("td", { class: "errors" }), h("td", { class: "p50" }), h("td", { class: "p95" }), h("td", { class: "sparkcell" }, ttfb.canvas));
  }

  private drawSparks(to: number, keys: readonly string[]): void {
    const { delivery } = this.app.feed;
    const end = Math.floor(to / BUCKET_MS) * BUCKET_MS;
    const start = end - SPARK_MS;
    const rate = new Map<string, Series>();
    const ttfb = new Map<string, Series>();
    let oldest = end;
    for (let at = start; at < end; at += BUCKET_MS) {
      for (const [key, total] of delivery.totals(at, at + BUCKET_MS)) {
        oldest = Math.min(oldest, at);
        push(rate, key, at, total.requests);
        push(ttfb, key, at, total.ttfb.quantile(0.95));
      }
    }
    // The first bucket began before the first report, so it is incomplete.
    for (const series of [...rate.values(), ...ttfb.values()]) {
      if (series.x.length > 1 && series.x[0] === oldest) {
        series.x.shift();
        series.y.shift();
      }
    }
    const ticks = annotations(this.app.feed.records, start, end).map((one) => one.at);
    for (const key of keys) {
      const from = Math.min(oldest, end - 120_000);
      const spark = this.sparks.get(key);
      spark?.rate.draw(rate.get(key) ?? { x: [], y: [] }, from, end, palette().levels[0], ticks);
      spark?.ttfb.draw(ttfb.get(key) ?? { x: [], y: [] }, from, end, palette().levels[0], ticks);
    }
  }
}

function push(into: Map<string, Series>, key: string, at: number, value: number | null): void {
  let series = into.get(key);
  if (!series) into.set(key, (series = { x: [], y: [] }));
  // A bucket without a report is no data: the line breaks.
  const last = series.x.at(-1);
  if (last !== undefined && at - last > BUCKET_MS) {
    series.x.push(last + BUCKET_MS);
    series.y.push(null);
  }
  series.x.push(at);
  series.y.push(value);
}

function write(tr: Element, recent: DeliveryTotal | undefined, long: DeliveryTotal): void {
  const seconds = RATE_MS / 1000;
  const ms = (value: number | null | undefined): string => (value === null || value === undefined ? NONE : value < 0.1 ? "<0.1 ms" : value < 10 ? `${value.toFixed(1)} ms` : `${count(value)} ms`);
  const p95 = recent?.ttfb.quantile(0.95) ?? null;
  setText(find(tr, ".rate"), recent ? (recent.requests / seconds).toFixed(1) : NONE);
  setText(find(tr, ".bits"), recent && recent.bytes > 0 ? bitRate(recent.bytes, seconds) : NONE);
  setText(find(tr, ".hits"), recent && long.service === "edge" && long.action === "get" && recent.requests > 0 ? `${((100 * recent.hits) / recent.requests).toFixed(1)} %` : NONE);
  setText(find(tr, ".errors"), long.requests > 0 ? `${count(long.errors)} · ${((100 * long.errors) / long.requests).toFixed(2)} %` : NONE);
  setText(find(tr, ".p50"), ms(recent?.ttfb.quantile(0.5)));
  setText(find(tr, ".p95"), ms(p95));
  setAttr(find(tr, ".errors"), "data-level", long.errors > ERRORS * long.requests ? "1" : null);
  setAttr(find(tr, ".p95"), "data-level", p95 !== null && p95 > SLOW_MS ? "2" : null);
}
