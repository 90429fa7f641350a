// A metric's value from summed rows, by the same rule as schemas/src/metrics.rs. The formulas
// themselves come from the server, so that a definition exists once.

import type { Metric, PlaybackRow } from "../feed/types";
import { Sketch } from "./bins";

/** Sums over panes and cells: measures by name and the two sketches. */
export class Sums {
  private readonly measures = new Map<string, number>();
  readonly startup = new Sketch();
  readonly latency = new Sketch();

  /** `names` limits the sums to those that one metric needs, which keeps long walks cheap. */
  constructor(private readonly names: readonly string[] | null = null) {}

  /** Adds a row, or removes it with `sign` −1. */
  add(row: Pick<PlaybackRow, "m" | "startup" | "latency">, sign: 1 | -1 = 1): void {
    const measures = row.m;
    if (measures) {
      for (const name of this.names ?? Object.keys(measures)) {
        const value = measures[name];
        if (value) this.measures.set(name, this.get(name) + sign * value);
      }
    }
    if (!this.names || this.names.includes("startup_sketch")) this.startup.add(row.startup, sign);
    if (!this.names || this.names.includes("latency_sketch")) this.latency.add(row.latency, sign);
  }

  /** A measure; rows name only those that are not zero. */
  get(name: string): number {
    return this.measures.get(name) ?? 0;
  }

  /** The sketch that a quantile names. */
  sketch(of: string): Sketch | null {
    if (of === "startup_sketch") return this.startup;
    return of === "latency_sketch" ? this.latency : null;
  }
}

/** The value, or null when it is unknown. `seconds` is the span of the panes summed. */
export function evaluate(metric: Metric, sums: Sums, seconds: number): number | null {
  const formula = metric.formula;
  switch (formula.kind) {
    case "gauge":
      return sums.get(formula.of);
    case "rate":
      return seconds > 0 ? sums.get(formula.of) / seconds : null;
    case "ratio": {
      const den = denominator(metric, sums);
      return den > 0 ? (formula.scale * sums.get(formula.num)) / den : null;
    }
    case "quantile":
      return sums.sketch(formula.of)?.quantile(formula.q) ?? null;
  }
}

/** Whether it counts: then no row means zero, unless nothing was observed. */
export function isCount(metric: Metric): boolean {
  return metric.formula.kind === "gauge" || metric.formula.kind === "rate";
}

/**
 * The measures and sketches that a metric reads, each once: a numerator may be in the denominator.
 */
export function needs(metric: Metric): readonly string[] {
  const formula = metric.formula;
  return formula.kind === "ratio" ? [...new Set([formula.num, ...formula.den])] : [formula.of];
}

/** A ratio's denominator, a quantile's count of values; 0 for the others. */
export function denominator(metric: Metric, sums: Sums): number {
  const formula = metric.formula;
  if (formula.kind === "ratio") return formula.den.reduce((all, name) => all + sums.get(name), 0);
  return formula.kind === "quantile" ? (sums.sketch(formula.of)?.count ?? 0) : 0;
}

/** Whether the denominator is a time: then the sample is viewers, not milliseconds. */
export function isTimeRatio(metric: Metric): boolean {
  return metric.formula.kind === "ratio" && metric.formula.den.every((name) => name.endsWith("_ms"));
}

/**
 * Whether too few samples are behind a value to judge it. Gauges and rates are counts themselves,
 * so they are always judged.
 */
export function isSmall(metric: Metric, sums: Sums, viewers: number, minimum: number): boolean {
  if (isCount(metric)) return false;
  return (isTimeRatio(metric) ? viewers : denominator(metric, sums)) < minimum;
}

/** 0 normal, 1 watch, 2 degraded, 3 broken. */
export type Level = 0 | 1 | 2 | 3;

/** The bad luck of one or two viewers is not an incident: fewer events than this raise no alarm. */
export const FEWEST_EVENTS = 3;

/** How far a value departs from normal by the metric's own limits. */
export function levelOf(metric: Metric, value: number | null, sums: Sums | null = null): Level {
  if (value === null || !metric.limits || metric.bad === "neither") return 0;
  const formula = metric.formula;
  const countsEvents = formula.kind === "ratio" && !formula.num.endsWith("_ms");
  if (sums && countsEvents && sums.get(formula.num) < FEWEST_EVENTS) return 0;
  const past = (limit: number): boolean => (metric.bad === "high" ? value >= limit : value <= limit);
  const [watch, degraded, broken] = metric.limits;
  if (past(broken)) return 3;
  if (past(degraded)) return 2;
  return past(watch) ? 1 : 0;
}
