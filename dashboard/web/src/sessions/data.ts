// The past of one session: its records, state spans and requests, each as the tables have them.
// Until a table answers, the processor's own summary of the session is used.

import { SqlError, literal, queryPatiently as query, staleness, type Row } from "../sql/api";
import { sessionRow, toMs, liveSessions, type SessionRow } from "./row";

export interface Span {
  state: string;
  from: number;
  to: number;
}

export interface Point {
  at: number;
  value: number;
}

export interface Fetched {
  at: number;
  edge: string;
  pipeline: string | null;
  track: string;
  k: number | null;
  status: number;
  /** Time to first byte minus the time it was held for the schedule, ms. */
  ttfb: number;
  bytes: number;
}

export interface Mark {
  at: number;
  what: string;
}

export interface Past {
  row: SessionRow | null;
  spans: Span[];
  bitrate: Point[];
  buffer: Point[];
  latency: Point[];
  requests: Fetched[];
  errors: Mark[];
  /** Number of records read from the player. */
  records: number;
  /** What was not available, and why. */
  missing: string[];
}

const MOST = 5_000;

const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : typeof value === "string" && value !== "" && Number.isFinite(Number(value)) ? Number(value) : null);

/** The first item for video, else the first: lists of `{v, ot}`, of numbers, or a number. */
export function listValue(value: unknown): number | null {
  let list = value;
  if (typeof list === "string") {
    try {
      list = JSON.parse(list) as unknown;
    } catch {
      return null;
    }
  }
  if (!Array.isArray(list)) return number(list);
  const items = list.map((item: unknown) => (typeof item === "object" && item !== null ? (item as { v?: unknown; ot?: unknown }) : { v: item, ot: null }));
  const best = items.find(({ ot }) => ot === "v" || ot === "av") ?? items[0];
  return best ? number(best.v) : null;
}

/** A row's text under the first of these names that it has. */
function named(row: Row, names: readonly string[]): unknown {
  for (const name of names) if (row[name] !== undefined && row[name] !== null) return row[name];
  return null;
}

/** The value of a custom key: a list of `{k, v}`. */
function customOf(list: unknown, key: string): unknown {
  return Array.isArray(list) ? (list as { k?: string; v?: unknown }[]).find(({ k }) => k === key)?.v : null;
}

function errorText(value: unknown): string {
  if (Array.isArray(value)) return value.map((one) => (typeof one === "object" && one !== null ? JSON.stringify(one) : String(one))).join(", ");
  return value === null || value === undefined ? "error without a code" : String(value);
}

/** Up to this much is attributed to the network, ms. */
const SKEW_IGNORED_MS = 2_000;

/**
 * How far the player's clock is behind ours in each playback of the sid, ms: the smallest delay of
 * a record, as the processor has it, so that records and spans share one axis.
 */
function skewsOf(rows: readonly Row[]): (row: Row) => number {
  const least = new Map<unknown, number>();
  for (const row of rows) {
    const [ts, received] = [toMs(row["ts"]), toMs(row["received_at"])];
    if (ts !== null && received !== null) least.set(row["epoch"], Math.min(least.get(row["epoch"]) ?? Infinity, received - ts));
  }
  return (row) => {
    const skew = least.get(row["epoch"]) ?? 0;
    return Math.abs(skew) >= SKEW_IGNORED_MS ? skew : 0;
  };
}

export function fromRecords(rows: readonly Row[], past: Past): void {
  past.records = rows.length;
  const skew = skewsOf(rows);
  let lastError = "";
  for (const row of rows) {
    const ts = toMs(row["ts"]);
    const at = ts === null ? toMs(row["received_at"]) : ts + skew(row);
    if (at === null) continue;
    const bitrate = listValue(row["br"]);
    if (bitrate !== null && bitrate > 0) past.bitrate.push({ at, value: bitrate });
    const buffer = listValue(row["bl"]);
    if (buffer !== null) past.buffer.push({ at, value: buffer });
    const latency = number(row["ltc"]) ?? number(customOf(row["custom"], "com.tallylight-ltc"));
    if (latency !== null && latency > 0) past.latency.push({ at, value: latency });
    const state = row["sta"];
    if (row["e"] === "e" || state === "f") {
      const what = errorText(row["ec"]);
      // Some players repeat the newest code on every later report (docs/players.md).
      if (what !== lastError || state === "f") past.errors.push({ at, what });
      lastError = what;
    }
  }
}

