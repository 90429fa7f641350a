// dash.js with CMCD v2 in event mode, and with CMSD, by which an edge can set a maximum bitrate.

import { MediaPlayer, type MediaPlayerClass } from "dashjs";
import { EVENT_KEYS, REPORT_S, type Player, type PlayerOptions } from "./player";

/** dash.js's type for requests that carry beacons. */
const BEACON = "CmcdEvent";

export function attach(options: PlayerOptions): Player {
  const { video, beacons } = options;
  const player = MediaPlayer().create();
  player.updateSettings({
    debug: { logLevel: 0 },
    streaming: {
      applyContentSteering: true,
      cmcd: {
        enabled: true,
        version: 2,
        sid: options.sid,
        cid: options.contentId,
        mode: "query",
        applyParametersFromMpd: false,
        includeInRequests: ["segment", "mpd", "steering"],
        eventTargets: [{ enabled: true, url: options.collector, events: ["ps", "e", "t"], interval: REPORT_S, batchSize: 1, enabledKeys: EVENT_KEYS }],
      },
      cmsd: { enabled: true, abr: { applyMb: true } },
    },
  } as Parameters<MediaPlayerClass["updateSettings"]>[0]);
  // The MPD names its clock; no other is queried.
  player.clearDefaultUTCTimingSources();
  player.addRequestInterceptor(async (request) => {
    const sent = request as unknown as { body?: unknown; customData?: { request?: { type?: string } } };
    if (sent.customData?.request?.type === BEACON && typeof sent.body === "string") sent.body = beacons.complete(sent.body);
    return request;
  });
  player.on(MediaPlayer.events["ERROR"] as never, ((event: { error?: { code?: number; message?: string } }) => {
    options.onError(`dash.js ${event.error?.code ?? ""}: ${event.error?.message ?? "error"}`, isFatal(event.error?.code));
  }) as never);
  let opened = false;
  return {
    async play() {
      if (opened) {
        await video.play();
        return;
      }
      opened = true;
      player.initialize(video, options.source, true);
      await begun(video);
    },
    latency() {
      const seconds = opened && player.isReady() ? player.getCurrentLiveLatency() : NaN;
      return Number.isFinite(seconds) && seconds > 0 ? Math.round(seconds * 1000) : null;
    },
    rendition() {
      const at = opened && player.isReady() ? player.getCurrentRepresentationForType("video") : null;
      return at ? { kbps: Math.round(at.bitrateInKbit), width: at.width, height: at.height } : null;
    },
    close: () => player.destroy(),
  };
}

/** Failed downloads (segments, inits, clocks) are retried, or fetched elsewhere. */
const RETRIED: readonly number[] = [15, 16, 17, 18, 19, 26, 27, 28, 29];

function isFatal(code: number | undefined): boolean {
  return code !== undefined && !RETRIED.includes(code);
}

/** dash.js calls play() itself; this reports when it did, or that the browser refused. */
function begun(video: HTMLVideoElement): Promise<void> {
  return new Promise((done) => {
    if (!video.paused) return done();
    video.addEventListener("play", () => done(), { once: true });
  });
}
