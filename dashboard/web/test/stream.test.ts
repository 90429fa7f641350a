import { afterEach, describe, expect, it, vi } from "vitest";
import { backoff } from "../src/feed/client";
import { FeedState } from "../src/feed/state";
import type { FateRow } from "../src/feed/types";
import { change, moment, shown, span, text, tick } from "../src/metrics/format";
import { newestOf, smallest } from "../src/room/picture";
import { SelectionStore, parse, urlOf } from "../src/selection";
import { SegmentsPoll, parseStrip, type Answering, type Strip } from "../src/stream/segments";
import { evidence, onSlate, tallyOf, type Evidence } from "../src/stream/tally";
import { newPage } from "./dom";

const ANSWERS: Answering = { failedSince: null, answersSince: -Infinity };
const calm: Evidence = { everConnected: true, connected: true, silenceMs: 200, replaying: false, partitions: 4, reporting: 4, viewers: 200, edgeRequests: 200, beacons: 50, refused: 0, slate: false, scheduleSilentMs: null, steeringFails: false, media: true };
const poll = (strip: Strip | null, failedSince: number | null): SegmentsPoll => Object.assign(new SegmentsPoll(() => "demo", () => undefined), { strip, failedSince });

describe("tally", () => {
  it("has four words, and blindness comes before all", () => {
    expect(tallyOf(calm).word).toBe("ON AIR");
    expect(tallyOf({ ...calm, viewers: 0, edgeRequests: 0, beacons: 0 }).word).toBe("NO VIEWERS");
    expect(tallyOf({ ...calm, slate: true }).word).toBe("OFF AIR");
    expect(tallyOf({ ...calm, slate: null, media: false }).word).toBe("ON AIR");
    expect(tallyOf({ ...calm, slate: null, media: false, viewers: null })).toMatchObject({ word: "NO VIEWERS", cause: "no player reports" });
    expect(tallyOf({ ...calm, slate: null }).word).toBe("BLIND");
    expect(tallyOf({ ...calm, slate: true, connected: false, silenceMs: 4_000 })).toMatchObject({ word: "BLIND", cause: "feed silent for 4 s" });
    expect(tallyOf({ ...calm, reporting: 0, replaying: true })).toMatchObject({ word: "BLIND", cause: "catching up after a restart" });
    expect(tallyOf({ ...calm, reporting: 3 }).word).toBe("BLIND");
    expect(tallyOf({ ...calm, viewers: 0, beacons: 0 }).cause).toBe("players fetch, but no beacons arrive");
    expect(tallyOf({ ...calm, viewers: 0, beacons: 0, refused: 9 })).toMatchObject({ word: "BLIND", cause: "players fetch, but their beacons are not taken" });
    expect(tallyOf({ ...calm, scheduleSilentMs: 7_000 })).toMatchObject({ word: "OFF AIR", cause: "the origin's schedule does not answer" });
    expect(tallyOf({ ...calm, slate: null }).word).toBe("BLIND");
  });
});

