// Searching for sessions: the words of a search line, applied to sessions at hand and written as
// SQL for those in history.

import { literal } from "../sql/api";
import { STATES, type SessionRow } from "./row";

/** `name:value`; without a colon it is a flag, or the beginning of a session id. */
export interface Term {
  name: string;
  value: string;
}

/** Dimensions by the names that a search line may use. */
export const NAMES: Readonly<Record<string, keyof SessionRow>> = {
  state: "state",
  device: "device",
  os: "os",
  player: "player",
  country: "country",
  asn: "asn",
  edge: "edge",
  pipeline: "pipeline",
  content: "cid",
  outcome: "outcome",
  error: "error_code",
};

export interface Flag {
  about: string;
  is: (row: SessionRow) => boolean;
  sql: string;
}

/** Slower than this is worth finding, ms. */
const SLOW_START_MS = 2_000;
const FAR_BEHIND_MS = 12_000;

export const FLAGS: Readonly<Record<string, Flag>> = {
  rebuffered: { about: "stalled at least once", is: (row) => row.rebuffer_count > 0, sql: "rebuffer_count > 0" },
  failed: { about: "failed to start or while playing", is: (row) => row.outcome === "failed" || row.outcome === "start_failed", sql: "outcome IN ('failed', 'start_failed')" },
  "slow-start": { about: "startup over 2 s", is: (row) => (row.startup_ms ?? 0) > SLOW_START_MS, sql: `startup_ms > ${SLOW_START_MS}` },
  behind: { about: "live latency over 12 s", is: (row) => (row.live_latency_ms ?? 0) > FAR_BEHIND_MS, sql: `live_latency_ms > ${FAR_BEHIND_MS}` },
  lossy: { about: "beacons were lost", is: (row) => row.lost_events > 0, sql: "lost_events > 0" },
  ended: { about: "is over", is: (row) => row.ended_at !== null, sql: "ended_at IS NOT NULL" },
};

/** Distance of two words in letters changed, added or removed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Messages about unknown names: `"contry:" is not a search word. Did you mean "country:DE"?`. */
export function unknownWords(terms: readonly Term[]): string[] {
  return terms.flatMap(({ name, value }) => {
    const colon = value.indexOf(":");
    if (name !== "sid" || colon < 1) return [];
    const word = value.slice(0, colon).toLowerCase();
    const near = Object.keys(NAMES).map((one) => ({ one, far: distance(word, one) })).sort((a, b) => a.far - b.far)[0];
    const meant = near && near.far <= 2 ? `Did you mean "${near.one}:${value.slice(colon + 1)}"?` : `There are ${Object.keys(NAMES).join(", ")}.`;
    return [`"${word}:" is not a search word. ${meant}`];
  });
}

/** A word; a value in quotes may have spaces. While its end is still being typed, all is of it. */
const WORD = /[^\s":]+:"(?:[^"\\]|\\.)*(?:"(?!\S)|$)|\S+/g;
/** A value that is a word only in quotes. */
const IN_QUOTES = /\s|^"|^$/;

const unquoted = (value: string): string => (value.startsWith('"') ? value.slice(1).replace(/"$/, "").replace(/\\(.)/g, "$1") : value);

export function parseFind(text: string): Term[] {
  return (text.match(WORD) ?? []).map((word) => {
    const colon = word.indexOf(":");
    const name = word.slice(0, Math.max(0, colon)).toLowerCase();
    if (NAMES[name]) return { name, value: unquoted(word.slice(colon + 1)) };
    if (FLAGS[word.toLowerCase()]) return { name: "is", value: word.toLowerCase() };
    return { name: "sid", value: word };
  });
}

/** A term as a search line has it. */
export function wordOf({ name, value }: Term): string {
  if (name === "is" || name === "sid") return value;
  return `${name}:${IN_QUOTES.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : value}`;
}

export function fits(row: SessionRow, terms: readonly Term[]): boolean {
  return terms.every(({ name, value }) => {
    if (name === "is") return FLAGS[value]?.is(row) ?? true;
    if (name === "sid") return row.sid.toLowerCase().startsWith(value.toLowerCase());
    const field = NAMES[name];
    const has = field ? row[field] : null;
    const text = has === null || has === undefined ? "unknown" : String(has).toLowerCase();
    const wanted = value.toLowerCase();
    // States may be named by their token or by their word.
    return text === wanted || (name === "state" && (STATES[text] ?? "") === wanted);
  });
}

/**
 * The same as a condition for the table `sessions`, which has no state: its sessions have ended.
 */
export function condition(terms: readonly Term[]): string {
  const parts = terms.map(({ name, value }) => {
    if (name === "is") return FLAGS[value]?.sql ?? "true";
    if (name === "sid") return `starts_with(lower(sid), ${literal(value.toLowerCase())})`;
    const field = NAMES[name];
    if (!field || name === "state") return "true";
    return value.toLowerCase() === "unknown" ? `${field} IS NULL` : `lower(CAST(${field} AS VARCHAR)) = ${literal(value.toLowerCase())}`;
  });
  return parts.length === 0 ? "true" : parts.join(" AND ");
}

/** A search for viewers who share what usually matters: content, device, country, edge. */
export function alike(row: SessionRow): string {
  const parts: [string, string | null][] = [["content", row.cid], ["device", row.device], ["country", row.country], ["edge", row.edge]];
  return parts.map(([name, value]) => wordOf({ name, value: value ?? "unknown" })).join(" ");
}
