// One session: its figures, its timeline, and how similar viewers fare.

import { NONE, count, localTime, moment, span } from "../metrics/format";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { pastOf, type Past } from "./data";
import { alike, fits, parseFind } from "./find";
import { LiveRecords } from "./records";
import { OUTCOMES, STATES, type SessionRow } from "./row";
import { Timeline } from "./timeline";

/** A session that continues is read again this often; lists take longer. */
const AGAIN_MS = 5_000;

export class Detail {
  private readonly timeline = new Timeline();
  private readonly records: LiveRecords;
  private readonly facts = h("dl", { class: "sfacts" });
  private readonly like = h("section", { class: "panel like" }, h("header", {}, h("h2", {}, "Viewers like this one"), h("span", { class: "note" })), h("table", {}, h("thead", {}, h("tr", {}, h("td", {}), h("th", { scope: "col" }, "this one"), h("th", { scope: "col", class: "likeit" }), h("th", { scope: "col", class: "all" }))), h("tbody", {})), h("button", { type: "button", class: "more" }, "List them"));
  private readonly missing = h("p", { class: "empty" });
  readonly root: HTMLElement;
  private past: Past | null = null;
  private readAt = 0;
  private reading = false;
  private theme = document.documentElement.dataset["theme"];
  private closed = false;

  constructor(
    readonly sid: string,
    private readonly options: { now: () => number; close: () => void; list: (find: string) => void; changed: () => void },
  ) {
    const away = h("button", { type: "button", class: "away", "aria-label": "Close the session", title: "Close (Esc goes back too)" }, "×");
    away.addEventListener("click", options.close);
    const head = h("section", { class: "panel shead" }, h("header", {}, h("h2", { class: "mono" }, sid), h("span", { class: "note" }), away), this.facts, this.missing);
    this.records = new LiveRecords(sid);
    this.root = h("div", { class: "detail" }, head, this.timeline.root, this.records.root, this.like);
    find(this.like, ".more").addEventListener("click", () => this.past?.row && options.list(alike(this.past.row)));
  }

  private async read(): Promise<void> {
    this.reading = true;
    try {
      const past = await pastOf(this.sid, this.options.now());
      if (this.closed) return;
      this.past = past;
      this.timeline.show(past, this.options.now());
    } finally {
      this.reading = false;
      this.readAt = performance.now();
      if (!this.closed) this.options.changed();
    }
  }

  /** `more`: there are more sessions than these. */
  draw(live: readonly SessionRow[], more: boolean): void {
    const over = this.past?.row?.ended_at ?? null;
    const due = this.past === null ? this.readAt === 0 : over === null && performance.now() - this.readAt > AGAIN_MS;
    if (due && !this.reading && !document.hidden) void this.read();
    const theme = document.documentElement.dataset["theme"];
    if (theme !== this.theme) this.timeline.paint();
    this.theme = theme;
    const { past } = this;
    const row = live.find(({ sid }) => sid === this.sid) ?? past?.row ?? null;
    const unknown = past !== null && row === null && past.records === 0;
    setText(this.missing, unknown ? "This session is unknown: check the id; live sessions are kept for a while after their end, older ones are in history." : (past?.missing.join(" · ") ?? "Loading its records."));
    setAttr(this.timeline.root, "hidden", past === null || unknown);
    setAttr(this.records.root, "hidden", row === null || row.ended_at !== null);
    setAttr(this.like, "hidden", row === null);
    keyed(this.facts, row ? factsOf(row, this.options.now()) : [], ([name]) => name, ([name]) => h("div", {}, h("dt", {}, name), h("dd", {})), (element, [, value, level, title]) => {
      const fact = find(element, "dd");
      setText(fact, value);
      setAttr(fact, "title", title ?? null);
      setAttr(element, "data-level", level ?? null);
    });
    const of = more ? "newest 1,000" : "live";
    setText(find(this.like, ".likeit"), `like it, ${of}`);
    setText(find(this.like, ".all"), `all, ${of}`);
    if (row) this.drawLike(row, live);
  }

