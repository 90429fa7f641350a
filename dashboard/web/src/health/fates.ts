// Every record received has exactly one fate. The table shows whether the fates add up to what the
// collector counted as received.

import type { App } from "../app";
import { BUCKET_MS } from "../feed/delivery";
import type { FateRow } from "../feed/types";
import { NONE, count } from "../metrics/format";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { palette } from "../ui/palette";
import { Spark } from "../ui/spark";
import { atDoor, balanceOf, balances, inWords } from "./balance";

const FATES: readonly (readonly [string, string])[] = [
  ["accepted", "counted in its window"],
  ["duplicate", "seen before, counted once"],
  ["late", "stored, but its window was final"],
  ["rejected", "unusable, see the reason"],
  ["shed", "refused to protect the rest"],
];
const RATE_MS = 10_000;
const TOTAL_MS = 300_000;
const SPARK_MS = 1_800_000;

export class FateTable {
  private readonly body = h("tbody", {});
  private readonly reasonBody = h("tbody", {});
  private readonly sparks = new Map<string, Spark>();
  readonly root = h(
    "section",
    { class: "panel fates" },
    h("header", {}, h("h2", {}, "Records by fate"), h("span", { class: "note" }, "each has exactly one")),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ...["fate", "per second", "in 5 min", "share", "30 min"].map((name) => h("th", { scope: "col" }, name)))), this.body)),
    h("p", { class: "sum" }),
  );
  readonly reasons = h(
    "section",
    { class: "panel reasons" },
    h("header", {}, h("h2", {}, "Reasons"), h("span", { class: "note" }, "why records were not counted · last 5 min")),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ...["fate", "reason", "source", "in 5 min"].map((name) => h("th", { scope: "col" }, name)))), this.reasonBody), h("p", { class: "empty" })),
  );

  constructor(private readonly app: App) {
    for (const [fate, meaning] of [...FATES, ["received", "as the collector counted them, before any processing"]] as const) {
      const spark = new Spark();
      this.sparks.set(fate, spark);
      this.body.append(h("tr", fate === "received" ? { "data-total": "received" } : { "data-fate": fate }, h("th", { scope: "row", title: meaning }, fate), h("td", { class: "rate" }), h("td", { class: "total" }), h("td", { class: "share" }), h("td", { class: "sparkcell" }, spark.canvas)));
    }
  }

  draw(): void {
    const { fates } = this.app.feed;
    // Seconds are sent when they are complete. The newest is left out nevertheless: rows of other
    // partitions may be on their way, and a balance must not flicker.
    const to = fates.newest;
    const known = fates.newest > 0;
    const rate = balanceOf(fates.between(to - RATE_MS, to));
    const total = balanceOf(fates.between(to - TOTAL_MS, to));
    const received = total.received;
    for (const tr of this.body.children) {
      const fate = tr.getAttribute("data-fate");
      const perSecond = (fate === null ? rate.received : (rate.ends.get(fate) ?? 0)) / (RATE_MS / 1000);
      const all = fate === null ? received : (total.ends.get(fate) ?? 0);
      setText(find(tr, ".rate"), known ? perSecond.toFixed(1) : NONE);
      setText(find(tr, ".total"), known ? count(all) : NONE);
      setText(find(tr, ".share"), received > 0 ? `${((100 * all) / received).toFixed(all > 0 && all < received ? 2 : 0)} %` : NONE);
      setAttr(tr, "data-level", (fate === "rejected" || fate === "shed") && all > 0 ? "1" : null);
      this.drawSpark(fate, to);
    }
    const sum = find(this.root, ".sum");
    setText(sum, known ? inWords(total, FATES.map(([fate]) => fate)) : "No record has come in yet.");
    setAttr(sum, "data-level", balances(total) ? null : "3");
    setAttr(sum, "title", balances(total) ? null : "Records that were acknowledged and are in no figure: look for unreadable parts and lost log entries.");
    this.drawReasons(to);
  }

  private drawSpark(fate: string | null, to: number): void {
    const { fates } = this.app.feed;
    const buckets = new Map<number, number>();
    // A time without a record of any fate is no data: nothing ran, or we were blind.
    const known = new Set<number>();
    let oldest = to;
    for (const row of fates.between(to - SPARK_MS, to)) {
      if (row.pane < oldest) oldest = row.pane;
      const bucket = Math.floor(row.pane / BUCKET_MS) * BUCKET_MS;
      known.add(bucket);
      if (fate !== null && row.fate !== fate) continue;
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + (fate === null ? atDoor(row) : row.events));
    }
    const x: number[] = [];
    const y: (number | null)[] = [];
    // The bucket that is still filling would look like a drop.
    for (let at = Math.ceil(oldest / BUCKET_MS) * BUCKET_MS; at + BUCKET_MS <= to; at += BUCKET_MS) {
      x.push(at);
      y.push(known.has(at) ? (buckets.get(at) ?? 0) : null);
    }
    this.sparks.get(fate ?? "received")?.draw({ x, y }, Math.min(oldest, to - 120_000), to, palette().levels[0]);
  }

  private drawReasons(to: number): void {
    const sums = this.app.feed.fates.sum(to - TOTAL_MS, to, (row: FateRow) => (row.fate === "accepted" ? "" : `${row.fate}\u0001${row.reason}\u0001${row.source}`));
    sums.delete("");
    const rows = [...sums].sort((a, b) => b[1] - a[1]);
    keyed(this.reasonBody, rows, ([key]) => key, ([key]) => {
      const [fate, reason, source] = key.split("\u0001");
      return h("tr", {}, h("th", { scope: "row" }, fate ?? ""), h("td", { class: "word" }, reason === "none" ? "–" : (reason ?? "").replaceAll("_", " ")), h("td", { class: "word" }, source ?? ""), h("td", { class: "total" }));
    }, (tr, [, events]) => setText(find(tr, ".total"), count(events)));
    setText(find(this.reasons, ".empty"), rows.length === 0 ? "Every record of the last 5 min was accepted." : "");
  }
}
