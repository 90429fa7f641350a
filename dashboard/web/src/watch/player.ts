// hls.js with CMCD v2: request mode on media requests, event mode to the collector. It is
// loaded here alone, being larger than all the rest of the page.

import type Hls from "hls.js";
import type { CmcdCustomReporter } from "hls.js";

/** Keys of an event report; custom keys have to be named too. */
const EVENT_KEYS = ["sid", "cid", "v", "e", "ts", "sn", "sta", "br", "bl", "mtp", "pr", "ec", "ot", "sf", "st", "com.tallylight-ltc", "com.tallylight-device", "com.tallylight-country"];
/** Seconds between time reports: latency on the page is then as old as that at most. */
const REPORT_S = 5;

export interface PlayerOptions {
  video: HTMLVideoElement;
  source: string;
  collector: string;
  sid: string;
  contentId: string;
  /** Claims to report; unknown when null. */
  device: string | null;
  country: string | null;
  onError: (what: string, fatal: boolean) => void;
}

export class Player {
  private reporter: CmcdCustomReporter | null = null;

  private constructor(
    private readonly library: typeof Hls,
    readonly hls: Hls,
    private readonly options: PlayerOptions,
  ) {}

  /** Loads the library and attaches the video; nothing is fetched from the stream yet. */
  static async attach(options: PlayerOptions): Promise<Player> {
    const { default: library } = await import("hls.js");
    if (!library.isSupported()) throw new Error("This browser has no Media Source Extensions for H.264 and AAC.");
    let player: Player | null = null;
    const hls = new library({
      enableWorker: false,
      cmcd: {
        version: 2,
        sessionId: options.sid,
        contentId: options.contentId,
        useHeaders: false,
        eventTargets: [{ url: options.collector, events: ["ps", "e", "t", "bc", "pr"], interval: REPORT_S, batchSize: 1, includeKeys: EVENT_KEYS as never }],
        // A report that leaves with the page must outlive it.
        loader: async ({ url, ...request }) => ({ status: (await fetch(url, { ...request, keepalive: true })).status }),
        reporterCallback: (reporter) => player?.claim(reporter),
      },
    });
    player = new Player(library, hls, options);
    hls.on(library.Events.ERROR, (_event, data) => options.onError(`${data.type}: ${data.details}`, data.fatal));
    hls.attachMedia(options.video);
    return player;
  }

  private claim(reporter: CmcdCustomReporter): void {
    this.reporter = reporter;
    const { device, country } = this.options;
    if (device !== null) reporter.updateCustomData({ "com.tallylight-device": device });
    if (country !== null) reporter.updateCustomData({ "com.tallylight-country": country });
  }

  /** Starts loading, and playing: to be called in the click, or browsers refuse sound. */
  async play(): Promise<void> {
    if (!this.hls.url) this.hls.loadSource(this.options.source);
    await this.options.video.play();
  }

  /** Live latency in ms; null until the live edge is known. Tells it to the reporter. */
  latency(): number | null {
    const { latency } = this.hls;
    if (!Number.isFinite(latency) || latency <= 0) return null;
    const ms = Math.round(latency * 1000);
    this.reporter?.updateCustomData({ "com.tallylight-ltc": ms });
    return ms;
  }

  /** Rendition now played, as `600 kbps 640×360`. */
  rendition(): string | null {
    const level = this.hls.levels[this.hls.currentLevel];
    return level ? `${Math.round(level.bitrate / 1000)} kbps · ${level.width}×${level.height}` : null;
  }

  /** Ends the session: says so to the platform, then lets go of everything. */
  close(): void {
    // hls.js reports no end when it is destroyed; its own "media ended" does.
    if (this.hls.url && !this.options.video.ended) this.hls.trigger(this.library.Events.MEDIA_ENDED, { stalled: false });
    this.hls.destroy();
  }
}
