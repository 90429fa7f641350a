// hls.js with CMCD v2: request mode on media requests, event mode to the collector.

import Hls from "hls.js";
import { EVENT_KEYS, REPORT_S, type Player, type PlayerOptions } from "./player";

export function attach(options: PlayerOptions): Player {
  if (!Hls.isSupported()) throw new Error("This browser has no Media Source Extensions for H.264 and AAC.");
  const { video, beacons } = options;
  const hls = new Hls({
    enableWorker: false,
    cmcd: {
      version: 2,
      sessionId: options.sid,
      contentId: options.contentId,
      useHeaders: false,
      eventTargets: [{ url: options.collector, events: ["ps", "e", "t", "bc", "pr"], interval: REPORT_S, batchSize: 1, includeKeys: EVENT_KEYS as never }],
      // A report sent while the page closes must outlive it.
      loader: async ({ url, ...request }) => ({ status: (await fetch(url, { ...request, body: beacons.complete(String(request.body ?? "")), keepalive: true })).status }),
    },
  });
  hls.on(Hls.Events.ERROR, (_event, data) => options.onError(`${data.type}: ${data.details}`, data.fatal));
  hls.attachMedia(video);
  return {
    async play() {
      if (!hls.url) hls.loadSource(options.source);
      await video.play();
    },
    latency: () => (Number.isFinite(hls.latency) && hls.latency > 0 ? Math.round(hls.latency * 1000) : null),
    rendition() {
      const level = hls.levels[hls.currentLevel];
      return level ? { kbps: Math.round(level.bitrate / 1000), width: level.width, height: level.height } : null;
    },
    close: () => hls.destroy(),
  };
}
