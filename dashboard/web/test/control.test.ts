import { describe, expect, it } from "vitest";
import { annotations } from "../src/control/annotations";
import { Records } from "../src/control/records";
import type { Action, Incident } from "../src/control/types";
import { KEPT, merge } from "../src/stream/segments";
import { copyOf, parseStrip, readSegments } from "../src/stream/strip";

const incident = (id: string, rest: Partial<Incident> = {}): Incident => ({ id, opened_at: 10_000, symptom_at: 8_000, well_since: null, closes_at: null, closed_at: null, no_action: null, no_action_until: null, cause: "Edge e1 answers slowly", culprit: "edge", name: "e1", cohort: "viewers of edge e1", viewers: 61, severity: "degraded", evidence: [], owner: null, state: "open", notes: [], updated_at: 10_000, ...rest });
const action = (id: string, rest: Partial<Action> = {}): Action => ({ id, incident: "a", at: 11_000, taken_at: null, kind: "shift_edge", target: "e1", to: "e2", share: 0.65, viewers: 40, load_after: 0.93, title: "Move 40 of 61 viewers from e1 to e2", evidence: [], forecast: "", undo: "one click", undo_of: null, state: "offered", acts_at: 15_000, outcome: null, by: "steering", updated_at: 11_000, ...rest });

describe("records", () => {
  it("keeps the newer of two, whichever way it came", () => {
    const records = new Records();
    records.putIncidents([incident("a", { owner: "mia", state: "acknowledged", updated_at: 12_000 })]);
    records.putIncidents([incident("a")]);
    expect(records.open()[0]).toMatchObject({ owner: "mia", state: "acknowledged" });
    records.putIncidents([incident("a", { state: "closed", closed_at: 20_000, updated_at: 20_000 })]);
    expect(records.open()).toEqual([]);
    expect(records.allIncidents()).toHaveLength(1);
  });
  it("knows what ended last, whenever it began", () => {
    const records = new Records();
    expect(records.lastClosed()).toBeNull();
    records.putIncidents([incident("long", { opened_at: 1_000, closed_at: 90_000 }), incident("short", { opened_at: 20_000, closed_at: 30_000 }), incident("open", { opened_at: 80_000 })]);
    expect(records.lastClosed()?.id).toBe("long");
  });
  it("puts the worst first and what waits for a click before what is over", () => {
    const records = new Records();
    records.putIncidents([incident("old", { opened_at: 1 }), incident("bad", { severity: "broken" })]);
    expect(records.open().map((one) => one.id)).toEqual(["bad", "old"]);
    records.putIncidents([incident("old", { viewers: 0, opened_at: 1 }), incident("felt", { viewers: 49, opened_at: 2 })]);
    expect(records.open().map((one) => one.id)).toEqual(["bad", "felt", "old"]);
    records.putActions([action("x", { state: "ended", at: 12_000 }), action("y")]);
    expect(records.answers("a").map((one) => one.id)).toEqual(["y", "x"]);
  });
});

describe("annotations", () => {
  it("are what happened: no offers, and incidents from their first symptom", () => {
    const records = new Records();
    records.putIncidents([incident("a")]);
    records.putActions([action("offer"), action("done", { state: "taken" })]);
    expect(annotations(records, 9_000, 30_000)).toEqual([
      { at: 8_000, until: null, text: "Edge e1 answers slowly", level: 2 },
      { at: 11_000, until: 11_000, text: "Move 40 of 61 viewers from e1 to e2", level: 0 },
    ]);
    expect(annotations(records, 12_000, 30_000)).toHaveLength(1);
  });
});

describe("copies", () => {
  const answer = { tracks: ["v-360"], grid: { num: 2, den: 1 }, margin: 1_000_000, masked: ["A"], now: 1_790_000_000_000_000, segments: [{ track: "v-360", k: 7, state: "on_time", pipeline: "B", copies: [{ pipeline: "A", state: "missing", arrived_at: null }, { pipeline: "B", state: "on_time", arrived_at: 1_790_000_000_340_000, frames: 50, bytes: 91_204 }, { pipeline: "C", state: "odd" }] }] };
  it("are read beside the schedule, and what is not understood is left out", () => {
    const strip = parseStrip(answer, 1_790_000_000_100);
    expect(strip).toMatchObject({ pipelines: ["A", "B"], masked: ["A"], lengthMs: 2_000, marginMs: 1_000, clockOffset: -100 });
    const one = strip.at("v-360", 7);
    expect(one && copyOf(one, "B")).toMatchObject({ state: "on_time", frames: 50, arrivedAt: 1_790_000_000_340 });
    expect(one && copyOf(one, "C")).toBeNull();
  });
  it("of a time when no pipeline sent are not listed as missing", () => {
    const at = (k: number, arrived: number | null): object => ({ track: "v", k, state: arrived === null ? "slate" : "on_time", pipeline: arrived === null ? "slate" : "A", copies: [{ pipeline: "A", state: arrived === null ? "missing" : "on_time", arrived_at: arrived }] });
    const strip = parseStrip({ segments: [at(1, null), at(2, 5_000_000), at(3, null)] });
    expect(strip.ks).toEqual([2, 3]);
    expect(strip.at("v", 1)).toBeUndefined();
    expect(strip.at("v", 3)).toMatchObject({ state: "slate" });
    // Nothing arrived at all: that is an outage, and shown as one.
    expect(parseStrip({ segments: [at(1, null), at(2, null)] }).ks).toEqual([1, 2]);
  });
  it("are concluded from an older server's answer", () => {
    const strip = parseStrip({ segments: [{ track: "v-360", k: 7, state: "late", pipeline: "A" }] });
    const one = strip.at("v-360", 7);
    expect(one && copyOf(one, "A")).toMatchObject({ pipeline: "A", state: "late" });
    expect(one && copyOf(one, "B")).toBeNull();
  });
  it("are kept as long as they are shown", () => {
    const at = (k: number, state = "on_time"): ReturnType<typeof readSegments> => readSegments({ segments: [{ track: "v", k, state }] });
    const held = merge(merge(new Map(), at(1)), at(2, "pending"));
    expect([...merge(held, at(2)).values()].map((one) => one.state)).toEqual(["on_time", "on_time"]);
    expect([...merge(held, at(1 + KEPT)).keys()]).toEqual(["v 2", `v ${1 + KEPT}`]);
    expect([...merge(held, at(1)).keys()]).toEqual(["v 1"]);
  });
});
