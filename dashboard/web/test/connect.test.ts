// What the Connect page names, and where.

import { describe, expect, it } from "vitest";
import { where } from "../src/connect/where";
import { Records } from "../src/control/records";
import { Steering } from "../src/control/steering";
import type { SteeringStatus } from "../src/control/types";

const page = new URL("http://10.0.0.5:7700/connect");
const known = { sid: "my-first-x", media: false, stream: "my-show", steering: null };

describe("the addresses of a newcomer's player", () => {
  it("are those of the settings where they say so, and else follow the dashboard's port", () => {
    expect(where(known, page)).toMatchObject({ beacon: "http://10.0.0.5:7701/v1/cmcd?k=demo", sessions: "http://10.0.0.5:7720/v1/play/my-show", cid: "my-show", hls: "https://cdn.example/your-event/master.m3u8" });
    expect(where({ ...known, steering: "https://steering.example/" }, page)).toMatchObject({ beacon: "http://10.0.0.5:7701/v1/cmcd?k=demo", sessions: "https://steering.example/v1/play/my-show" });
    expect(where({ ...known, media: true, stream: "demo", steering: "https://steering.example" }, page)).toMatchObject({ hls: "https://steering.example/live/demo/master.m3u8", dash: "https://steering.example/live/demo/manifest.mpd" });
    expect(where(known, new URL("https://watch.example/connect")).sessions).toBe("https://watch.example/v1/play/my-show");
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
