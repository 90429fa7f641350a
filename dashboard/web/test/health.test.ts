import { afterEach, describe, expect, it, vi } from "vitest";
import type { App } from "../src/app";
import { FeedState } from "../src/feed/state";
import type { FateRow } from "../src/feed/types";
import { balanceOf, balances, inWords } from "../src/health/balance";
import { DeliveryTable } from "../src/health/delivery";
import { Parts } from "../src/health/parts";
import { type FakeElement, fake, newPage } from "./dom";

vi.mock("../src/ui/spark", () => ({ Spark: class { canvas = document.createElement("canvas"); draw = (): void => undefined; } }));
vi.mock("../src/ui/palette", () => ({ palette: () => ({ levels: [""] }) }));

const FATES = ["accepted", "duplicate", "late", "rejected", "shed"];
const row = (source: string, fate: string, events: number, door?: number): FateRow => ({ pane: 0, tenant: "demo", source, fate, reason: "none", events, ...(door === undefined ? {} : { door }) });

describe("balance", () => {
  it("adds the fates up to what the collector counted", () => {
    const balance = balanceOf([row("cmcd", "accepted", 1_234, 1_240), row("cmcd", "duplicate", 6, 0), row("cmcd", "rejected", 2, 2)]);
    expect(balance).toMatchObject({ received: 1_242, missing: 0 });
    expect(balances(balance)).toBe(true);
    expect(inWords(balance, FATES)).toBe("1,242 received = 1,234 accepted + 6 duplicate + 0 late + 2 rejected + 0 shed");
  });
  it("names what has no fate, and its source", () => {
    const balance = balanceOf([row("cmcd", "accepted", 7, 12), row("events", "accepted", 3, 3)]);
    expect(balances(balance)).toBe(false);
    expect(inWords(balance, FATES)).toBe("15 received = 10 accepted + 0 duplicate + 0 late + 0 rejected + 0 shed + 5 unaccounted for (cmcd: 5 without a fate)");
  });
  it("does not let one way in make up for another", () => {
    const balance = balanceOf([row("cmcd", "accepted", 7, 9), row("events", "accepted", 5, 3)]);
    expect(balance.missing).toBe(0);
    expect(balances(balance)).toBe(false);
    expect(inWords(balance, FATES)).toContain("cmcd: 2 without a fate, events: 2 never counted by the collector");
  });
  it("takes the word of a server that knows the ends only", () => {
    expect(balances(balanceOf([row("cmcd", "accepted", 7), row("cmcd", "rejected", 1)]))).toBe(true);
  });
});

describe("the state of the platform", () => {
  afterEach(() => vi.unstubAllGlobals());
  const drawn = (marks: Record<string, number>): FakeElement => {
    newPage();
    const feed = new FeedState();
    feed.apply({ type: "status", at: 0, partitions: 4, reporting: 4, log_time: 0, final_up_to: 0, freshness_ms: 0, sessions: 0, lost_events: 0, lost_entries: 0, memory_bytes: 2 ** 20, disk_free_bytes: 2 ** 40, lag_entries: 0, marks });
    const parts = new Parts({ feed } as unknown as App);
    parts.draw();
    return fake(parts.root);
  };
  const note = (of: FakeElement, part: string): string | undefined => of.children.find((one) => one.getAttribute("data-part") === part)?.querySelector(".behind")?.textContent;
  it("does not call rows late that may have been repaired since", () => {
    const known = drawn({ bad_parts: 0, replaying: 1, audit_hours: 3, audit_late: 2 });
    expect(note(known, "audit")).toBe("3 hours checked · 2 rows were late");
    expect(note(drawn({ audit_hours: 0 }), "audit")).toBe("no finished hour yet");
    expect(note(known, "unreadable parts")).toBe("since the start");
    expect(note(known, "lag")).toBe("catching up after a restart");
  });
  it("says nothing about what a dashboard in a process of its own does not know, nor of another's memory and disk", () => {
    const alone = drawn({});
    expect([note(alone, "audit"), note(alone, "unreadable parts")]).toEqual([undefined, undefined]);
    expect([note(alone, "lag"), note(alone, "memory"), note(alone, "disk free")]).toEqual(["log entries", "process of the dashboard", "at the data folder"]);
  });
});

describe("the table of delivery", () => {
  afterEach(() => vi.unstubAllGlobals());
  it("sums half an hour for its sparklines once in ten seconds, also after a row has left", () => {
    newPage();
    vi.stubGlobal("requestAnimationFrame", () => 0);
    const feed = new FeedState();
    let seq = 0;
    const put = (pane: number, edge: string): void => feed.apply({ type: "rows", seq: (seq += 1), at: pane, delivery: [{ pane, service: "edge", edge, action: "get", requests: 1 }] });
    const table = new DeliveryTable({ feed } as unknown as App);
    const totals = vi.spyOn(feed.delivery, "totals");
    const draw = (): number => {
      totals.mockClear();
      table.draw();
      return totals.mock.calls.length;
    };
    for (const edge of ["e1", "e2"]) for (const pane of [999_000, 1_000_000]) put(pane, edge);
    draw();
    for (const pane of [1_399_000, 1_400_000]) put(pane, "e1");
    expect(draw()).toBe(182);
    expect(fake(table.root).querySelectorAll("[data-edge]").map((row) => row.getAttribute("data-edge"))).toEqual(["e1"]);
    expect(draw()).toBe(2);
  });
});
