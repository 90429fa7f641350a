// Shaka with CMCD v2 in event mode; the build for DASH only.

import shaka from "shaka-player/dist/shaka-player.dash-es2021.js";
import { EVENT_KEYS, REPORT_S, type Player, type PlayerOptions } from "./player";

export async function attach(options: PlayerOptions): Promise<Player> {
  const { video, beacons } = options;
  shaka.polyfill.installAll();
  if (!shaka.Player.isBrowserSupported()) throw new Error("This browser has no Media Source Extensions for H.264 and AAC.");
  const player = new shaka.Player();
  await player.attach(video);
  player.getNetworkingEngine()?.registerRequestFilter((type, request) => {
    if (type !== shaka.net.NetworkingEngine.RequestType.CMCD || !request.body) return;
    const body = beacons.complete(new TextDecoder().decode(request.body));
    request.body = new TextEncoder().encode(body).buffer as ArrayBuffer;
  });
  player.addEventListener("error", (event) => {
    const { code, severity } = (event as unknown as { detail: { code: number; severity: number } }).detail;
    options.onError(`Shaka ${code}`, severity === shaka.util.Error.Severity.CRITICAL);
  });
  let opened = false;
  return {
    async play() {
      if (!opened) {
        opened = true;
        // Reports begin here, not when the player is made: the first one starts the session.
        player.configure({
          cmcd: {
            enabled: true,
            version: 2,
            useHeaders: false,
            sessionId: options.sid,
            contentId: options.contentId,
            eventTargets: [{ mode: "event", enabled: true, useHeaders: false, url: options.collector, includeKeys: EVENT_KEYS, events: ["ps", "e", "t", "bc"], interval: REPORT_S, batchSize: 1 }],
          },
        });
        await player.load(options.source);
      }
      await video.play();
    },
    latency() {
      const seconds = opened && player.isLive() ? player.getStats().liveLatency : NaN;
      return Number.isFinite(seconds) && seconds > 0 ? Math.round(seconds * 1000) : null;
    },
    rendition() {
      const track = opened ? player.getVariantTracks().find((one) => one.active) : undefined;
      // The total bandwidth, as Shaka itself reports it in `br`.
      return track ? { kbps: Math.round(track.bandwidth / 1000), width: track.width ?? 0, height: track.height ?? 0 } : null;
    },
    close: () => void player.destroy(),
  };
}
