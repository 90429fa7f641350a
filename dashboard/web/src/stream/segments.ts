// The schedule as kept: the outcome of the segments of the last minutes. The first request asks for
// all of them, later ones for the newest, since only those still change.

import type { Steering } from "../control/steering";
import type { FeedState } from "../feed/state";
import { readSchedule, readSegments, stripOf, type Segment, type Strip } from "./strip";

export { parseStrip, type Segment, type Strip } from "./strip";

/** Segments kept per track: three minutes of 2 s. */
export const KEPT = 90;
/** Segments whose copies may still arrive, or be judged again. */
const FRESH = 12;

/**
 * Polls the schedule; `strip` is null until the first answer, `failedSince` is set while none
 * comes.
 */
export class SegmentsPoll {
  strip: Strip | null = null;
  failedSince: number | null = null;
  private answeredAt = -Infinity;
  private held = new Map<string, Segment>();
  private askedAt = -Infinity;

  constructor(
    private readonly stream: () => string,
    private readonly changed: () => void,
  ) {}

  /**
   * Asks again when it last did so `everyMs` ago. Whoever needs the answer calls it often: a timer
   * of a hidden tab may run only once a minute.
   */
  keep(everyMs: number): void {
    if (performance.now() - this.askedAt < everyMs) return;
    this.askedAt = performance.now();
    void this.poll();
  }

  private async poll(): Promise<void> {
    const gap = Date.now() - this.answeredAt;
    const last = gap < (FRESH / 2) * (this.strip?.lengthMs ?? 0) ? FRESH : KEPT;
    try {
      const answer = await fetch(`/live/${this.stream()}/segments.json?last=${last}`, { cache: "no-store", signal: AbortSignal.timeout(3_000) });
      if (!answer.ok) throw new Error(`segments.json answered ${answer.status}`);
      this.take(await answer.json());
      this.failedSince = null;
      this.answeredAt = Date.now();
    } catch {
      this.failedSince ??= Date.now();
    }
    this.changed();
  }

  private take(answer: unknown): void {
    const fresh = readSegments(answer);
    this.held = merge(this.held, fresh);
    this.strip = stripOf([...this.held.values()], readSchedule(answer, Date.now()));
  }
}

/** Whether steering, which passes the schedule on, answers, and since when. */
export type Answering = Pick<Steering, "failedSince" | "answersSince">;

/**
 * For how long the schedule has not answered although the feed was heard and steering answered, ms:
 * while we hear nothing at all, our own network is at fault, and without steering nobody passes the
 * schedule on. Null while it answers.
 */
export function scheduleSilence({ failedSince }: SegmentsPoll, feed: FeedState, steering: Answering): number | null {
  if (failedSince === null) return null;
  if (steering.failedSince !== null) return 0;
  return Math.min(Date.now() - Math.max(failedSince, steering.answersSince), feed.heardFor());
}

/** Merges held and new segments; those that the strip no longer shows are dropped. */
export function merge(held: ReadonlyMap<string, Segment>, fresh: readonly Segment[]): Map<string, Segment> {
  const all = new Map(held);
  for (const one of fresh) all.set(`${one.track} ${one.k}`, one);
  const newest = fresh.reduce((most, one) => Math.max(most, one.k), 0);
  // A restarted stream counts from another number: segments ahead of it are from the past.
  for (const [key, one] of all) if (one.k <= newest - KEPT || one.k > newest) all.delete(key);
  return all;
}