export function fromSpans(rows: readonly Row[], past: Past, now: number): void {
  for (const row of rows) {
    const from = toMs(named(row, ["from", "from_at", "started_at", "start"]));
    const state = row["state"];
    if (from === null || typeof state !== "string") continue;
    past.spans.push({ state, from, to: toMs(named(row, ["to", "to_at", "ended_at", "end"])) ?? now });
  }
}

export function fromDelivery(rows: readonly Row[], past: Past): void {
  for (const row of rows) {
    const at = toMs(row["ts"]);
    if (at === null || (row["service"] ?? "edge") !== "edge" || (row["action"] ?? "get") !== "get") continue;
    past.requests.push({
      at,
      edge: String(row["edge"] ?? "unknown"),
      pipeline: typeof row["pipeline"] === "string" ? row["pipeline"] : null,
      track: String(row["track"] ?? ""),
      k: number(row["k"]),
      status: number(row["status"]) ?? 0,
      ttfb: Math.max(0, (number(row["ttfb_us"]) ?? 0) - (number(row["held_us"]) ?? 0)) / 1000,
      bytes: number(row["bytes"]) ?? 0,
    });
  }
}

/** States as far as the summary alone shows them. */
function fromSummary(row: SessionRow, past: Past, now: number): void {
  const start = row.started_at ?? row.first_frame_at;
  if (start === null) return;
  const end = row.ended_at ?? row.last_seen ?? now;
  const first = row.first_frame_at ?? end;
  past.spans.push({ state: "starting", from: start, to: first });
  let at = first;
  for (const [from, length] of [...row.rebuffers].sort((a, b) => a[0] - b[0])) {
    if (from > at) past.spans.push({ state: "playing", from: at, to: from });
    past.spans.push({ state: "rebuffering", from, to: from + length });
    at = from + length;
  }
  if (end > at) past.spans.push({ state: "playing", from: at, to: end });
}

const byTime = (a: { at: number }, b: { at: number }): number => a.at - b.at;

/** Everything known about a session, newest epoch first where there are several. */
export async function pastOf(sid: string, now: number): Promise<Past> {
  const past: Past = { row: null, spans: [], bitrate: [], buffer: [], latency: [], requests: [], errors: [], records: 0, missing: [] };
  const where = `WHERE sid = ${literal(sid)}`;
  const table = async (name: string, order: string): Promise<readonly Row[]> => {
    try {
      const { rows, truncated, filesAlone } = await query(`SELECT * FROM ${name} ${where} ORDER BY ${order} DESC LIMIT ${MOST}`);
      if (truncated !== null || rows.length === MOST) past.missing.push(`only the newest ${rows.length} rows of ${name} are drawn`);
      const stale = staleness(filesAlone);
      if (stale !== null) past.missing.push(stale);
      return rows;
    } catch (error) {
      const why = error instanceof SqlError && error.status === 404 ? "SQL is not served here" : error instanceof Error ? error.message : String(error);
      past.missing.push(`${name}: ${why.slice(0, 200)}`);
      return [];
    }
  };
  const [live, records, spans, delivery] = await Promise.all([
    liveSessions({ sid }).catch(() => []),
    table("player_events", "ts"),
    table("session_spans", '"from"'),
    table("delivery_events", "ts"),
  ]);
  past.row = live.reduce<SessionRow | null>((newest, row) => (newest && newest.epoch > row.epoch ? newest : row), null);
  if (!past.row) past.row = (await table("sessions", "started_at")).map(sessionRow)[0] ?? null;
  fromRecords(records, past);
  fromSpans(spans, past, now);
  fromDelivery(delivery, past);
  if (past.row && past.spans.length === 0) fromSummary(past.row, past, now);
  for (const list of [past.bitrate, past.buffer, past.latency, past.requests, past.errors]) list.sort(byTime);
  past.spans.sort((a, b) => a.from - b.from);
  return past;
}

/** The first and last time of anything. */
export function extent(past: Past, now: number): [number, number] | null {
  const times = [...past.spans.flatMap(({ from, to }) => [from, to]), ...[past.bitrate, past.buffer, past.requests, past.errors].flatMap((list) => list.map(({ at }) => at))];
  const { row } = past;
  if (row) times.push(...[row.started_at, row.first_frame_at, row.ended_at, row.last_seen].filter((one): one is number => one !== null));
  if (times.length === 0) return null;
  const from = times.reduce((least, one) => Math.min(least, one), Infinity);
  const to = times.reduce((most, one) => Math.max(most, one), -Infinity);
  return [from, Math.min(now, Math.max(to, from + 10_000))];
}
