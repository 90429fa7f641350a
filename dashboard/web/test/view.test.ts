import { describe, expect, it } from "vitest";
import type { Incident } from "../src/control/types";
import { PlaybackStore } from "../src/feed/playback";
import { FeedState } from "../src/feed/state";
import type { Hello, PlaybackRow, Status } from "../src/feed/types";
import type { Sums } from "../src/metrics/evaluate";
import { culprit, rank } from "../src/metrics/impact";
import { Reading } from "../src/metrics/reading";
import { View, seenOf } from "../src/metrics/view";
import { linesFor } from "../src/room/plotdata";
import { REBUFFER, VIEWERS } from "./metrics";

const CUBOIDS = [
  { name: "content", width_s: 1, dimensions: ["content"] },
  { name: "delivery", width_s: 1, dimensions: ["content", "edge", "pipeline"] },
  // Fewer dimensions, and none of them is the content.
  { name: "network", width_s: 10, dimensions: ["edge", "asn"] },
];
const row = (pane: number, m: Record<string, number>, cell: Record<string, string> = { content: "demo" }, cuboid = "content"): PlaybackRow => ({ cuboid, pane, cell, m });

function store(...rows: PlaybackRow[]): PlaybackStore {
  const made = new PlaybackStore();
  made.declare(CUBOIDS);
  for (const one of rows) made.put(one);
  return made;
}

describe("store", () => {
  it("replaces by key: the same row twice counts once", () => {
    const view = View.of(store(row(1000, { viewers: 3 }), row(1000, { viewers: 5 })), null, null);
    expect(view?.value(VIEWERS, 1000)).toBe(5);
  });
  it("sums cells, and restricts to one content", () => {
    const rows = [row(1000, { viewers: 3 }), row(1000, { viewers: 4 }, { content: "other" })];
    expect(View.of(store(...rows), null, null)?.value(VIEWERS, 1000)).toBe(7);
    expect(View.of(store(...rows), null, "other")?.value(VIEWERS, 1000)).toBe(4);
  });
  it("groups an absent dimension as unknown", () => {
    const view = View.of(store(row(1000, { viewers: 2 }, { content: "demo" }, "delivery"), row(1000, { viewers: 3 }, { content: "demo", edge: "e1" }, "delivery")), "edge", null);
    expect([...(view?.groups(1000, 1).keys() ?? [])].sort()).toEqual(["e1", "unknown"]);
  });
  it("groups the server's rest as such in every dimension, and offers it as no content", () => {
    const lost = (ms: number) => ({ viewers: 40, rebuffering_ms: ms, playing_ms: 90_000 });
    const network = [row(10_000, lost(9_000), { edge: "__other__" }, "network"), row(10_000, lost(10), { edge: "e1", asn: "64500" }, "network"), row(10_000, lost(0), { edge: "e1" }, "network")];
    const held = store(...network, row(1000, { viewers: 5 }), row(1000, { viewers: 7 }, { content: "__other__" }));
    const groups = View.of(held, "asn", null)?.groups(10_000, 1) ?? new Map<string, Sums>();
    expect([...groups.keys()].sort()).toEqual(["AS64500", "others together", "unknown"]);
    expect(culprit(rank(REBUFFER, groups, 10))).toBeNull();
    expect(held.contents()).toEqual(["demo"]);
    expect(View.of(held, null, null)?.value(VIEWERS, 1000)).toBe(12);
  });
});

