import { expect, test, vi } from "vitest";
import type { App } from "../src/app";
import { QUERIES, type Rule, assemble } from "../src/players/data";
import { PlayersPage } from "../src/players/page";
import { newPage } from "./dom";

const rule = (slug: string, harm: Rule["harm"]): Rule => ({ slug, harm, section: "4.3", title: slug, costs: "", fix: "" });
const RULES = [rule("lost", "high"), rule("odd", "low")];
const player = (name: string, records: number) => ({ name, cmcd: 2, records, sessions: 1, conformant: 0, last: "2026-11-25T00:00:00.000000Z" });
const breach = (name: string, slug: string, records: number) => ({ name, cmcd: 2, rule: slug, records, example: "e=ps", last: "2026-11-25T00:00:00.000000Z" });

test("what spoils a figure comes first, however rare", () => {
  const players = [player("harmless", 9_000), player("harmful", 10), player("clean", 50)];
  const breaches = [breach("harmless", "odd", 9_000), breach("harmful", "odd", 9), breach("harmful", "lost", 1)];
  const all = assemble(players, breaches, [{ name: "harmful", cmcd: 2, harmed: 1 }], RULES);
  expect(all.map(({ name }) => name)).toEqual(["harmful", "harmless", "clean"]);
  expect(all[0]?.breaches.map((one) => one.rule.slug)).toEqual(["lost", "odd"]);
  expect(all.map(({ harmed }) => harmed)).toEqual([1, 0, 0]);
});

test("what services report is no record of a player that was refused", () => {
  expect(QUERIES.refused).toContain("source NOT IN ('events', 'otlp_metrics')");
});

test("versions of CMCD are told apart, and a rule that is not known is shown by its name", () => {
  const one = assemble([player("p", 3), { ...player("p", 2), cmcd: 1 }], [breach("p", "newer", 3)], [], RULES);
  expect(one.map(({ cmcd, breaches }) => [cmcd, breaches[0]?.rule.title])).toEqual([[2, "newer"], [1, undefined]]);
});

test("a report that takes long is waited for, not asked for again beside it", async () => {
  vi.useFakeTimers();
  newPage();
  const fetched = vi.fn(() => new Promise<Response>(() => undefined)).mockImplementationOnce(() => Promise.reject(new Error("away")));
  vi.stubGlobal("fetch", fetched);
  const page = new PlayersPage({} as App);
  await vi.advanceTimersByTimeAsync(200_000);
  page.close();
  // The one that failed, and the one that stays unanswered.
  expect(fetched).toHaveBeenCalledTimes(2);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
