// "This session as the platform sees it": fetched each second, shown beside the page's own values.

import { NONE, clock, count, span } from "../metrics/format";
import { STATES, liveSessions, type SessionRow } from "../sessions/row";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import type { Measured } from "./measure";

/** What the page measured itself, and what it asked its player. */
export interface OwnMeasure extends Measured {
  rendition: string | null;
  /** Media ahead of the playhead, ms. */
  buffer: number | null;
  /** Segment requests of the last 10 s by edge: `e1 · 8`. */
  edges: string;
}

const WAITING = "Press Play: a second later the platform knows this session.";

export class SessionPanel {
  private sid = "";
  private row: SessionRow | null = null;
  private note = WAITING;
  private readonly body = h("tbody", {});
  private readonly more = h("a", { class: "more", hidden: true }, "its whole timeline");
  readonly root = h(
    "section",
    { class: "panel session", "data-role": "session-panel" },
    h("header", {}, h("h2", {}, "This session"), h("span", { class: "note" }, "as the platform sees it, beside this page's own measure")),
    h("table", {}, h("thead", {}, h("tr", {}, h("td", {}), h("th", { scope: "col" }, "platform"), h("th", { scope: "col" }, "this page"))), this.body),
    h("p", { class: "empty" }),
    this.more,
  );
  private readonly timer: ReturnType<typeof setInterval>;
  private asking = false;

  constructor(private readonly changed: () => void) {
    this.timer = setInterval(() => void this.ask(), 1_000);
  }

  /** Another session begins. */
  forget(): void {
    this.row = null;
    this.note = WAITING;
  }

  private async ask(): Promise<void> {
    const { sid } = this;
    if (this.asking || document.hidden || sid === "") return;
    this.asking = true;
    try {
      const rows = await liveSessions({ sid });
      if (sid !== this.sid) return;
      this.row = rows.reduce<SessionRow | null>((newest, row) => (newest && newest.epoch > row.epoch ? newest : row), null);
      this.note = this.row ? "" : WAITING;
    } catch {
      this.note = "The platform does not answer; the left column is as it was last known.";
    } finally {
      this.asking = false;
      this.changed();
    }
  }

  draw(sid: string, own: OwnMeasure, now: number): void {
    this.sid = sid;
    const { row } = this;
    keyed(this.body, facts(row, own, now), ([name]) => name, ([name]) => h("tr", { "data-fact": name }, h("th", { scope: "row" }, name), h("td", { class: "platform" }), h("td", { class: "own" })), (element, [, platform, mine]) => {
      setText(find(element, ".platform"), platform);
      setText(find(element, ".own"), mine);
    });
    setText(find(this.root, ".empty"), this.note);
    setAttr(this.root, "data-known", row !== null);
    setAttr(this.more, "href", `/sessions?sid=${encodeURIComponent(sid)}`);
    setAttr(this.more, "hidden", row === null);
  }

  close(): void {
    clearInterval(this.timer);
  }
}

/** Name, the platform's value, this page's value. */
function facts(row: SessionRow | null, own: OwnMeasure, now: number): [string, string, string][] {
  const ms = (value: number | null | undefined): string => (value === null || value === undefined ? NONE : `${count(value)} ms`);
  const switches = row ? `${row.switches} ${row.switches === 1 ? "switch" : "switches"}` : "";
  return [
    ["state", row ? (STATES[row.state ?? ""] ?? row.state ?? "unknown") : NONE, own.state],
    ["startup", ms(row?.startup_ms), ms(own.startupMs)],
    ["rebuffers", row ? `${row.rebuffer_count} · ${span(row.rebuffering_ms)}` : NONE, `${own.rebuffers} · ${span(own.rebufferingMs)}`],
    ["played", row ? span(row.playing_ms) : NONE, ""],
    ["bitrate", row?.avg_bitrate_kbps ? `${count(row.avg_bitrate_kbps)} kbps · ${switches}` : NONE, own.rendition ?? NONE],
    ["buffer", "", own.buffer === null ? NONE : span(own.buffer)],
    ["live latency", row?.live_latency_ms ? span(row.live_latency_ms) : NONE, own.latencyMs === null ? NONE : span(own.latencyMs)],
    ["served by", row ? `edge ${row.edge ?? "unknown"} · pipeline ${row.pipeline ?? "unknown"}` : NONE, own.edges === "" ? NONE : `${own.edges} requests in 10 s`],
    ["beacons", row ? `${count(row.events)} · ${row.lost_events} lost · ${row.late_events} late` : NONE, ""],
    ["last seen", row?.last_seen ? `${clock(row.last_seen)} UTC · ${span(now - row.last_seen)} ago` : NONE, ""],
    ["error", row ? (row.error_code ?? "none") : NONE, ""],
  ];
}
