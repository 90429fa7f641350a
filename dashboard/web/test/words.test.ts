import { describe, expect, it } from "vitest";
import { levelOfIncident } from "../src/control/records";
import type { Action, Incident } from "../src/control/types";
import { causeWords, inForce, isHeld, seenFirst, standing, stateWords, whyNothing } from "../src/control/words";
import { lookOf, same } from "../src/room/look";
import { meter, soundOf } from "../src/room/sound";
import { atEdge, byEdge, soundPlaylist } from "../src/room/picture";

const incident = { opened_at: 66_000, symptom_at: 63_900, well_since: null, closes_at: null, closed_at: null, severity: "broken", no_action: null, no_action_until: null, cause: "", culprit: "edge", name: "e1", owner: null } as unknown as Incident;
const offer = { state: "offered", acts_at: 70_000, by: "steering", outcome: null } as unknown as Action;

describe("words of an incident", () => {
  it("say since when, how soon it was seen, and who owns it", () => {
    expect(seenFirst(incident, 84_400)).toBe("00:01:06, 2.1 s after the first symptom");
    expect(seenFirst(incident, 86_484_400)).toBe("01-01 00:01:06, 2.1 s after the first symptom");
    expect(seenFirst({ ...incident, symptom_at: null }, 84_400)).toBe("00:01:06");
    expect(standing(incident, 84_400)).toBe("open for 18 s · no owner");
    expect(standing({ ...incident, owner: "mia" }, 69_400)).toBe("open for 3 s · mia owns it");
    const well = { ...incident, well_since: 74_000, closes_at: 104_000 };
    expect(standing(well, 84_400)).toBe("recovered 10 s ago, closes in 20 s · no owner");
    expect(standing({ ...well, closes_at: null }, 84_400)).toBe("recovered 10 s ago, viewers still elsewhere · no owner");
    const over: Incident = { ...well, state: "closed", closed_at: 80_000 };
    expect(standing(over, 84_400)).toBe("over 4 s ago · no owner");
    expect([levelOfIncident(incident), levelOfIncident(well), levelOfIncident(over)]).toEqual([3, 1, 0]);
    expect(causeWords(incident)).toBe("edge e1");
    expect(causeWords({ ...incident, culprit: "origin", name: null })).toBe("origin");
  });
  it("say why nothing is offered, and until when", () => {
    expect(whyNothing(incident)).toBe("No action is offered yet.");
    expect(whyNothing({ ...incident, no_action: "Nobody is moved twice in a minute.", no_action_until: 66_000 })).toBe("Nobody is moved twice in a minute. Until 00:01:06.");
  });
  it("count down to what acts by itself, and never below zero", () => {
    expect(stateWords(offer, 66_100, false)).toBe("offered, acts by itself in 4 s");
    expect(stateWords(offer, 71_000, false)).toBe("offered, acts by itself in 0 s");
    expect(stateWords({ ...offer, acts_at: null }, 0, false)).toBe("offered, waits for a click");
    expect(stateWords({ ...offer, state: "ended", outcome: "rebuffer ratio 0.2 %" }, 0, false)).toBe("rebuffer ratio 0.2 %");
  });
});

describe("an action", () => {
  it("says whether it is pending, in force or over", () => {
    expect(inForce(offer, 66_100, false)).toBe("acts by itself in 4 s");
    expect(inForce({ ...offer, acts_at: null }, 0, false)).toBe("waits for your click");
    expect(inForce({ ...offer, state: "taken", at: 66_000, taken_at: 68_000 }, 0, false)).toBe("in force since 00:01:08, by steering");
    // Records of earlier versions do not contain the time when they were taken.
    expect(inForce({ ...offer, state: "taken", at: 66_000, taken_at: null }, 0, false)).toBe("in force since 00:01:06, by steering");
    expect(inForce({ ...offer, state: "undone" }, 0, false)).toBe("undone, no longer in force");
    expect(inForce({ ...offer, state: "dismissed" }, 0, false)).toBe("withdrawn, not in force");
    expect(inForce({ ...offer, state: "dismissed", by: "mia" }, 0, false)).toBe("held, not in force");
  });
  it("that somebody held may be done after all, not what steering took back", () => {
    const held = { ...offer, state: "dismissed", by: "mia" } as Action;
    expect([isHeld(held), isHeld({ ...held, by: "steering" }), isHeld(offer)]).toEqual([true, false, false]);
  });
});

describe("a picture", () => {
  const pixels = (value: number, spot = value): Uint8ClampedArray => {
    const all = new Uint8ClampedArray(4 * 100).fill(value);
    all.fill(spot, 40, 44);
    return all;
  };
  it("is black when nothing shines, and still when no place changed", () => {
    expect(lookOf(pixels(16)).black).toBe(true);
    expect(lookOf(pixels(90)).black).toBe(false);
    expect(same(lookOf(pixels(90)), lookOf(pixels(93)))).toBe(true);
    expect(same(lookOf(pixels(90)), lookOf(pixels(90, 140)))).toBe(false);
  });
  it("is fetched by way of the edge that is asked for", () => {
    const playlist = atEdge("http://a/live/demo/v-180/index.m3u8?x=1", "cdn");
    expect(playlist).toBe("http://a/live/demo/v-180/index.m3u8?x=1&pathway=cdn");
    expect(byEdge("http://a/live/demo/v-180/init.mp4", "cdn", playlist)).toBe("http://a/cdn/live/demo/v-180/init.mp4");
    // Addresses that steering names are used unchanged, behind the dashboard or at the edge itself.
    for (const own of ["http://a/third/live/demo/v-180/8.m4s", "https://cdn.example/live/demo/v-180/8.m4s"]) expect(byEdge(own, "cdn", playlist)).toBe(own);
  });
});

describe("a sound", () => {
  it("is silent below what can be heard", () => {
    const tone = Float32Array.from({ length: 4800 }, (_, at) => 0.5 * Math.sin(at / 10));
    expect(soundOf(tone).db).toBeCloseTo(-9.03, 1);
    expect(soundOf(tone.map((one) => one / 1000)).silent).toBe(true);
    expect(soundOf(new Float32Array(100))).toEqual({ db: -Infinity, silent: true });
    expect(meter(soundOf(tone))).toBeCloseTo(0.85, 2);
    expect(meter(null)).toBe(0);
  });
  it("has a playlist of its own, or none", () => {
    expect(soundPlaylist('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="audio/index.m3u8"', "http://a/live/demo/master.m3u8")).toBe("http://a/live/demo/audio/index.m3u8");
    expect(soundPlaylist("#EXTM3U", "http://a/")).toBeNull();
  });
});