describe("lines of the chart", () => {
  it("are kept for a value that all viewers have left", () => {
    const cell = (edge: string) => ({ content: "demo", edge });
    const view = View.of(store(row(10_000, { viewers: 40 }, cell("e1"), "delivery"), row(20_000, { viewers: 80 }, cell("e2"), "delivery"), row(20_000, { viewers: 0 }, cell("e3"), "delivery")), "edge", null);
    expect([...(view?.names(5_000, 20_000) ?? [])].sort()).toEqual(["e1", "e2"]);
    expect([...(view?.names(15_000, 20_000) ?? [])]).toEqual(["e2"]);
  });
  it("are none for the few that no edge is known of yet", () => {
    const unknown = (n: number) => row(10_000, { viewers: n }, { content: "demo" }, "delivery");
    const names = (n: number) => [...(View.of(store(row(10_000, { viewers: 98 }, { content: "demo", edge: "e1" }, "delivery"), unknown(n)), "edge", null)?.names(5_000, 20_000) ?? [])].sort();
    expect(names(0)).toEqual(["e1"]);
    expect(names(2)).toEqual(["e1"]);
    expect(names(20)).toEqual(["e1", "unknown"]);
  });
  it("stay at zero while others are watched, and break where nothing is known", () => {
    const at = (pane: number, edge: string, viewers: number) => row(pane, { viewers }, { content: "demo", edge }, "delivery");
    const rows = [at(1000, "e1", 40), ...Array.from({ length: 9 }, (_, n) => at((n + 1) * 1000, "e2", 60)), { ...at(10_000, "e2", 9), partial: true }];
    const view = View.of(store(...rows), "edge", null);
    expect(view?.series(VIEWERS, 1000, 11_000, 100, "e1").y).toEqual([40, 0, 0, 0, 0, 0, 0, 0, 0, null, null]);
  });
  it("keep their order, and so their colour, while viewers move", () => {
    const of = (viewers: Record<string, number>, most = 6) => linesFor(Object.keys(viewers), (name) => viewers[name] ?? 0, most);
    expect(of({ e2: 53, e1: 45 })).toEqual(["e1", "e2"]);
    expect(of({ unknown: 60, e2: 0, e1: 98 })).toEqual(["e1", "e2", "unknown"]);
    expect(of({ "others together": 60, z1: 98 })).toEqual(["z1", "others together"]);
    expect(of({ a: 1, b: 3, c: 2 }, 2)).toEqual(["b", "c"]);
  });
});

describe("series", () => {
  it("draws a pane without rows as no data, or as zero where there can have been no viewers", () => {
    const view = View.of(store(row(1000, { viewers: 3 }), row(8000, { viewers: 4 })), null, null);
    const y = (): (number | null)[] | undefined => view?.series(VIEWERS, 1000, 8000, 100).y;
    expect(y()).toEqual([3, null, null, null, null, null, null, 4]);
    if (view) view.covered = [3000, 9000];
    expect(y()).toEqual([3, null, 0, 0, 0, 0, 0, 4]);
    // A ratio of nothing is unknown in any case.
    expect(view?.series(REBUFFER, 2000, 2000, 100).y).toEqual([null]);
  });
  it("takes a blink for a gap, not for everybody leaving", () => {
    const view = View.of(store(row(1000, { viewers: 3 }), row(3000, { viewers: 4 })), null, null);
    if (view) view.covered = [0, 9000];
    expect(view?.series(VIEWERS, 1000, 3000, 100).y).toEqual([3, null, 4]);
  });
  it("takes it so too where only every third pane is a point", () => {
    const rows = Array.from({ length: 30 }, (_, n) => n * 1000).filter((pane) => pane !== 15_000).map((pane) => row(pane, { viewers: 3 }));
    const view = View.of(store(...rows), null, null);
    if (view) view.covered = [0, 99_000];
    expect(view?.series(VIEWERS, 0, 29_000, 10).y).toContain(null);
    expect(view?.series(VIEWERS, 0, 29_000, 10).y).not.toContain(0);
  });
  it("keeps of a count what was seen before we went blind", () => {
    expect(seenOf({ x: [1, 2, 3, 4, 5], y: [3, 0, 4, null, 0] }, 0).y).toEqual([3, 0, 4, null, null]);
    expect(seenOf({ x: [1, 2], y: [0, 0] }, -Infinity).y).toEqual([null, null]);
    expect(seenOf({ x: [1, 2, 3], y: [4, 0, 0] }, 3).y).toEqual([4, 0, null]);
  });
  it("slides to the same value that a tile sums afresh", () => {
    const rows = Array.from({ length: 90 }, (_, n) => row(n * 1000, { playing_ms: 1000 + n, rebuffering_ms: (n * 37) % 90, viewers: 1 }));
    const view = View.of(store(...rows), null, null);
    const series = view?.series(REBUFFER, 40_000, 89_000, 1000);
    series?.x.forEach((time, at) => expect(series.y[at]).toBeCloseTo(view?.value(REBUFFER, time - 1000) ?? -1, 9));
    expect(series?.x.length).toBe(50);
  });
});

