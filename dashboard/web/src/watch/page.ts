// Watch: the stream in hls.js, the segments as kept, and what the platform knows of it.

import { STREAM, WRITE_KEY, type App, type Page } from "../app";
import { SegmentGrid, segmentLegend } from "../stream/grid";
import { find, h, setAttr, setText } from "../ui/dom";
import { Measure } from "./measure";
import { Player } from "./player";
import { SessionPanel } from "./session";

export class WatchPage implements Page {
  private readonly video = h("video", { playsinline: true, preload: "none" });
  private readonly grid = new SegmentGrid();
  private readonly sid = crypto.randomUUID();
  private readonly measure: Measure;
  private readonly session: SessionPanel;
  private readonly ready: Promise<Player | null>;
  private player: Player | null = null;
  private closed = false;
  private readonly leave = (): void => this.player?.close();
  readonly root: HTMLElement;

  constructor(private readonly app: App) {
    const query = new URL(location.href).searchParams;
    this.measure = new Measure(this.sid, this.video);
    this.session = new SessionPanel(this.sid, () => this.draw());
    const play = h("button", { id: "play", type: "button", class: "act" }, "Play");
    const mute = h("button", { id: "mute", type: "button" }, "Mute");
    play.addEventListener("click", () => void this.toggle());
    mute.addEventListener("click", () => this.setMuted(!this.video.muted));
    const stage = h("section", { class: "panel stage" }, h("div", { class: "screen" }, this.video, h("p", { class: "hint" }, "Press Play. Nothing is fetched before.")), h("div", { class: "controls" }, play, mute, h("span", { class: "status", role: "status" }), h("span", { class: "mono sid", title: "Session id" }, this.sid)));
    const segments = h("section", { class: "panel segpanel" }, h("header", {}, h("h2", {}, "Segments"), h("span", { class: "note" }, "the last 30 of each track, newest at the right"), segmentLegend()), this.grid.root, h("p", { class: "empty", hidden: true }));
    this.root = h("div", { class: "page watch" }, h("div", { class: "left" }, stage, segments), h("div", { class: "right" }, this.session.root));
    for (const name of ["playing", "pause", "waiting", "ended"]) this.video.addEventListener(name, () => this.draw());
    this.ready = this.attach(query);
    window.addEventListener("pagehide", this.leave);
    if (query.get("autoplay") === "1") void this.autoplay();
  }

  private async attach(query: URLSearchParams): Promise<Player | null> {
    try {
      const player = await Player.attach({
        video: this.video,
        source: `/live/${STREAM}/master.m3u8`,
        collector: new URL(`/v1/cmcd?k=${WRITE_KEY}`, location.href).href,
        sid: this.sid,
        contentId: query.get("content") ?? STREAM,
        device: query.get("device"),
        country: query.get("country"),
        onError: (what, fatal) => {
          this.measure.failed(what, fatal);
          this.draw();
        },
      });
      if (this.closed) player.close();
      else this.player = player;
      return player;
    } catch (error) {
      this.measure.failed(error instanceof Error ? error.message : String(error), true);
      return null;
    }
  }

  private async toggle(): Promise<void> {
    if (!this.video.paused) {
      this.video.pause();
      return;
    }
    this.measure.clicked();
    this.draw();
    try {
      // Usually attached long before the click; play() then runs within the gesture.
      await (this.player ?? (await this.ready))?.play();
    } catch (error) {
      this.measure.failed(error instanceof Error ? error.message : String(error), false);
    }
    this.draw();
  }

  /** Browsers play without a gesture only what is silent. */
  private async autoplay(): Promise<void> {
    this.setMuted(true);
    await this.toggle();
  }

  private setMuted(muted: boolean): void {
    this.video.muted = muted;
    setText(find(this.root, "#mute"), muted ? "Unmute" : "Mute");
  }

  draw(): void {
    const playing = !this.video.paused;
    const { probe } = this.measure;
    setText(find(this.root, "#play"), playing ? "Pause" : "Play");
    setAttr(find(this.root, ".hint"), "hidden", probe.playClickedAt !== null);
    const error = probe.errors.at(-1);
    setText(find(this.root, ".status"), error?.fatal ? `■ ${error.what}` : probe.state);
    setAttr(find(this.root, ".status"), "data-level", error?.fatal ? "3" : probe.state === "rebuffering" ? "2" : null);
    this.grid.draw(this.app.segments.strip, 30);
    const empty = find(this.root, ".segpanel .empty");
    setAttr(empty, "hidden", this.app.segments.strip !== null);
    setText(empty, this.app.segments.failedSince === null ? "Asking for the schedule." : "The schedule does not answer; is the steering service running?");
    this.session.draw(this.measure.own(this.player?.latency() ?? null, this.player?.rendition() ?? null), this.app.feed.now());
  }

  close(): void {
    this.closed = true;
    window.removeEventListener("pagehide", this.leave);
    this.session.close();
    this.player?.close();
    delete window.tallylight;
  }
}
