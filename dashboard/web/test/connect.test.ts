// What the Connect page names, and where.

import { describe, expect, it, vi } from "vitest";
import { BeaconBox } from "../src/connect/box";
import { where } from "../src/connect/where";
import { Records } from "../src/control/records";
import { Steering } from "../src/control/steering";
import type { SteeringStatus } from "../src/control/types";
import { newPage } from "./dom";

const page = new URL("http://10.0.0.5:7700/connect");
const known = { sid: "my-first-x", media: false, stream: "my-show", steering: null, beacon: null };

describe("the addresses of a newcomer's player", () => {
  it("are those of the settings where they say so, and else follow the dashboard's port", () => {
    expect(where(known, page)).toMatchObject({ beacon: "http://10.0.0.5:7701/v1/cmcd?k=demo", sessions: "http://10.0.0.5:7720/v1/play/my-show", cid: "my-show", hls: "https://cdn.example/your-event/master.m3u8" });
    expect(where({ ...known, steering: "https://steering.example/" }, page)).toMatchObject({ beacon: "http://10.0.0.5:7701/v1/cmcd?k=demo", sessions: "https://steering.example/v1/play/my-show" });
    expect(where({ ...known, media: true, stream: "demo", steering: "https://steering.example" }, page)).toMatchObject({ hls: "https://steering.example/live/demo/master.m3u8", dash: "https://steering.example/live/demo/manifest.mpd" });
    expect(where(known, new URL("https://watch.example/connect")).sessions).toBe("https://watch.example/v1/play/my-show");
  });
  it("have the write key that steering gives to players", () => {
    expect(where({ ...known, beacon: "/v1/cmcd?k=my%20key" }, page)).toMatchObject({ beacon: "http://10.0.0.5:7701/v1/cmcd?k=my%20key", key: "my key" });
    expect(where({ ...known, beacon: "https://b.example/v1/cmcd?k=k1" }, page)).toMatchObject({ beacon: "https://b.example/v1/cmcd?k=k1", key: "k1" });
    // A steering service that knows no collector.
    expect(where({ ...known, beacon: "" }, page)).toMatchObject({ beacon: "http://10.0.0.5:7701/v1/cmcd?k=demo", key: "demo" });
  });
});

describe("the box of first beacons", () => {
  it("asks for those with the key of the lines, once it is known", async () => {
    newPage();
    vi.useFakeTimers();
    const asked: (string | null)[] = [];
    vi.stubGlobal("fetch", async (url: string) => {
      asked.push(new URL(url, location.href).searchParams.get("k"));
      return new Response('{"now":0,"newest":0,"open_since":0,"beacons":[]}');
    });
    let key: string | null = null;
    const box = new BeaconBox(() => "my-first-x", () => key, () => undefined);
    await vi.advanceTimersByTimeAsync(1_500);
    expect(asked).toEqual([]);
    key = "k1";
    await vi.advanceTimersByTimeAsync(1_000);
    box.close();
    expect(asked).toEqual(["k1"]);
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
});

describe("the stream of sessions", () => {
  const named = (status: Partial<SteeringStatus>): string => {
    const steering = new Steering(new Records(), () => undefined);
    steering.status = { streams: [], ...status } as SteeringStatus;
    return steering.sessionsOf();
  };
  it("is the first that is played, also where its media is others'", () => {
    expect(named({ sessions_of: ["my-show", "another"] })).toBe("my-show");
    // The answer of an older steering service.
    expect(named({ streams: ["event"] })).toBe("event");
    expect(named({})).toBe("demo");
  });
});
