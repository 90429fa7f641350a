// The counts behind a percentage of too few samples, shown in its place.

import type { Metric } from "../feed/types";
import { denominator, isTimeRatio, type Sums } from "./evaluate";
import { NONE, count, span } from "./format";

/** `3 of 12`, `4.0 s of 5 min`: each with its own unit, as the two may differ. */
export function sample(metric: Metric, sums: Sums | null): string {
  if (!sums || metric.formula.kind !== "ratio") return NONE;
  const say = isTimeRatio(metric) ? span : count;
  return `${say(sums.get(metric.formula.num))} of ${say(denominator(metric, sums))}`;
}
