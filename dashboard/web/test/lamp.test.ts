// The lamp in a tab that is not seen, where nothing is drawn.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { App } from "../src/app";
import { FeedState } from "../src/feed/state";
import { changing } from "../src/shell/lamp";
import { TopBar } from "../src/shell/topbar";
import { SegmentsPoll } from "../src/stream/segments";
import { fake, newPage } from "./dom";
import { VIEWERS } from "./metrics";

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function hidden(media: boolean) {
  const page = Object.assign(newPage(), { title: "", hidden: true });
  const feed = new FeedState();
  const app = { feed, segments: new SegmentsPoll(() => "demo", () => undefined), steering: { media: () => media, lost: () => false, failedSince: null, answersSince: -Infinity }, tally: { tally: "blind", word: "BLIND", cause: "" }, blindFrom: -Infinity } as unknown as App;
  // A browser would not draw, so nothing is done here.
  const changed = changing(app, () => undefined);
  const hear = (viewers: number): void => {
    const now = Date.now();
    feed.apply({ type: "rows", seq: feed.seq + 1, at: now, playback: [{ cuboid: "content", pane: Math.floor(now / 1000) * 1000 - 1_000, cell: {}, m: { viewers } }] });
    feed.apply({ type: "status", at: now, partitions: 1, reporting: 1, log_time: now, final_up_to: 0, freshness_ms: 0, sessions: 0, lost_events: 0, lost_entries: 0 });
    changed();
  };
  feed.apply({ type: "hello", version: 1, now: Date.now(), session: "a", resumed: false, metrics: [VIEWERS], cuboids: [{ name: "content", width_s: 1, dimensions: ["content"] }], minimum_sample: 20 });
  return { page, app, changed, hear };
}

it("is in the title, and knows since when it is blind", () => {
  const { page, app, changed, hear } = hidden(false);
  hear(5);
  expect(page.title).toBe("ON AIR · Tallylight");
  vi.advanceTimersByTime(1_000);
  hear(0);
  expect(page.title).toBe("NO VIEWERS · Tallylight");
  const heard = Date.now();
  // Timers of a hidden tab may run only once a minute.
  vi.advanceTimersByTime(60_000);
  changed();
  expect([page.title, app.blindFrom]).toEqual(["BLIND · Tallylight", heard - 30_000]);
});

it("has its schedule from the start, each 2 s", () => {
  const { hear } = hidden(true);
  const fetched = vi.fn(async () => new Response("{}"));
  vi.stubGlobal("fetch", fetched);
  for (let tenth = 0; tenth < 50; tenth += 1) {
    hear(5);
    vi.advanceTimersByTime(100);
  }
  expect(fetched).toHaveBeenCalledTimes(3);
});

it("is spoken when its word changes, not with every second of the cause", () => {
  newPage();
  const root = fake(new TopBar({} as App).root);
  expect([root.querySelector(".tally")?.getAttribute("role"), root.querySelector(".cause")?.getAttribute("aria-live")]).toEqual(["status", "off"]);
});
