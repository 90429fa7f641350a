// How much each value of a dimension explains. For a ratio it is the share of the total loss
// (the numerator), for a tail quantile the share of the tail, otherwise the share of the whole.
// Beside it is its due share: its part of the denominator. Only the difference between the two
// points at a cause.

import { isOneValue } from "../feed/playback";
import type { Metric } from "../feed/types";
import { Sums, denominator, evaluate } from "./evaluate";

export interface Impact {
  group: string;
  /** The loss itself: events, milliseconds or samples. */
  weight: number;
  /** Share of the loss, 0..1; null where nothing is lost. */
  share: number | null;
  /** Share of the denominator, 0..1: the share of an innocent group. */
  due: number | null;
  value: number | null;
  sums: Sums;
}

/** Groups by impact, greatest first; equal ones by name, so that rows do not jump. */
export function rank(metric: Metric, groups: Map<string, Sums>, seconds: number): Impact[] {
  const weigh = weigher(metric, groups);
  let loss = 0;
  let all = 0;
  const weights = [...groups].map(([group, sums]) => {
    const weight = weigh(sums);
    loss += weight;
    all += base(metric, sums);
    return { group, sums, weight };
  });
  return weights
    .map(({ group, sums, weight }) => ({
      group,
      weight,
      share: loss > 0 ? weight / loss : null,
      due: all > 0 ? base(metric, sums) / all : null,
      value: evaluate(metric, sums, seconds),
      sums,
    }))
    .sort((a, b) => (b.share ?? 0) - (a.share ?? 0) || (b.due ?? 0) - (a.due ?? 0) || a.group.localeCompare(b.group));
}

function weigher(metric: Metric, groups: Map<string, Sums>): (sums: Sums) => number {
  const formula = metric.formula;
  if (formula.kind === "ratio") {
    // A mean where less is worse (bitrate) has no loss; its weight is its base.
    return metric.bad === "high" ? (sums) => sums.get(formula.num) : (sums) => denominator(metric, sums);
  }
  if (formula.kind !== "quantile") return (sums) => sums.get(formula.of);
  const all = new Sums();
  for (const sums of groups.values()) mergeSketch(all, sums, formula.of);
  const from = all.sketch(formula.of)?.binAt(formula.q) ?? 0;
  return (sums) => sums.sketch(formula.of)?.countFrom(from) ?? 0;
}

function mergeSketch(into: Sums, from: Sums, of: string): void {
  const source = from.sketch(of);
  if (source) into.sketch(of)?.add(source.bins());
}

function base(metric: Metric, sums: Sums): number {
  const den = denominator(metric, sums);
  return metric.formula.kind === "ratio" || metric.formula.kind === "quantile" ? den : sums.get("viewers");
}

/** Fewer failures, exits or slow starts than this single out no group. */
const LEAST_LOSS = 5;

/** The group that stands out: far above its due share of a loss. */
export function culprit(impacts: readonly Impact[]): Impact | null {
  if (impacts.length < 2) return null;
  let found: Impact | null = null;
  for (const impact of impacts) {
    if (!isOneValue(impact.group) || impact.share === null || impact.due === null || impact.weight < LEAST_LOSS) continue;
    const excess = impact.share - impact.due;
    if (excess > 0.2 && (!found || excess > (found.share ?? 0) - (found.due ?? 0))) found = impact;
  }
  return found;
}
