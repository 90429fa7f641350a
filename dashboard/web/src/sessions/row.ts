// A session as `GET /v1/sessions` and the table `sessions` return it.

import type { Term } from "./find";

/** Times are Unix ms here; the API's are µs. */
export interface SessionRow {
  sid: string;
  epoch: number;
  cid: string | null;
  device: string | null;
  os: string | null;
  player: string | null;
  country: string | null;
  asn: string | null;
  edge: string | null;
  pipeline: string | null;
  started_at: number | null;
  first_frame_at: number | null;
  ended_at: number | null;
  outcome: string;
  startup_ms: number | null;
  msd_ms: number | null;
  playing_ms: number;
  rebuffering_ms: number;
  rebuffer_count: number;
  /** Start and length of the newest ones, ms; only the live API has them. */
  rebuffers: readonly (readonly [number, number])[];
  seeking_ms: number;
  avg_bitrate_kbps: number | null;
  switches: number;
  live_latency_ms: number | null;
  error_code: string | null;
  /** State now; absent from history. */
  state: string | null;
  events: number;
  lost_events: number;
  late_events: number;
  last_seen: number | null;
  /** Its state is known from its requests only. */
  derived: boolean;
}

type Loose = Readonly<Record<string, unknown>>;

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : null);
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** A time as Unix ms: µs from the API, ISO text or a number from SQL. */
export function toMs(value: unknown): number | null {
  if (typeof value === "string") {
    const plain = /(?:Z|[+-]\d\d:?\d\d)$/.test(value) ? value : `${value}Z`;
    const at = Date.parse(plain.replace(" ", "T"));
    return Number.isNaN(at) ? null : at;
  }
  if (typeof value !== "number" || value <= 0) return null;
  return value > 1e14 ? value / 1000 : value;
}

/** Reads a row of either source; missing values are unknown, missing counts 0. */
export function sessionRow(row: Loose): SessionRow {
  // Pairs from the API, `{at, ms}` from SQL.
  const rebuffers = Array.isArray(row["rebuffers"]) ? row["rebuffers"].map((one: unknown) => Object.values(one as object) as [unknown, unknown]) : [];
  return {
    sid: text(row["sid"]) ?? "",
    epoch: number(row["epoch"]) ?? 0,
    cid: text(row["cid"]),
    device: text(row["device"]),
    os: text(row["os"]),
    player: text(row["player"]),
    country: text(row["country"]),
    asn: text(row["asn"]),
    edge: text(row["edge"]),
    pipeline: text(row["pipeline"]),
    started_at: toMs(row["started_at"]),
    first_frame_at: toMs(row["first_frame_at"]),
    ended_at: toMs(row["ended_at"]),
    outcome: text(row["outcome"]) ?? "playing",
    startup_ms: number(row["startup_ms"]),
    msd_ms: number(row["msd_ms"]),
    playing_ms: number(row["playing_ms"]) ?? 0,
    rebuffering_ms: number(row["rebuffering_ms"]) ?? 0,
    rebuffer_count: number(row["rebuffer_count"]) ?? 0,
    rebuffers: rebuffers.map(([at, length]) => [toMs(at) ?? 0, number(length) ?? 0] as const),
    seeking_ms: number(row["seeking_ms"]) ?? 0,
    avg_bitrate_kbps: number(row["avg_bitrate_kbps"]),
    switches: number(row["switches"]) ?? 0,
    live_latency_ms: number(row["live_latency_ms"]),
    error_code: text(row["error_code"]),
    state: text(row["state"]),
    events: number(row["events"]) ?? 0,
    lost_events: number(row["lost_events"]) ?? 0,
    late_events: number(row["late_events"]) ?? 0,
    last_seen: toMs(row["last_seen"]),
    derived: row["derived"] === true,
  };
}

/** CMCD player states in words. */
export const STATES: Readonly<Record<string, string>> = {
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

/** The outcome of a session, in words. */
export const OUTCOMES: Readonly<Record<string, string>> = {
  playing: "in progress",
  played: "played",
  exit_before_start: "left before the first frame",
  start_failed: "failed to start",
  failed: "failed while playing",
};

/** Most sessions in one answer of either source. */
export const MOST = 1_000;
/** The note on an answer of that length. */
export const NEWEST = "the newest 1,000, there are more";

/**
 * Open and recently ended sessions. Where there are more than fit in one answer, a session named by
 * its whole id is fetched separately: it may be older.
 */
export async function liveFor(terms: readonly Term[]): Promise<{ rows: SessionRow[]; more: boolean }> {
  const rows = await liveSessions({ limit: String(MOST) });
  const more = rows.length >= MOST;
  const sid = terms.find(({ name }) => name === "sid")?.value;
  if (!more || sid === undefined || rows.some((row) => row.sid === sid)) return { rows, more };
  return { rows: [...rows, ...(await liveSessions({ sid }))], more };
}

/** Sessions from the processor's own state: open ones, and those that ended a while ago. */
export async function liveSessions(parameters: Readonly<Record<string, string>>): Promise<SessionRow[]> {
  const answer = await fetch(`/v1/sessions?${new URLSearchParams(parameters)}`, { cache: "no-store", signal: AbortSignal.timeout(4_000) });
  if (!answer.ok) throw new Error(`the platform answers ${answer.status}`);
  return ((await answer.json()) as Loose[]).map(sessionRow);
}
