// The answer of `/live/<stream>/segments.json`, validated: the outcome of each segment, and of each
// pipeline's copy of it.

export type SegmentState = "on_time" | "late" | "slate" | "pending" | "missing";
export type CopyState = "on_time" | "late" | "defective" | "frozen" | "missing" | "pending";

/** One pipeline's copy of a segment. */
export interface Copy {
  pipeline: string;
  state: CopyState;
  /** Unix ms when the origin had it; null when it never arrived. */
  arrivedAt: number | null;
  why: string | null;
  bytes: number | null;
  frames: number | null;
}

export interface Segment {
  k: number;
  track: string;
  state: SegmentState;
  /** The pipeline whose copy is served. */
  pipeline: string | null;
  /** Unix ms when it could first be fetched; null while it cannot. */
  publishedAt: number | null;
  /** Unix ms when it should be available; null when the answer does not say. */
  due: number | null;
  bytes: number | null;
  /** Empty from a server that does not report them. */
  copies: readonly Copy[];
}

/** How often an encoder was fed the same as another one, by hashes of its input. */
export interface Inputs {
  pipeline: string;
  like: string;
  compared: number;
  equal: number;
}

/** The rest of an answer, beside its segments. */
export interface Schedule {
  tracks: string[];
  /** Pipelines that the origin ignores. */
  masked: string[];
  inputs: Inputs[];
  /** Length of a segment, ms. */
  lengthMs: number;
  /** From the close of a segment to when it is due, ms. */
  marginMs: number;
  /** The origin's clock minus ours when it answered, ms. */
  clockOffset: number;
}

export interface Strip extends Schedule {
  /** Segment numbers, oldest first. */
  ks: number[];
  /** Pipelines that sent anything, by name. */
  pipelines: string[];
  at(track: string, k: number): Segment | undefined;
  /** Newest segment of a track that can be fetched. */
  newest(track: string): Segment | undefined;
}

const STATES: readonly string[] = ["on_time", "late", "slate", "pending", "missing"];
const COPY_STATES: readonly string[] = ["on_time", "late", "defective", "frozen", "missing", "pending"];
const LENGTH_MS = 2_000;

type Fields = Record<string, unknown>;

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

/** Unix ms from a time that may be in µs; its magnitude shows which. */
function toMs(value: unknown): number | null {
  if (typeof value !== "number" || value <= 0) return null;
  return value > 1e14 ? value / 1000 : value;
}

const numberOr = (value: unknown): number | null => (typeof value === "number" ? value : null);
const textOr = (value: unknown): string | null => (typeof value === "string" ? value : null);

function copy(value: unknown): Copy | null {
  if (!isRecord(value) || typeof value["pipeline"] !== "string") return null;
  const state = String(value["state"]);
  if (!COPY_STATES.includes(state)) return null;
  return {
    pipeline: value["pipeline"],
    state: state as CopyState,
    arrivedAt: toMs(value["arrived_at"]),
    why: textOr(value["why"]),
    bytes: numberOr(value["bytes"]),
    frames: numberOr(value["frames"]),
  };
}

function inputs(value: unknown): Inputs | null {
  if (!isRecord(value) || typeof value["pipeline"] !== "string" || typeof value["like"] !== "string") return null;
  return { pipeline: value["pipeline"], like: value["like"], compared: numberOr(value["compared"]) ?? 0, equal: numberOr(value["equal"]) ?? 0 };
}

function list<T>(value: unknown, read: (item: unknown) => T | null): T[] {
  return Array.isArray(value) ? value.flatMap((item) => read(item) ?? []) : [];
}

function segment(value: unknown): Segment | null {
  if (!isRecord(value) || typeof value["k"] !== "number") return null;
  const name = value["track"];
  const state = String(value["state"]);
  if (typeof name !== "string" || !STATES.includes(state)) return null;
  return {
    k: value["k"],
    track: name,
    state: state as SegmentState,
    pipeline: textOr(value["pipeline"]),
    publishedAt: toMs(value["published_at"]),
    due: toMs(value["due"]),
    bytes: numberOr(value["bytes"]),
    copies: list(value["copies"], copy),
  };
}

/** Reads the segments of an answer; an invalid entry is left out. */
export function readSegments(answer: unknown): Segment[] {
  return isRecord(answer) ? list(answer["segments"], segment) : [];
}

/** Reads the rest of it; `now` is our clock. */
export function readSchedule(answer: unknown, now: number): Schedule {
  const fields: Fields = isRecord(answer) ? answer : {};
  const grid: Fields = isRecord(fields["grid"]) ? fields["grid"] : {};
  const [num, den] = [numberOr(grid["num"]) ?? 0, numberOr(grid["den"]) ?? 0];
  return {
    tracks: list(fields["tracks"], textOr),
    masked: list(fields["masked"], textOr),
    inputs: list(fields["inputs"], inputs),
    lengthMs: num > 0 && den > 0 ? (1000 * num) / den : LENGTH_MS,
    marginMs: (numberOr(fields["margin"]) ?? 500_000) / 1000,
    clockOffset: (toMs(fields["now"]) ?? now) - now,
  };
}

/** Segments as they are drawn, the tracks in the order of the ladder. */
export function stripOf(found: readonly Segment[], schedule: Schedule): Strip {
  const byKey = new Map(found.map((one) => [`${one.track} ${one.k}`, one]));
  // A track that is not in the ladder comes last.
  const tracks = [...new Set([...schedule.tracks, ...found.map((one) => one.track)])];
  const from = began(found);
  const ks = [...new Set(found.map((one) => one.k))].filter((k) => k >= from).sort((a, b) => a - b);
  const at = (track: string, k: number): Segment | undefined => (k >= from ? byKey.get(`${track} ${k}`) : undefined);
  return { ...schedule, tracks, ks, pipelines: pipelinesOf(found), at, newest: (track) => newestOf(track, ks, at) };
}

/**
 * The first segment of which anything arrived. Earlier ones that the origin lists are from a time
 * when no pipeline sent, which is not a fault unless nothing arrived at all.
 */
function began(found: readonly Segment[]): number {
  const came = found.filter((one) => one.copies.some((each) => each.arrivedAt !== null) || (one.pipeline !== null && one.pipeline !== "slate"));
  return came.reduce((first, one) => Math.min(first, one.k), came.length > 0 ? Infinity : -Infinity);
}

function pipelinesOf(found: readonly Segment[]): string[] {
  const names = new Set<string>();
  for (const one of found) {
    for (const each of one.copies) names.add(each.pipeline);
    if (one.copies.length === 0 && one.pipeline !== null && one.pipeline !== "slate") names.add(one.pipeline);
  }
  return [...names].sort();
}

function newestOf(track: string, ks: readonly number[], at: Strip["at"]): Segment | undefined {
  for (let n = ks.length - 1; n >= 0; n -= 1) {
    const one = at(track, ks[n] ?? -1);
    if (one && one.state !== "pending" && one.state !== "missing") return one;
  }
  return undefined;
}

/** A pipeline's copy of a segment; inferred where a server does not report copies. */
export function copyOf(one: Segment, pipeline: string): Copy | null {
  const reported = one.copies.find((each) => each.pipeline === pipeline);
  if (reported || one.copies.length > 0 || one.pipeline !== pipeline) return reported ?? null;
  const state = one.state === "slate" ? "missing" : one.state;
  return { pipeline, state, arrivedAt: one.publishedAt, why: null, bytes: one.bytes, frames: null };
}

/** Reads a whole answer. */
export function parseStrip(answer: unknown, now = Date.now()): Strip {
  return stripOf(readSegments(answer), readSchedule(answer, now));
}
