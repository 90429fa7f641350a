// One playback: a session of the platform, one player on one video, and this page's own
// measurements. Switching players ends it and begins another.

import { WRITE_KEY } from "../app";
import type { Past, Point } from "../sessions/data";
import { h } from "../ui/dom";
import { Beacons, quoted } from "./beacons";
import { Measure, type State } from "./measure";
import { beginSession, type PlaySession } from "./play";
import { PLAYERS, attach, type Player, type PlayerName } from "./players/player";
import { Requests } from "./requests";
import type { OwnMeasure } from "./session";

/** The demo's edges, by their names in paths and dimensions. */
const EDGES = ["e1", "e2"];

const SAMPLE_MS = 1_000;
const MAX_SAMPLES = 1_800;

/** This page's states as CMCD tokens. */
const TOKENS: Readonly<Partial<Record<State, string>>> = { starting: "s", playing: "p", rebuffering: "r", seeking: "k", paused: "a", ended: "e", failed: "f" };

export interface Claims {
  content: string;
  device: string | null;
  country: string | null;
}

export class Stage {
  readonly video = h("video", { playsinline: true, preload: "none" });
  readonly requests = new Requests(EDGES);
  readonly measure: Measure;
  /** The answer of `/v1/play`; null while it is pending. */
  session: PlaySession | null = null;
  private player: Player | null = null;
  private beacons: Beacons | null = null;
  private closed = false;
  private readonly bitrate: Point[] = [];
  private readonly buffer: Point[] = [];
  private readonly latency: Point[] = [];
  private readonly sampler = setInterval(() => this.sample(), SAMPLE_MS);
  private readonly ready: Promise<Player | null>;
  private readonly leave = (): void => this.beacons?.goodbye();

  constructor(
    readonly name: PlayerName,
    private readonly stream: string,
    private readonly claims: Claims,
    private readonly changed: () => void,
  ) {
    this.measure = new Measure(name, this.video, this.requests.list, (state) => this.tell(state));
    for (const event of ["playing", "pause", "waiting", "ended"]) this.video.addEventListener(event, changed);
    window.addEventListener("pagehide", this.leave);
    this.ready = this.open();
  }

  private async open(): Promise<Player | null> {
    try {
      const session = await beginSession(this.stream, this.name, WRITE_KEY);
      this.session = session;
      this.measure.probe.sid = session.sid;
      const { content, device, country } = this.claims;
      const library = PLAYERS.find((one) => one.name === this.name);
      const text = (value: string | null): string | null => (value === null ? null : quoted(value));
      this.beacons = new Beacons(session.beacon, session.sid, content, () => ({
        "com.tallylight-device": text(device),
        "com.tallylight-country": text(country),
        "com.tallylight-player": text(`${library?.title ?? this.name} ${library?.version ?? ""}`.trim()),
        ...this.known(),
      }));
      const format = library?.format ?? "hls";
      const player = await attach(this.name, {
        video: this.video,
        source: new URL(session[format], location.href).href,
        collector: session.beacon,
        sid: session.sid,
        contentId: content,
        beacons: this.beacons,
        onError: (what, fatal) => {
          this.measure.failed(what, fatal);
          this.changed();
        },
      });
      if (this.closed) player.close();
      else this.player = player;
      this.changed();
      return player;
    } catch (error) {
      this.measure.failed(words(error), true);
      this.changed();
      return null;
    }
  }

  /** Shaka's release builds omit the state from every report (docs/connect.md). */
  private tell(state: State): void {
    const token = TOKENS[state];
    if (this.name === "shaka" && token) this.beacons?.state(token);
  }

  /** What players omit: live latency (ours, under our own key), buffer, bitrate. */
  private known(): Record<string, string | null> {
    const latency = this.player?.latency() ?? null;
    const kbps = this.player?.rendition()?.kbps ?? null;
    const started = this.measure.probe.firstFrameAt !== null;
    return {
      // dash.js sends the standard key, and that one counts (docs/cmcd.md).
      "com.tallylight-ltc": latency === null || this.name === "dash" ? null : quoted(String(latency)),
      sta: this.name === "shaka" ? (TOKENS[this.measure.probe.state] ?? null) : null,
      bl: started ? `(${Math.round(this.bufferMs() / 100) * 100})` : null,
      br: started && kbps !== null ? `(${kbps})` : null,
    };
  }

  bufferMs(): number {
    const { buffered, currentTime } = this.video;
    for (let at = 0; at < buffered.length; at += 1) {
      if (buffered.start(at) <= currentTime + 0.1 && currentTime < buffered.end(at)) return (buffered.end(at) - currentTime) * 1000;
    }
    return 0;
  }

  private sample(): void {
    const { firstFrameAt, state } = this.measure.probe;
    if (firstFrameAt === null || state === "ended" || state === "failed") return;
    const at = Date.now();
    const put = (into: Point[], value: number | null): void => {
      if (value !== null) into.push({ at, value });
      if (into.length > MAX_SAMPLES) into.shift();
    };
    put(this.bitrate, this.player?.rendition()?.kbps ?? null);
    put(this.buffer, this.bufferMs());
    put(this.latency, this.player?.latency() ?? null);
  }

  /** This page's own record, in the platform's format. */
  past(now: number): Past {
    const { spans, probe } = this.measure;
    const newest = spans.at(-1);
    if (newest) newest.to = now;
    const requests = this.requests.list.map((one) => ({ ...one, pipeline: null, status: one.status || 200, bytes: 0 }));
    const errors = probe.errors.map(({ at, what }) => ({ at, what }));
    return { row: null, spans, bitrate: this.bitrate, buffer: this.buffer, latency: this.latency, requests, errors, records: 0, missing: [] };
  }

  async toggle(): Promise<void> {
    if (!this.video.paused) {
      this.video.pause();
      return;
    }
    this.measure.clicked();
    this.changed();
    try {
      // Usually attached long before the click; play() then runs within the gesture.
      await (this.player ?? (await this.ready))?.play();
    } catch (error) {
      // Left while it was starting, which is not an error.
      if (!this.closed) this.measure.failed(words(error), false);
    }
    this.changed();
  }

  own(): OwnMeasure {
    const rendition = this.player?.rendition() ?? null;
    const edges = [...this.requests.byEdge(10_000, Date.now())].sort((a, b) => b[1] - a[1]);
    return {
      ...this.measure.own(this.player?.latency() ?? null),
      rendition: rendition ? `${rendition.kbps} kbps · ${rendition.width}×${rendition.height}` : null,
      buffer: this.measure.probe.firstFrameAt === null ? null : this.bufferMs(),
      edges: edges.map(([edge, requests]) => `${edge} · ${requests}`).join(", "),
    };
  }

  close(): void {
    this.closed = true;
    window.removeEventListener("pagehide", this.leave);
    this.player?.close();
    this.beacons?.goodbye();
    this.requests.close();
    clearInterval(this.sampler);
    this.video.removeAttribute("src");
    delete window.tallylight;
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
