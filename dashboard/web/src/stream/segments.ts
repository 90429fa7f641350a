// The schedule as kept: what became of each segment of the last minute, from
// `/live/<stream>/segments.json`.

export type SegmentState = "on_time" | "late" | "slate" | "pending" | "missing";

export interface Segment {
  k: number;
  track: string;
  state: SegmentState;
  pipeline: string | null;
  /** Unix ms when it could first be had; null while it cannot. */
  publishedAt: number | null;
  /** Unix ms when it should be there; null when the answer does not say. */
  due: number | null;
}

export interface Strip {
  tracks: string[];
  /** Segment numbers, oldest first. */
  ks: number[];
  at(track: string, k: number): Segment | undefined;
  /** Newest segment of a track that can be fetched. */
  newest(track: string): Segment | undefined;
}

const STATES: readonly string[] = ["on_time", "late", "slate", "pending", "missing"];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Unix ms from a time that may be in µs; seconds of our century tell them apart. */
function toMs(value: unknown): number | null {
  if (typeof value !== "number" || value <= 0) return null;
  return value > 1e14 ? value / 1000 : value;
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
    pipeline: typeof value["pipeline"] === "string" ? value["pipeline"] : null,
    publishedAt: toMs(value["published_at"]),
    due: toMs(value["due"]),
  };
}

/** Reads the answer; an entry that cannot be understood is left out. */
export function parseStrip(answer: unknown): Strip {
  const found: Segment[] = [];
  const listed = isRecord(answer) && Array.isArray(answer["segments"]) ? answer["segments"] : [];
  for (const item of listed) {
    const one = segment(item);
    if (one) found.push(one);
  }
  const names: unknown[] = isRecord(answer) && Array.isArray(answer["tracks"]) ? answer["tracks"] : [];
  return strip(found, names.filter((name) => typeof name === "string"));
}

function strip(found: readonly Segment[], ladder: readonly string[]): Strip {
  const byKey = new Map(found.map((one) => [`${one.track} ${one.k}`, one]));
  // In the ladder's order; a track that it does not name comes last.
  const tracks = [...new Set([...ladder, ...found.map((one) => one.track)])];
  const ks = [...new Set(found.map((one) => one.k))].sort((a, b) => a - b);
  const at = (track: string, k: number): Segment | undefined => byKey.get(`${track} ${k}`);
  return {
    tracks,
    ks,
    at,
    newest: (track) => {
      for (let n = ks.length - 1; n >= 0; n -= 1) {
        const one = at(track, ks[n] ?? -1);
        if (one && one.state !== "pending" && one.state !== "missing") return one;
      }
      return undefined;
    },
  };
}

/** Polls the schedule; `strip` is null until an answer came, `failedSince` says since when none does. */
export class SegmentsPoll {
  strip: Strip | null = null;
  failedSince: number | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly stream: string,
    private readonly changed: () => void,
  ) {}

  start(everyMs: number): void {
    if (this.timer !== null) return;
    this.timer = setInterval(() => void this.poll(), everyMs);
    void this.poll();
  }

  private async poll(): Promise<void> {
    try {
      const answer = await fetch(`/live/${this.stream}/segments.json`, { cache: "no-store", signal: AbortSignal.timeout(3_000) });
      if (!answer.ok) throw new Error(`segments.json answered ${answer.status}`);
      this.strip = parseStrip(await answer.json());
      this.failedSince = null;
    } catch {
      this.failedSince ??= Date.now();
    }
    this.changed();
  }
}
