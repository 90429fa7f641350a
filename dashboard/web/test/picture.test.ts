// The confidence picture, and the pipeline it is attributed to.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Picture } from "../src/room/picture";

vi.mock("../src/room/look", () => ({ lookAt: () => null, same: () => false }));
vi.mock("../src/room/sound", () => ({ listen: async () => ({ db: -20, silent: false }) }));

const later = (target: EventTarget, name: string): unknown => setTimeout(() => target.dispatchEvent(new Event(name)), 0);

/** The parts of a video element that a picture uses. */
class Video extends EventTarget {
  muted = false;
  src = "";
  set currentTime(_: number) {
    later(this, "seeked");
  }
  setAttribute(): void {}
  requestVideoFrameCallback(painted: () => void): void {
    setTimeout(painted, 0);
  }
}

class Buffered extends EventTarget {
  readonly buffered = { length: 1, start: () => 0, end: () => 2 };
  appendBuffer = (): unknown => later(this, "updateend");
}

class Media extends EventTarget {
  constructor() {
    super();
    later(this, "sourceopen");
  }
  addSourceBuffer = (): Buffered => new Buffered();
}

const PLAYLIST = (track: string, k: number): string => `#EXTM3U\n#EXT-X-MAP:URI="/live/demo/${track}/init.mp4"\n/live/demo/${track}/${k}.m4s\n`;
const MASTER = '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="audio/index.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS="avc1.42c01e,mp4a.40.2"\nv-180/index.m3u8\n';

beforeEach(() => {
  vi.stubGlobal("document", { hidden: false, createElement: () => new Video() });
  vi.stubGlobal("location", new URL("http://127.0.0.1:7700/"));
  vi.stubGlobal("MediaSource", Media);
  vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:picture");
  vi.spyOn(URL, "revokeObjectURL").mockReturnValue();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Answers for segment `k`, of which each track has its own pipeline. */
function serve(k: number, of: Record<string, string>): void {
  vi.stubGlobal("fetch", async (url: string) => {
    const path = new URL(url).pathname;
    const track = /(v-180|audio)/.exec(path)?.[1] ?? "";
    if (path.endsWith("master.m3u8")) return new Response(MASTER);
    if (path.endsWith(".m3u8")) return new Response(PLAYLIST(track, k));
    const pipeline = path.endsWith("init.mp4") ? "A" : of[track];
    return new Response("bytes", { headers: { "tallylight-edge": "e1", ...(pipeline ? { "tallylight-pipeline": pipeline } : {}) } });
  });
}

it("is filed under the pipeline of its own segment, not under the sound's", async () => {
  const filed: (string | null)[] = [];
  const picture = new Picture("/live/demo/master.m3u8", "e1", ({ pipeline }) => filed.push(pipeline));
  serve(1, { "v-180": "B", audio: "A" });
  await picture.refresh();
  serve(2, { "v-180": "A", audio: "B" });
  await picture.refresh();
  // A segment that names no pipeline has an unknown one: the earlier name was another segment's.
  serve(3, { audio: "A" });
  await picture.refresh();
  expect([filed, picture.failed, picture.sound?.db]).toEqual([["B", "A", null], false, -20]);
});