describe("reading", () => {
  const hello: Hello = { type: "hello", version: 1, now: 10_000, session: "a", resumed: false, metrics: [VIEWERS, REBUFFER], cuboids: CUBOIDS, minimum_sample: 20 };
  const status = (change: Partial<Status> = {}): Status => ({ type: "status", at: 10_000, partitions: 4, reporting: 4, log_time: 9_900, final_up_to: 0, freshness_ms: 100, sessions: 0, lost_events: 0, lost_entries: 0, ...change });
  function feed(...playback: PlaybackRow[]): { state: FeedState; clock: { now: number } } {
    const clock = { now: 10_000 };
    const state = new FeedState(() => clock.now);
    state.apply(hello);
    state.apply(status());
    state.apply({ type: "rows", seq: 0, at: 10_000, snapshot: true, playback });
    return { state, clock };
  }

  it("waits for whole panes, but not for ever", () => {
    const rows = [row(7000, { viewers: 8 }), { ...row(8000, { viewers: 5 }), partial: true }];
    expect(new Reading(feed(...rows).state, null).pane).toBe(7000);
    const late = [row(3000, { viewers: 8 }), { ...row(8000, { viewers: 5 }), partial: true }];
    const reading = new Reading(feed(...late).state, null);
    expect([reading.pane, reading.partial]).toEqual([8000, true]);
  });
  it("distinguishes no viewers from not knowing", () => {
    const { state, clock } = feed(row(8000, { viewers: 5 }));
    clock.now = 20_000;
    state.apply(status({ at: 20_000, log_time: 19_900 }));
    expect(new Reading(state, null).viewers()).toBe(0);
    clock.now = 40_000;
    expect(state.connected()).toBe(false);
    // Silent: the last known value stays; it is not turned into zero.
    expect(new Reading(state, null).viewers()).toBe(5);
    const blind = feed();
    blind.state.apply(status({ reporting: 3 }));
    expect(new Reading(blind.state, null).viewers()).toBeNull();
  });
  it("starts over with another server session or a new snapshot, and only then", () => {
    const { state } = feed(row(8000, { viewers: 5 }));
    state.apply({ ...hello, resumed: true });
    expect(new Reading(state, null).viewers()).toBe(5);
    state.apply({ ...hello, session: "b" });
    expect(new Reading(state, null).viewers()).toBeNull();
    // After a long gap the same session starts over too: what lies between is not zero.
    const gap = feed(row(8000, { viewers: 5 })).state;
    gap.apply(hello);
    expect(gap.coveredFrom).toBeNull();
    expect(new Reading(gap, null).viewers()).toBeNull();
  });
  it("never takes the gap of an outage for no viewers, whenever it is drawn", () => {
    const { state, clock } = feed(row(8000, { viewers: 5 }));
    clock.now = 70_000;
    const drawn = [new Reading(state, null).viewers()];
    // As the server sends it (docs/feed.md): the status follows the rows that it covers.
    for (const message of [{ ...hello, now: 70_000, resumed: true }, { type: "rows", seq: 1, at: 70_000, playback: [row(40_000, { viewers: 6 })] }, { type: "rows", seq: 2, at: 70_000, playback: [row(68_000, { viewers: 7 })] }, status({ at: 70_000, log_time: 69_900 })] as const) {
      state.apply(message as Parameters<typeof state.apply>[0]);
      drawn.push(new Reading(state, null).viewers());
    }
    expect([drawn, state.connected(), state.coveredFrom]).toEqual([[5, 5, 6, 7, 7], true, 9_900]);
  });
  it("forgets the incidents of a server whose data was reset, not over a gap", () => {
    const { state } = feed();
    const incidents = [{ id: "i1", state: "open", updated_at: 1 } as Incident];
    state.apply({ type: "rows", seq: 1, at: 0, incidents });
    state.apply(hello);
    expect(state.records.open()).toHaveLength(1);
    // They stay until the other has sent all that it has, and those that it has stay.
    state.apply({ ...hello, session: "b" });
    state.apply({ type: "rows", seq: 0, at: 0, snapshot: true, incidents: [{ ...incidents[0], id: "i2" } as Incident] });
    expect(state.records.open().map(({ id }) => id)).toEqual(["i1", "i2"]);
    state.apply({ type: "rows", seq: 1, at: 0, snapshot: true });
    expect(state.records.open().map(({ id }) => id)).toEqual(["i2"]);
  });
  it("ignores messages of a type that it does not know", () => {
    const { state, clock } = feed();
    clock.now = 20_000;
    for (const odd of [{ type: "news", at: 20_000 }, {}]) state.apply(odd as never);
    expect([state.connected(), state.status?.at]).toEqual([false, 10_000]);
  });
  it("counts updates that went missing, not the snapshot's number", () => {
    const { state } = feed();
    state.apply({ type: "rows", seq: 70, at: 0, snapshot: true });
    state.apply({ type: "rows", seq: 71, at: 0 });
    expect(state.missedDeltas).toBe(0);
    state.apply({ type: "rows", seq: 74, at: 0 });
    expect(state.missedDeltas).toBe(2);
  });
});
