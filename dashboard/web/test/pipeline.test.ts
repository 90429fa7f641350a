import { describe, expect, it } from "vitest";
import type { App } from "../src/app";
import type { EdgeStatus } from "../src/control/types";
import { FeedState } from "../src/feed/state";
import { departingParts } from "../src/pipeline/departing";
import { Delivery, edgeBox, encoderBox, kText, originBox, proberRow } from "../src/pipeline/figures";
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
  it("has recovered when what departs is no longer among the newest", () => {
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

describe("a silent part", () => {
  const NOW = 60_000;
  /** What the pages know when edge e1, encoder A and the origin last reported at `last`. */
  function app(last: number, edge: Partial<EdgeStatus>, failedSince: number | null = null, steeringFails = false): App {
    const feed = new FeedState(() => NOW);
    feed.statusAt = NOW;
    feed.apply({ type: "rows", seq: 1, at: NOW, delivery: [{ pane: last, service: "edge", edge: "e1", action: "load" }, { pane: last, service: "packager", pipeline: "A", action: "put" }, { pane: last, service: "origin", action: "get" }] });
    const known = { prober: { ok: true, ttfb_ms: 20, at: NOW }, sessions: 40, capacity_kbps: null, reserved_kbps: null, ...edge };
    return { feed, steering: { edge: () => known, pipeline: () => null, lost: () => false, failedSince: steeringFails ? 0 : null, answersSince: -Infinity }, segments: { strip: strip(["on_time", "on_time"]), failedSince } } as unknown as App;
  }
  const edge = (...given: Parameters<typeof app>) => {
    const one = app(...given);
    const { level, word, blind, rows } = edgeBox(one, new Delivery(one), "e1");
    return [level, word, blind, rows[0]?.value];
  };
  it("is idle only where it is known that it has no sessions", () => {
    expect(edge(58_000, {})).toEqual([0, "", false, "–"]);
    expect(edge(40_000, {})).toEqual([2, "no report for 19 s", true, "–"]);
    expect(edge(40_000, { sessions: null })[1]).toBe("no report for 19 s");
    expect(edge(40_000, { sessions: 0 })).toEqual([0, "idle", false, "0 /s"]);
    expect(edge(40_000, { sessions: 0, prober: null })).toEqual([3, "no report for 19 s", true, "–"]);
  });
  it("keeps no figure of the schedule that does not answer", () => {
    const onTimeOf = (failedSince: number | null) => {
      const one = app(58_000, {}, failedSince);
      return encoderBox(one, new Delivery(one), "A").rows.find(({ name }) => name === "on time")?.value;
    };
    expect([onTimeOf(null), onTimeOf(50_000)]).toEqual(["1 of 1", "–"]);
  });
  it("is not the origin where only steering, which passes its schedule on, does not answer", () => {
    const origin = (failedSince: number | null, steeringFails: boolean) => {
      const one = app(58_000, {}, failedSince, steeringFails);
      const { level, word, blind, rows } = originBox(one, new Delivery(one));
      return [level, word, blind, rows[0]?.value];
    };
    expect(origin(null, false)).toEqual([0, "", false, "A 1 · B 0"]);
    expect(origin(50_000, false)).toEqual([3, "schedule does not answer", true, "–"]);
    expect(origin(50_000, true)).toEqual([0, "schedule not known", true, "–"]);
  });
  it("is not known to be one before the feed's first snapshot is complete", () => {
    const one = app(40_000, {});
    one.feed.seq = 0;
    const { level, word } = edgeBox(one, new Delivery(one), "e1");
    expect([level, word]).toEqual([0, "not known"]);
  });
});

describe("the prober", () => {
  it("distinguishes an error answer from no answer, both as bad", () => {
    const row = (prober: Partial<NonNullable<EdgeStatus["prober"]>>) => {
      const { value, level } = proberRow({ ok: false, ttfb_ms: null, at: 1, ...prober });
      return [value, level];
    };
    expect(row({ error: 502 })).toEqual(["error 502", 3]);
    expect(row({ error: null })).toEqual(["no answer", 3]);
    // The answer of an older steering service.
    expect(row({})).toEqual(["no answer", 3]);
    expect(row({ ttfb_ms: 1_500, error: null })).toEqual(["1.50 s", 2]);
    expect(row({ ok: true, ttfb_ms: 20, error: null })).toEqual(["20 ms", undefined]);
  });
});

describe("a CDN that is not ours", () => {
  it("has its age by the server's clock, whatever this page's clock says", () => {
    const at = Date.now() + 3_600_000;
    const status = { edges: [{ name: "cdn-a", health: "bad", why: "slow", share: 1, sessions: 3, capacity_kbps: null, reserved_kbps: null, prober: { ok: true, ttfb_ms: 20, at } }] };
    const feed = new FeedState(() => at + 4_000);
    const [box] = departingParts({ feed, steering: { media: () => false, status } } as unknown as App);
    expect([box?.word, box?.age]).toEqual(["slow", 4_000]);
  });
});

describe("segment numbers", () => {
  it("are grouped", () => {
    expect(kText(898_213_462)).toBe("898\u2009213\u2009462");
    expect(kText(7)).toBe("7");
  });
});