  private drawLike(row: SessionRow, live: readonly SessionRow[]): void {
    const find_ = alike(row);
    const terms = parseFind(find_);
    const same = live.filter((one) => one.sid !== row.sid && fits(one, terms));
    setText(find(this.like, "header .note"), find_.replaceAll(":", " "));
    const columns = [[row], same, live];
    const lines: [string, (rows: readonly SessionRow[]) => string][] = [
      ["sessions", (rows) => count(rows.length)],
      ["startup, median", (rows) => msText(median(rows.map((one) => one.startup_ms)))],
      ["rebuffer ratio", ratioText],
      ["bitrate, median", (rows) => withUnit(median(rows.map((one) => one.avg_bitrate_kbps)), "kbps")],
      ["live latency, median", (rows) => msText(median(rows.map((one) => one.live_latency_ms)))],
      ["failed", (rows) => count(rows.filter((one) => one.outcome === "failed" || one.outcome === "start_failed").length)],
    ];
    keyed(find(this.like, "tbody"), lines, ([name]) => name, ([name]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}), h("td", {}), h("td", {})), (tr, [, of]) => {
      columns.forEach((rows, at) => setText(tr.children[at + 1] ?? tr, rows.length === 0 ? NONE : of(rows)));
    });
  }

  close(): void {
    this.closed = true;
    this.timeline.close();
    this.records.close();
  }
}

function median(values: readonly (number | null)[]): number | null {
  const known = values.filter((one): one is number => one !== null).sort((a, b) => a - b);
  return known[Math.floor(known.length / 2)] ?? null;
}

const msText = (value: number | null): string => (value === null ? NONE : `${(value / 1000).toFixed(2)} s`);
const withUnit = (value: number | null, unit: string): string => (value === null ? NONE : `${count(value)} ${unit}`);

/** A ratio of sums, never a mean of ratios. */
function ratioText(rows: readonly SessionRow[]): string {
  const stalled = rows.reduce((sum, one) => sum + one.rebuffering_ms, 0);
  const watched = rows.reduce((sum, one) => sum + one.rebuffering_ms + one.playing_ms, 0);
  return watched === 0 ? NONE : `${((100 * stalled) / watched).toFixed(2)} %`;
}

/** Each fact's name and value, and where it has them its level and a title. */
function factsOf(row: SessionRow, now: number): [string, string, (string | null)?, (string | null)?][] {
  const state = row.ended_at === null && row.state !== null ? (STATES[row.state] ?? row.state) : (OUTCOMES[row.outcome] ?? row.outcome);
  const bad = row.outcome === "failed" || row.outcome === "start_failed";
  return [
    ["state", state, bad ? "3" : row.state === "r" && row.ended_at === null ? "2" : null],
    ["device", [row.device, row.os].filter(Boolean).join(", ") || "unknown"],
    ["player", row.player ?? "unknown"],
    ["where", [row.country, row.asn].filter(Boolean).join(", ") || "unknown"],
    ["content", row.cid ?? "unknown"],
    ["served by", `edge ${row.edge ?? "unknown"}, pipeline ${row.pipeline ?? "unknown"}`],
    row.started_at === null ? ["started", NONE] : ["started", `${moment(row.started_at, now)} UTC`, null, localTime(row.started_at)],
    ["startup", msText(row.startup_ms)],
    ["played", span(row.playing_ms)],
    ["rebuffers", `${row.rebuffer_count} · ${span(row.rebuffering_ms)}`, row.rebuffer_count > 0 ? "2" : null],
    ["bitrate", row.avg_bitrate_kbps === null ? NONE : `${count(row.avg_bitrate_kbps)} kbps, ${row.switches === 1 ? "1 switch" : `${row.switches} switches`}`],
    ["live latency", row.live_latency_ms === null ? NONE : span(row.live_latency_ms)],
    ["beacons", `${count(row.events)} · ${row.lost_events} lost · ${row.late_events} late`],
    ["last seen", row.last_seen === null ? NONE : `${span(now - row.last_seen)} ago`],
    ["error", row.error_code ?? "none", row.error_code ? "3" : null],
    // A CMCD v1 player does not report this itself.
    ...(row.derived ? [["known from", "its requests only: times are approximate"] satisfies [string, string]] : []),
    // Nearly every session is one playback, which is not worth showing.
    ...(row.epoch === 0 ? [] : [["playback", `number ${row.epoch + 1} of this id`] satisfies [string, string]]),
  ];
}
