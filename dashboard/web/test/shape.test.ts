// What the SQL page makes of a result.

import { describe, expect, it } from "vitest";
import { chartOf, fieldsOf, opensAsChart, scalesOf, shownAs } from "../src/sql/shape";

describe("a result", () => {
  const rows = [{ at: "2026-11-25T20:00:00", edge: "e1", requests: 10, pct: 0.2 }, { at: "2026-11-25T20:00:10", edge: "e1", requests: 12, pct: 0.1 }, { at: "2026-11-25T20:00:10", edge: "e2", requests: 9, pct: null }];

  it("knows its columns", () => {
    expect(fieldsOf(rows).map(({ name, kind }) => `${name} ${kind}`)).toEqual(["at time", "edge text", "requests number", "pct number"]);
    expect(fieldsOf([{ a: null }, { a: 1, b: [1] }]).map(({ kind }) => kind)).toEqual(["number", "nested"]);
    expect([shownAs(null, "text"), shownAs("2026-11-25T20:00:00.25", "time"), shownAs(1 / 3, "number")]).toEqual(["NULL", "2026-11-25 20:00:00.250", "0.3333333"]);
  });

  it("is lines over time, one per name, with gaps where there is no value", () => {
    const shape = chartOf(rows, fieldsOf(rows));
    if (shape.kind !== "lines") throw new Error(shape.kind);
    expect(shape.what).toBe("requests by edge");
    expect(shape.lines).toEqual([{ name: "e1", y: [10, 12] }, { name: "e2", y: [null, 9] }]);
  });

  it("has a line for each combination of its names", () => {
    const at = (second: number, device: string, edge: string, viewers: number) => ({ device, edge, pane: `2026-11-25T20:00:0${second}`, viewers, playing_ms: 1 });
    const cells = [1, 2, 3].flatMap((second) => [at(second, "tv", "e1", 8), at(second, "tv", "e2", 7), at(second, "web", "e1", 6)]);
    const shape = chartOf(cells, fieldsOf(cells));
    if (shape.kind !== "lines") throw new Error(shape.kind);
    expect([shape.what, shape.hidden, opensAsChart(shape, fieldsOf(cells))]).toEqual(["viewers by device, edge", 0, true]);
    expect(shape.lines).toEqual([["tv · e1", 8], ["tv · e2", 7], ["web · e1", 6]].map(([name, viewers]) => ({ name, y: [viewers, viewers, viewers] })));
  });

  it("that lines do not show whole opens as a table, and says how much of it they lack", () => {
    const twice = [1, 2, 3, 3].map((second) => ({ at: `2026-11-25T20:00:0${second}`, k: second, bytes: 5 }));
    const shape = chartOf(twice, fieldsOf(twice));
    expect([shape, opensAsChart(shape, fieldsOf(twice))]).toMatchObject([{ kind: "lines", hidden: 1 }, false]);
  });

  it("keeps what is not known apart from zero, and all digits of a whole part", () => {
    const bars = [{ edge: "e1", pct: null }, { edge: "e2", pct: 0 }];
    expect(chartOf(bars, fieldsOf(bars))).toMatchObject({ bars: [{ name: "e1", value: null }, { name: "e2", value: 0 }] });
    expect([12_345_678.5, -1234.56789012, 0.1 + 0.2, 1.5e-9].map((value) => shownAs(value, "number"))).toEqual(["12345678.5", "-1234.56789", "0.3", "1.5e-9"]);
  });

  it("is bars without a time, and nothing without a number", () => {
    const bars = [{ fate: "accepted", events: 5 }, { fate: "late", events: 1 }];
    expect(chartOf(bars, fieldsOf(bars))).toMatchObject({ kind: "bars", value: "events", bars: [{ name: "accepted", value: 5 }, { name: "late", value: 1 }] });
    expect(chartOf([{ a: "x" }], fieldsOf([{ a: "x" }])).kind).toBe("none");
    expect(chartOf([], []).kind).toBe("none");
  });

  it("draws what cannot share a scale under one another", () => {
    const line = (name: string, top: number) => ({ name, y: [0, top] });
    const shape = { kind: "lines" as const, what: "", x: [0, 1], lines: [line("viewers", 200), line("ratio", 0.3), line("starts", 90)], left: 0 };
    expect(scalesOf(shape).map((group) => group.map(({ name }) => name))).toEqual([["viewers", "starts"], ["ratio"]]);
  });
});
