// "This session as the platform sees it": asked each second, shown beside the page's own.

import { NONE, clock, count, span } from "../metrics/format";
import { find, h, keyed, setAttr, setText } from "../ui/dom";

/** The parts of a SessionRow that are shown. Times are Unix µs. */
interface SessionRow {
  sid: string;
  epoch: number;
  edge: string | null;
  pipeline: string | null;
  started_at: number | null;
  startup_ms: number | null;
  playing_ms: number;
  rebuffering_ms: number;
  rebuffer_count: number;
  avg_bitrate_kbps: number | null;
  switches: number;
  live_latency_ms: number | null;
  error_code: string | null;
  state: string | null;
  outcome: string;
  events: number;
  lost_events: number;
  late_events: number;
  last_seen: number;
}

/** CMCD player states in words. */
const STATES: Readonly<Record<string, string>> = {
  s: "starting",
  p: "playing",
  k: "seeking",
  r: "rebuffering",
  a: "paused",
  w: "waiting",
  e: "ended",
  f: "failed",
  q: "quit",
  d: "preloading",
};

/** What the page measured itself. */
export interface OwnMeasure {
  state: string;
  startupMs: number | null;
  rebuffers: number;
  rebufferingMs: number;
  latencyMs: number | null;
  rendition: string | null;
}

export class SessionPanel {
  private row: SessionRow | null = null;
  private note = "Press Play: a second later the platform knows this session.";
  private readonly body = h("tbody", {});
  readonly root = h(
    "section",
    { class: "panel session", "data-role": "session-panel" },
    h("header", {}, h("h2", {}, "This session"), h("span", { class: "note" }, "as the platform sees it, beside this page's own measure")),
    h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, ""), h("th", {}, "platform"), h("th", {}, "this page"))), this.body),
    h("p", { class: "empty" }),
  );
  private readonly timer: ReturnType<typeof setInterval>;
  private asking = false;

  constructor(
    private readonly sid: string,
    private readonly changed: () => void,
  ) {
    this.timer = setInterval(() => void this.ask(), 1_000);
  }

  private async ask(): Promise<void> {
    if (this.asking || document.hidden) return;
    this.asking = true;
    try {
      const answer = await fetch(`/v1/sessions?sid=${encodeURIComponent(this.sid)}`, { cache: "no-store", signal: AbortSignal.timeout(3_000) });
      if (!answer.ok) throw new Error(String(answer.status));
      const rows = (await answer.json()) as SessionRow[];
      this.row = rows.reduce<SessionRow | null>((newest, row) => (newest && newest.epoch > row.epoch ? newest : row), null);
      this.note = this.row ? "" : "Press Play: a second later the platform knows this session.";
    } catch {
      this.note = "The platform does not answer; the left column is as it was last known.";
    } finally {
      this.asking = false;
      this.changed();
    }
  }

  draw(own: OwnMeasure, now: number): void {
    const row = this.row;
    const state = row ? (STATES[row.state ?? ""] ?? row.state ?? "unknown") : NONE;
    const ms = (value: number | null | undefined): string => (value === null || value === undefined ? NONE : `${count(value)} ms`);
    const rows: [string, string, string][] = [
      ["state", state, own.state],
      ["startup", ms(row?.startup_ms), ms(own.startupMs)],
      ["rebuffers", row ? `${row.rebuffer_count} · ${span(row.rebuffering_ms)}` : NONE, `${own.rebuffers} · ${span(own.rebufferingMs)}`],
      ["played", row ? span(row.playing_ms) : NONE, ""],
      ["bitrate", row?.avg_bitrate_kbps ? `${count(row.avg_bitrate_kbps)} kbps · ${row.switches} ${row.switches === 1 ? "switch" : "switches"}` : NONE, own.rendition ?? NONE],
      ["live latency", row?.live_latency_ms ? span(row.live_latency_ms) : NONE, own.latencyMs === null ? NONE : span(own.latencyMs)],
      ["served by", row ? `edge ${row.edge ?? "unknown"} · pipeline ${row.pipeline ?? "unknown"}` : NONE, ""],
      ["beacons", row ? `${count(row.events)} · ${row.lost_events} lost · ${row.late_events} late` : NONE, ""],
      ["last seen", row ? `${clock(row.last_seen / 1000)} UTC · ${span(now - row.last_seen / 1000)} ago` : NONE, ""],
      ["error", row?.error_code ?? "none", ""],
    ];
    keyed(this.body, rows, ([name]) => name, ([name]) => h("tr", { "data-fact": name }, h("th", { scope: "row" }, name), h("td", { class: "platform" }), h("td", { class: "own" })), (element, [, platform, mine]) => {
      setText(find(element, ".platform"), platform);
      setText(find(element, ".own"), mine);
    });
    setText(find(this.root, ".empty"), this.note);
    setAttr(this.root, "data-known", row !== null);
  }

  close(): void {
    clearInterval(this.timer);
  }
}
