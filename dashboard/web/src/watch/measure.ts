// The page's own measurements of its playback, and the hook through which tests read them.

import type { Span } from "../sessions/data";
import type { PlayerName } from "./players/player";
import type { SegmentRequest } from "./requests";

export type State = "not started" | "starting" | "playing" | "rebuffering" | "seeking" | "paused" | "ended" | "failed";

/** What tests may rely on, at `window.tallylight`. Times are Unix ms. */
export interface Probe {
  /** Empty until the platform has assigned one. */
  sid: string;
  player: PlayerName;
  playClickedAt: number | null;
  firstFrameAt: number | null;
  startupMs: number | null;
  rebuffers: number;
  rebufferingMs: number;
  latencyMs: number | null;
  currentTime: number;
  state: State;
  errors: { at: number; what: string; fatal: boolean }[];
  /** This player's own segment requests, oldest first. */
  requests: readonly SegmentRequest[];
}

/** What the page measured itself. */
export interface Measured {
  state: State;
  startupMs: number | null;
  rebuffers: number;
  rebufferingMs: number;
  latencyMs: number | null;
}

declare global {
  interface Window {
    tallylight?: Probe;
  }
}

const MAX_ERRORS = 100;
const MAX_SPANS = 500;

export class Measure {
  readonly probe: Probe;
  /** Its states over time; the newest continues. */
  readonly spans: Span[] = [];
  private waitingSince: number | null = null;

  constructor(
    player: PlayerName,
    private readonly video: HTMLVideoElement,
    requests: readonly SegmentRequest[],
    private readonly changed: (state: State) => void,
  ) {
    this.probe = { sid: "", player, playClickedAt: null, firstFrameAt: null, startupMs: null, rebuffers: 0, rebufferingMs: 0, latencyMs: null, currentTime: 0, state: "not started", errors: [], requests };
    window.tallylight = this.probe;
    video.addEventListener("playing", () => this.playing());
    video.addEventListener("waiting", () => this.waiting());
    video.addEventListener("seeking", () => this.probe.firstFrameAt !== null && this.leave("seeking"));
    video.addEventListener("pause", () => this.leave("paused"));
    video.addEventListener("ended", () => this.leave("ended"));
    video.addEventListener("timeupdate", () => (this.probe.currentTime = video.currentTime));
  }

  clicked(): void {
    if (this.probe.playClickedAt !== null) return;
    this.probe.playClickedAt = Date.now();
    this.set("starting");
  }

  private playing(): void {
    const now = Date.now();
    const { probe } = this;
    if (probe.firstFrameAt === null) {
      probe.firstFrameAt = now;
      probe.startupMs = probe.playClickedAt === null ? null : now - probe.playClickedAt;
    }
    this.leave("playing");
  }

  /** Waiting after the first frame and outside a seek is a rebuffer. */
  private waiting(): void {
    if (this.probe.firstFrameAt === null || this.video.seeking) return;
    this.set("rebuffering");
    if (this.waitingSince !== null) return;
    this.waitingSince = Date.now();
    this.probe.rebuffers += 1;
  }

  private set(state: State): void {
    if (this.probe.state === state) return;
    const now = Date.now();
    const last = this.spans.at(-1);
    if (last) last.to = now;
    this.spans.push({ state, from: now, to: now });
    if (this.spans.length > MAX_SPANS) this.spans.shift();
    this.probe.state = state;
    this.changed(state);
  }

  private leave(state: State): void {
    if (this.waitingSince !== null) this.probe.rebufferingMs += Date.now() - this.waitingSince;
    this.waitingSince = null;
    this.set(state);
  }

  failed(what: string, fatal: boolean): void {
    if (this.probe.errors.length < MAX_ERRORS) this.probe.errors.push({ at: Date.now(), what, fatal });
    if (fatal) this.leave("failed");
  }

  own(latencyMs: number | null): Measured {
    const { probe } = this;
    probe.latencyMs = latencyMs;
    const open = this.waitingSince === null ? 0 : Date.now() - this.waitingSince;
    return { state: probe.state, startupMs: probe.startupMs, rebuffers: probe.rebuffers, rebufferingMs: probe.rebufferingMs + open, latencyMs };
  }
}