describe("the schedule's silence", () => {
  afterEach(() => void vi.useRealTimers());
  const hear = (state: FeedState): void => state.apply({ type: "status", at: Date.now(), partitions: 1, reporting: 1, log_time: Date.now(), final_up_to: 0, freshness_ms: 0, sessions: 0, lost_events: 0, lost_entries: 0 });
  it("counts from when the feed was heard again: before, our own network was at fault", () => {
    vi.useFakeTimers({ now: 100_000 });
    const state = new FeedState();
    const silent = (ms: number) => evidence(state, poll(null, Date.now() - ms), 0, true, ANSWERS).scheduleSilentMs;
    hear(state);
    vi.advanceTimersByTime(60_000);
    hear(state);
    expect(silent(58_000)).toBe(0);
    for (let second = 0; second < 7; second += 1) {
      vi.advanceTimersByTime(1_000);
      hear(state);
    }
    expect([silent(65_000), silent(4_000)]).toEqual([7_000, 4_000]);
  });
  it("is no reason to trust what the schedule said before", () => {
    const strip = parseStrip({ tracks: ["v-360"], segments: [{ track: "v-360", k: 1, state: "on_time", pipeline: "A" }] });
    const slate = (ms: number) => evidence(new FeedState(), poll(strip, Date.now() - ms), 0, true, ANSWERS).slate;
    expect([slate(5_000), slate(7_000)]).toEqual([false, null]);
  });
  it("is not the origin's while steering, which passes the schedule on, does not answer", () => {
    vi.useFakeTimers({ now: 100_000 });
    const state = new FeedState();
    state.apply({ type: "rows", seq: 1, at: Date.now(), snapshot: true });
    hear(state);
    const segments = poll(null, Date.now());
    const steering = { ...ANSWERS };
    const after = (seconds: number, fails: boolean): string => {
      if (!fails && steering.failedSince !== null) steering.answersSince = Date.now();
      steering.failedSince = fails ? (steering.failedSince ?? Date.now()) : null;
      for (let second = 0; second < seconds; second += 1) {
        vi.advanceTimersByTime(1_000);
        hear(state);
      }
      const { word, cause } = tallyOf(evidence(state, segments, 5, true, steering));
      return `${word}: ${cause}`;
    };
    expect(after(9, true)).toBe("BLIND: steering does not answer, so the schedule is not known");
    // Back again, steering has had no time to ask the origin.
    expect(after(1, false)).toBe("BLIND: waiting for the schedule");
    expect(after(7, false)).toBe("OFF AIR: the origin's schedule does not answer");
  });
});

describe("the evidence of players", () => {
  it("is what was taken of their records, not what was turned away", () => {
    const state = new FeedState(() => 90_000);
    const fate = (source: string, word: string, events: number): FateRow => ({ pane: 89_000, tenant: "demo", source, fate: word, reason: "none", events });
    const fates = [fate("cmcd", "rejected", 40), fate("cmcd", "shed", 2), fate("events", "accepted", 500), fate("otlp_metrics", "accepted", 60), fate("events", "rejected", 7)];
    const delivery = [{ pane: 89_000, service: "edge", edge: "e1", action: "get" }];
    state.apply({ type: "rows", seq: 1, at: 90_000, fates, delivery });
    const read = () => evidence(state, poll(null, null), 0, true, ANSWERS);
    expect(read()).toMatchObject({ beacons: 0, refused: 42 });
    state.apply({ type: "rows", seq: 2, at: 90_000, fates: [fate("cmcd", "accepted", 5), fate("cmcd", "duplicate", 2), fate("edge", "late", 1)] });
    expect(read()).toMatchObject({ beacons: 8, refused: 42 });
  });
});

describe("schedule", () => {
  const segment = (track: string, k: number, state: string): object => ({ track, k, state, pipeline: "A", published_at: 1_790_000_000_000_000, due: 1_790_000_000_500_000 });
  it("reads the origin's answer and leaves out what it cannot", () => {
    const strip = parseStrip({ tracks: ["v-360", "audio"], segments: [segment("v-360", 2, "late"), segment("v-360", 1, "on_time"), { k: "x" }, segment("audio", 1, "cosmic")] });
    expect(strip.tracks).toEqual(["v-360", "audio"]);
    expect(strip.ks).toEqual([1, 2]);
    expect(strip.at("v-360", 2)).toMatchObject({ state: "late", due: 1_790_000_000_500 });
    expect(parseStrip("nonsense").ks).toEqual([]);
  });
  it("is off the air when the newest two of all video are slate", () => {
    const two = (first: string, second: string): boolean | null => onSlate(parseStrip({ tracks: ["v-360", "audio"], segments: [segment("v-360", 1, first), segment("v-360", 2, second), segment("v-360", 3, "pending"), segment("audio", 2, "on_time")] }));
    expect(two("slate", "slate")).toBe(true);
    expect(two("on_time", "slate")).toBe(false);
    expect(onSlate(null)).toBeNull();
  });
  it("finds the smallest video and its newest segment", () => {
    const master = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900,CODECS="avc1.64001e,mp4a.40.2"\nbig/index.m3u8\n#EXT-X-STREAM-INF:AVERAGE-BANDWIDTH=10,BANDWIDTH=200,CODECS="mp4a.40.2,avc1.42c00c"\nv-180/index.m3u8\n';
    expect(smallest(master, "http://a/live/demo/master.m3u8")).toMatchObject({ codecs: "avc1.42c00c", playlist: "http://a/live/demo/v-180/index.m3u8" });
    expect(newestOf('#EXT-X-MAP:URI="init-1.mp4"\n#EXTINF:2,\n/e1/live/demo/v-180/8.m4s\n', "http://a/live/demo/v-180/index.m3u8")).toEqual({ init: "http://a/live/demo/v-180/init-1.mp4", media: "http://a/e1/live/demo/v-180/8.m4s" });
  });
});

