import { describe, expect, it } from "vitest";
import { kText } from "../src/pipeline/figures";
import { onTime, servedShare, spareOf, stateOf } from "../src/pipeline/judge";
import { parseStrip, type Strip } from "../src/stream/strip";

const K = 895_000_000;
const copy = (pipeline: string, k: number, state: string, after = 310): object => ({ pipeline, state, arrived_at: state === "missing" || state === "pending" ? null : ((k + 1) * 2_000 + after) * 1_000 });
/** A strip of one track: the states of A and of B for each K. */
function strip(...states: (readonly [a: string, b: string, served?: string])[]): Strip {
  const segments = states.map(([a, b, served = "A"], at) => ({ track: "v-360", k: K + at, state: "on_time", pipeline: served, copies: [copy("A", K + at, a), copy("B", K + at, b, 340)] }));
  return parseStrip({ tracks: ["v-360"], grid: { num: 2, den: 1 }, segments });
}

describe("a pipeline", () => {
  it("is judged by its newest segments, the worst of them speaking", () => {
    const one = strip(["on_time", "on_time"], ["frozen", "on_time", "B"], ["on_time", "late"], ["pending", "pending"]);
    expect(stateOf(one, "A")).toEqual({ level: 3, word: "frozen" });
    expect(stateOf(one, "B")).toEqual({ level: 1, word: "late" });
    expect(onTime(one, "A")).toEqual({ kept: 2, of: 3 });
  });
  it("is well again when what departs is no longer among the newest", () => {
    const well = ["on_time", "on_time"] as const;
    expect(stateOf(strip(["missing", "on_time", "B"], well, well, well), "A")).toEqual({ level: 0, word: "" });
  });
  it("says how long after the close its segments arrive, and how much of it is served", () => {
    const one = strip(["on_time", "on_time"], ["missing", "on_time", "B"], ["missing", "on_time", "B"], ["missing", "on_time", "B"]);
    expect(spareOf(one, "B")).toBe(340);
    expect(servedShare(one, "B")).toBe(0.75);
    expect(servedShare(strip(), "A")).toBe(0);
    expect(spareOf(strip(), "A")).toBeNull();
  });
});

describe("segment numbers", () => {
  it("are grouped", () => {
    expect(kText(898_213_462)).toBe("898\u2009213\u2009462");
    expect(kText(7)).toBe("7");
  });
});
