import { describe, expect, it } from "vitest";
import type { Metric } from "../src/feed/types";
import { Sketch, binValue } from "../src/metrics/bins";
import { Sums, evaluate, isSmall, levelOf, needs } from "../src/metrics/evaluate";
import { culprit, rank } from "../src/metrics/impact";
import { sample } from "../src/metrics/sample";
import { FAILURES, REBUFFER, STARTS, STARTUP, VIEWERS } from "./metrics";

/** The rule of schemas/src/sketch.rs, by which the platform makes bins. */
const indexOf = (value: number): number => (value < 1 ? -1 : Math.ceil(Math.log(value) / Math.log(1.01 / 0.99)));

describe("sketch", () => {
  it("gives quantiles within one per cent of the nearest rank", () => {
    const values = Array.from({ length: 500 }, (_, n) => Math.round(50 + ((n * 7919) % 9000)));
    const sketch = new Sketch();
    for (const value of values) sketch.add([[indexOf(value), 1]]);
    const sorted = [...values].sort((a, b) => a - b);
    for (const q of [0, 0.01, 0.5, 0.95, 0.99, 1]) {
      const exact = sorted[Math.round(q * (sorted.length - 1))] ?? 0;
      expect(Math.abs((sketch.quantile(q) ?? 0) - exact)).toBeLessThanOrEqual(exact * 0.01 + 1e-9);
    }
  });
  it("holds zeros in bin −1 and knows nothing without values", () => {
    expect(binValue(-1)).toBe(0);
    expect(new Sketch().quantile(0.5)).toBeNull();
    const zeros = new Sketch();
    zeros.add([[-1, 3]]);
    expect(zeros.quantile(0.5)).toBe(0);
  });
  it("forgets what is taken out again", () => {
    const sketch = new Sketch();
    sketch.add([[100, 2], [300, 5]]);
    sketch.add([[300, 5]], -1);
    expect(sketch.count).toBe(2);
    expect(sketch.bins()).toEqual([[100, 2]]);
  });
});

describe("evaluate", () => {
  it("takes a ratio of sums, never a mean of ratios", () => {
    const sums = new Sums();
    sums.add({ m: { playing_ms: 900, rebuffering_ms: 100 } });
    sums.add({ m: { playing_ms: 9_000 } });
    expect(evaluate(REBUFFER, sums, 1)).toBeCloseTo(1, 9);
  });
  it("does not count a numerator twice that is in the denominator", () => {
    const sums = new Sums(needs(REBUFFER));
    sums.add({ m: { playing_ms: 900, rebuffering_ms: 100 } });
    expect(evaluate(REBUFFER, sums, 1)).toBe(10);
  });
  it("is unknown without a denominator, and zero where nothing happened", () => {
    expect(evaluate(REBUFFER, new Sums(), 1)).toBeNull();
    expect(evaluate(STARTUP, new Sums(), 1)).toBeNull();
    const sums = new Sums();
    sums.add({ m: { starts: 20 } });
    expect(evaluate(STARTS, sums, 10)).toBe(2);
    expect(evaluate(STARTS, sums, 0)).toBeNull();
    expect(evaluate(VIEWERS, sums, 1)).toBe(0);
  });
  it("judges by viewers where the denominator is a time", () => {
    const sums = new Sums();
    sums.add({ m: { playing_ms: 60_000, attempts: 100, viewers: 3 } });
    expect(isSmall(REBUFFER, sums, 3, 20)).toBe(true);
    expect(isSmall(REBUFFER, sums, 20, 20)).toBe(false);
    expect(isSmall(FAILURES, sums, 3, 20)).toBe(false);
    expect(isSmall(VIEWERS, sums, 3, 20)).toBe(false);
  });
  it("has three steps, in the metric's own direction", () => {
    expect([null, 0.4, 0.5, 1, 3].map((value) => levelOf(REBUFFER, value))).toEqual([0, 0, 1, 2, 3]);
    const low: Metric = { ...REBUFFER, bad: "low", limits: [90, 50, 10] };
    expect([95, 90, 30, 5].map((value) => levelOf(low, value))).toEqual([0, 1, 2, 3]);
  });
});

describe("the replacement of a percentage of too few", () => {
  it("gives each of its two figures the unit that it has", () => {
    const sums = new Sums();
    sums.add({ m: { rebuffering_ms: 4_000, playing_ms: 296_000, start_failures: 2, attempts: 9 } });
    expect(sample(REBUFFER, sums)).toBe("4.0 s of 5 min");
    expect(sample(FAILURES, sums)).toBe("2 of 9");
    expect([sample(REBUFFER, null), sample(VIEWERS, sums)]).toEqual(["–", "–"]);
  });
});

describe("alarms", () => {
  it("are not raised by one or two viewers' bad luck", () => {
    const sums = (failures: number): Sums => {
      const made = new Sums();
      made.add({ m: { failures, start_failures: failures, attempts: 40, starts: 40 } });
      return made;
    };
    expect([2, 3].map((n) => levelOf(FAILURES, 7, sums(n)) > 0)).toEqual([false, true]);
  });
  it("count events also where they are divided by time", () => {
    const perHour: Metric = { ...FAILURES, formula: { kind: "ratio", num: "failures", den: ["playing_ms"], scale: 3_600_000 } };
    const sums = (failures: number): Sums => {
      const made = new Sums();
      made.add({ m: { failures, playing_ms: 1_200_000 } });
      return made;
    };
    expect([2, 3].map((n) => levelOf(perHour, 7, sums(n)) > 0)).toEqual([false, true]);
    const time = new Sums();
    time.add({ m: { rebuffering_ms: 2, playing_ms: 98 } });
    expect(levelOf(REBUFFER, 2, time), "milliseconds are not events").toBeGreaterThan(0);
  });
});

describe("impact", () => {
  const group = (m: Record<string, number>): Sums => {
    const sums = new Sums();
    sums.add({ m });
    return sums;
  };
  it("ranks by share of the loss and shows what would be due", () => {
    const ranked = rank(REBUFFER, new Map([["e2", group({ playing_ms: 9_900, rebuffering_ms: 100 })], ["e1", group({ playing_ms: 9_100, rebuffering_ms: 900 })]]), 30);
    expect(ranked.map((one) => [one.group, one.share, one.due])).toEqual([["e1", 0.9, 0.5], ["e2", 0.1, 0.5]]);
    expect(culprit(ranked)?.group).toBe("e1");
  });
  it("singles out no group for a handful of losses, nor the unknown one", () => {
    const groups = (lost: number, name = "e1"): Map<string, Sums> => new Map([[name, group({ attempts: 50, start_failures: lost })], ["e2", group({ attempts: 50 })]]);
    expect(culprit(rank(FAILURES, groups(4), 60))).toBeNull();
    expect(culprit(rank(FAILURES, groups(5), 60))?.group).toBe("e1");
    expect(culprit(rank(FAILURES, groups(50, "unknown"), 60))).toBeNull();
  });
});