describe("words", () => {
  it("shows values in the unit people use", () => {
    expect(shown({ unit: "ms" }, 612)).toEqual({ value: "0.61", unit: "s" });
    expect(text({ unit: "kbps" }, 5_210)).toBe("5.21 Mbps");
    expect(text({ unit: "" }, 184_202)).toBe("184,202");
    expect(text({ unit: "/s" }, 1.72)).toBe("1.7/s");
    expect(text({ unit: "%" }, null)).toBe("–");
    expect(tick({ unit: "%" }, 20)).toBe("20 %");
    expect(tick({ unit: "%" }, 0.25)).toBe("0.25 %");
    expect(tick({ unit: "" }, 200)).toBe("200");
    expect(span(61_000)).toBe("61 s");
  });
  it("give a time of another day its date", () => {
    const now = Date.UTC(2026, 3, 1, 0, 5);
    expect([moment(now - 60_000, now), moment(now - 600_000, now)]).toEqual(["00:04:00", "03-31 23:55:00"]);
  });
  it("compares in points for per cent and by factor for leaps", () => {
    expect(change({ unit: "%" }, 0.2, 0.18)).toBe("+0.02");
    expect(change({ unit: "%" }, 0.18, 0.181)).toBe("±0");
    expect(change({ unit: "%" }, 3.12, 0.18)).toBe("×17");
    expect(change({ unit: "/s" }, 97, 100)).toBe("−3 %");
    expect(change({ unit: "/s" }, 97, null)).toBe("");
  });
});

describe("ways", () => {
  it("does not take an unknown path for the Control room", () => {
    const url = new URL("http://x/pipline?metric=starts");
    expect(parse(url).page).toBe("lost");
    expect(urlOf(parse(url), url)).toBe("/pipline?metric=starts");
    expect(urlOf({ ...parse(url), page: "pipeline" }, url)).toBe("/pipeline?metric=starts");
  });
  it("keeps the selection in the URL and other parameters beside it", () => {
    const url = new URL("http://a/?metric=starts&by=device&x=1");
    const selection = parse(url);
    expect(selection).toMatchObject({ page: "room", metric: "starts", by: "device", content: null, span: 30 });
    expect(urlOf(selection, url)).toBe("/?metric=starts&by=device&x=1");
    expect(urlOf({ ...selection, metric: "viewers", by: "edge" }, url)).toBe("/?x=1");
    expect(parse(new URL("http://a/watch?by=nonsense"))).toMatchObject({ page: "watch", by: "edge" });
  });
  it("takes the Control room's content nowhere where it would be a player's claim", () => {
    newPage("http://127.0.0.1:7700/?content=a&by=device");
    const store = new SelectionStore(() => undefined);
    store.go({ page: "health" });
    expect(location.search).toBe("?content=a&by=device");
    store.go({ page: "watch" });
    expect([location.pathname, location.search]).toEqual(["/watch", "?by=device"]);
    // A link may make the claim.
    newPage("http://127.0.0.1:7700/watch?content=b");
    new SelectionStore(() => undefined).go({ page: "watch" });
    expect(location.search).toBe("?content=b");
    vi.unstubAllGlobals();
  });
  it("waits longer each time, and never in step", () => {
    expect(backoff(0, 0)).toBe(125);
    expect(backoff(3, 1)).toBe(2_000);
    expect(backoff(60, 1)).toBe(10_000);
  });
});
