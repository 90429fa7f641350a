// Input for uPlot: columns on one time axis, and the formula in words.

import type uPlot from "uplot";
import { isOneValue } from "../feed/playback";
import type { Metric } from "../feed/types";
import type { Series } from "../metrics/view";

/** Joins series on a common time axis; where a series has no point, there is no data. */
export function align(series: readonly Series[]): uPlot.AlignedData {
  const times = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
  const place = new Map(times.map((time, at) => [time, at]));
  const columns = series.map((one) => {
    const column: (number | null)[] = new Array<number | null>(times.length).fill(null);
    one.x.forEach((time, at) => {
      const index = place.get(time);
      if (index !== undefined) column[index] = one.y[at] ?? null;
    });
    return column;
  });
  return [times.map((time) => time / 1000), ...columns];
}

/**
 * The values of a dimension that get a line: those with most viewers, in the order of their names,
 * so that a line keeps its colour while viewers move between them.
 */
export function linesFor(names: Iterable<string>, viewers: (name: string) => number, most: number): string[] {
  const byName = (a: string, b: string): number => Number(!isOneValue(a)) - Number(!isOneValue(b)) || a.localeCompare(b);
  return [...names]
    .sort((a, b) => viewers(b) - viewers(a) || byName(a, b))
    .slice(0, most)
    .sort(byName);
}

export function formulaWords(metric: Metric): string {
  const plain = (name: string): string => name.replace(/_(ms|sketch|count)$/g, "").replaceAll("_", " ");
  const { formula } = metric;
  switch (formula.kind) {
    case "gauge":
      return "at the end of each second";
    case "rate":
      return `per second over ${metric.window_s} s`;
    case "ratio":
      return metric.unit === "%" ? `${plain(formula.num)} ÷ ${metric.denominator}, over ${metric.window_s} s` : `over ${metric.denominator}, ${metric.window_s} s`;
    case "quantile":
      return `quantile ${formula.q} of ${metric.window_s} s`;
  }
}
