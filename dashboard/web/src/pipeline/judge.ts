// The state of a pipeline, from its copies: each state has its word, and the worst of the newest
// segments decides.

import type { Level } from "../metrics/evaluate";
import { copyOf, type Copy, type CopyState, type Strip } from "../stream/strip";

export const COPY_WORDS: Readonly<Record<CopyState, string>> = {
  on_time: "on time",
  late: "late",
  defective: "defective",
  frozen: "frozen",
  missing: "missing",
  pending: "pending",
};

export const COPY_LEVELS: Readonly<Record<CopyState, Level>> = { on_time: 0, late: 1, defective: 2, frozen: 3, missing: 3, pending: 0 };

/** Segments behind a judgement; a single one may be a hiccup of ours. */
const JUDGED = 3;

export interface PipelineState {
  level: Level;
  word: string;
}

/** Copies of a pipeline whose fate is known, newest segment first. */
function settled(strip: Strip, pipeline: string): Copy[][] {
  const out: Copy[][] = [];
  for (const k of [...strip.ks].reverse()) {
    const copies = strip.tracks.flatMap((track) => {
      const one = strip.at(track, k);
      return (one && copyOf(one, pipeline)) ?? [];
    });
    if (copies.length > 0 && copies.every((one) => one.state !== "pending")) out.push(copies);
  }
  return out;
}

/** The worst state among the newest segments. */
export function stateOf(strip: Strip, pipeline: string): PipelineState {
  let worst: Copy | null = null;
  for (const copies of settled(strip, pipeline).slice(0, JUDGED)) {
    for (const one of copies) if (worst === null || COPY_LEVELS[one.state] > COPY_LEVELS[worst.state]) worst = one;
  }
  const level = worst ? COPY_LEVELS[worst.state] : 0;
  return { level, word: worst && level > 0 ? COPY_WORDS[worst.state] : "" };
}

/** How many of the segments shown were on time and complete in every track. */
export function onTime(strip: Strip, pipeline: string): { kept: number; of: number } {
  const all = settled(strip, pipeline);
  return { kept: all.filter((copies) => copies.every((one) => one.state === "on_time")).length, of: all.length };
}

/** From the close of a segment to its arrival, ms: the median of the newest ten. */
export function spareOf(strip: Strip, pipeline: string): number | null {
  const spans: number[] = [];
  for (const k of strip.ks.slice(-10)) {
    for (const track of strip.tracks) {
      const one = strip.at(track, k);
      const arrived = one ? (copyOf(one, pipeline)?.arrivedAt ?? null) : null;
      if (arrived !== null) spans.push(arrived - (k + 1) * strip.lengthMs);
    }
  }
  spans.sort((a, b) => a - b);
  return spans[Math.floor(spans.length / 2)] ?? null;
}

/** Share of the newest segments that were served from a pipeline, 0..1. */
export function servedShare(strip: Strip, pipeline: string): number {
  let served = 0;
  let all = 0;
  for (const k of strip.ks.slice(-10)) {
    for (const track of strip.tracks) {
      const whose = strip.at(track, k)?.pipeline ?? null;
      if (whose === null) continue;
      all += 1;
      if (whose === pipeline) served += 1;
    }
  }
  return all === 0 ? 0 : served / all;
}
