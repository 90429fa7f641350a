// The sentences of the Control room, and where they are shown.

import { describe, expect, it, vi } from "vitest";
import type { App } from "../src/app";
import type { Annotation } from "../src/control/annotations";
import type { Incident } from "../src/control/types";
import { originAsked } from "../src/feed/delivery";
import type { Value } from "../src/metrics/reading";
import { layLabels, shades } from "../src/room/annotate";
import { calmWords } from "../src/room/calm";
import { Changes } from "../src/room/changes";
import { shownOf, type Entry } from "../src/room/log";
import { encoderMark } from "../src/room/strip";
import { fit } from "../src/ui/fit";
import { REBUFFER, STARTUP, VIEWERS } from "./metrics";

const letters = (text: string): number => text.length;

describe("labels above the chart", () => {
  const note = (at: number, text: string): Annotation => ({ at, until: at, text, level: 0 });
  const lay = (list: Annotation[]) => layLabels(list, (at) => at, letters, 0, 100, 2);

  it("never stand upon each other, and the newest is read whole", () => {
    const list = [note(10, "Edge e1 answers slowly"), note(20, "Move 51 of 51 viewers from e1 to e2"), note(24, "Bring 51 viewers back to e1"), note(90, "Edge e2 is full and refuses sessions")];
    const labels = lay(list);
    expect(labels[0]).toMatchObject({ text: "Edge e2 is full and refuses sessions", x: 64 });
    for (const lane of [0, 1]) {
      const own = labels.filter((one) => one.lane === lane).sort((a, b) => a.x - b.x);
      own.slice(1).forEach((one, at) => expect((own[at]?.x ?? 0) + (own[at]?.text.length ?? 0)).toBeLessThanOrEqual(one.x - 2));
    }
  });
  it("tell incidents before actions", () => {
    const incident: Annotation = { at: 80, until: null, text: "Edge e1 answers slowly", level: 2 };
    const texts = lay([incident, note(84, "Move 51 of 51 viewers from e1 to e2"), note(88, "Keep 4 of 4 viewers on low rungs")]).map(({ text }) => text);
    expect(texts[0]).toBe("▲ Edge e1 answers slowly");
  });
  it("shade once where spans lie upon each other, by the worst", () => {
    const span = (at: number, until: number | null, level: Annotation["level"]): Annotation => ({ at, until, text: "", level });
    expect(shades([span(10, 40, 2), span(20, 30, 3), span(50, null, 1), note(60, "an action")])).toEqual([
      { from: 10, to: 20, level: 2 },
      { from: 20, to: 30, level: 3 },
      { from: 30, to: 40, level: 2 },
      { from: 50, to: Infinity, level: 1 },
    ]);
  });
  it("are left out where only letters would fit", () => {
    expect(lay([note(50, "one"), note(52, "Another that is long"), note(53, "And one that is longer"), note(54, "The newest of all of them")]).length).toBeLessThan(4);
    expect(fit("dash.js 28: http://127.0.0.1", 12, letters)).toBe("dash.js 28:…");
    expect(fit("dash.js 28", 4, letters)).toBeNull();
  });
});

describe("a room without incidents", () => {
  const read = (metric: Value["metric"], value: number, level: Value["level"] = 0): Value => ({ metric, value, level, before: null, sums: null, small: false });
  const values = [read(VIEWERS, 100), read(REBUFFER, 0.1), read(STARTUP, 200)];
  const last = { closed_at: 80_000, cause: "Edge e1 answers slowly" } as Incident;

  it("is called calm only when no part departs from normal", () => {
    expect(calmWords(values, [], null, 90_000)).toBe("All parts report, nothing departs from normal: 2 of 2 metrics with limits are within them.");
    const parts = [{ title: "Encoder A", word: "missing", level: 3 as const }, { title: "Edge e1's picture", word: "black, silent", level: 1 as const }];
    expect(calmWords(values, parts, null, 90_000)).toBe("Encoder A: missing, Edge e1's picture: black, silent. No incident is open for them. 2 of 2 metrics with limits are within them.");
  });
  it("names the metric that departs, and the incident that its window still holds", () => {
    const bad = [read(VIEWERS, 100), read(REBUFFER, 1.2, 2)];
    expect(calmWords(bad, [], null, 90_000)).toContain("Rebuffer ratio 1.20 % departs from normal, and no part is found at fault");
    expect(calmWords(bad, [], last, 90_000)).toContain('departs from normal, as their window still holds "Edge e1 answers slowly", over 10 s ago');
    expect(calmWords(bad, [], last, 990_000)).toContain("no part is found at fault");
  });
});

describe("changes", () => {
  it("are not made by a value of too few viewers", () => {
    const app = { feed: { now: () => 1, status: null } } as unknown as App;
    const [changes, one] = [new Changes(), { metric: REBUFFER, before: null, sums: null }];
    const texts = (): string[] => changes.list.map(({ text }) => text);
    changes.watch(app, [{ ...one, value: 9, level: 0, small: true }]);
    changes.watch(app, [{ ...one, value: 9, level: 3, small: false }]);
    expect(texts()).toEqual(["rebuffer ratio broken"]);
    changes.watch(app, [{ ...one, value: 9, level: 0, small: true }]);
    expect(texts()).toHaveLength(1);
    changes.watch(app, [{ ...one, value: 0, level: 0, small: false }]);
    expect(texts()[0]).toBe("rebuffer ratio back to normal");
  });
});

describe("the log", () => {
  const entry = (n: number, undo: string | null = null): Entry => ({ id: `a${n}`, at: n, level: 0, text: "", more: "", undo });
  it("keeps what can be undone above the newest, however old it is", () => {
    const newest = Array.from({ length: 60 }, (_, n) => entry(1000 - n));
    const shown = shownOf([...newest, entry(9), entry(8, "8"), { ...entry(7, "7"), isMode: true }], 3_600_008);
    expect(shown.map(({ at }) => at)).toEqual([8, ...newest.map(({ at }) => at)]);
    expect(shown[0]?.more).toContain("still in force after 60 min");
    expect(shownOf([entry(2), entry(1, "1")], 3).map(({ at }) => at)).toEqual([2, 1]);
  });
});

describe("the picture of an encoder", () => {
  it("is missing for its own reason: on a standby, or before the first", () => {
    expect([encoderMark(null, 0), encoderMark(null, 1), encoderMark(null, null)]).toEqual(["not on air", "no picture yet", "no picture yet"]);
    expect([encoderMark(4_000, 1), encoderMark(30_000, 0)]).toEqual(["", "served 30 s ago"]);
  });
});

describe("what the origin is asked", () => {
  it("is neither hits nor what the edge refused itself", () => {
    expect(originAsked({ requests: 100, hits: 80, errors: 15 })).toBe(5);
  });
});

describe("the operator's name", () => {
  it("is asked for once, and closing the dialog cancels the action", async () => {
    const kept = new Map<string, string>();
    vi.stubGlobal("localStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) });
    const { acting, operator, setAsker, setOperator } = await import("../src/control/operator");
    const ask = vi.fn(async () => false);
    setAsker(ask);
    await expect(acting()).rejects.toThrow("your name");
    ask.mockImplementation(async () => (setOperator(" Ada "), true));
    expect(await acting()).toBe("Ada");
    expect(await acting()).toBe("Ada");
    expect(ask).toHaveBeenCalledTimes(2);
    expect(operator()).toBe("Ada");
    vi.unstubAllGlobals();
  });
});
