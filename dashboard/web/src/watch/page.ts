// Watch: the stream in the player that the URL names, the segments as kept, and what the platform
// knows about this session a second later.

import type { App, Page } from "../app";
import { Timeline } from "../sessions/timeline";
import { SegmentGrid, segmentLegend } from "../stream/grid";
import { find, h, setAttr, setText } from "../ui/dom";
import { setQuery } from "../ui/query";
import { PLAYERS, type PlayerName } from "./players/player";
import { SessionPanel } from "./session";
import { Stage } from "./stage";

export class WatchPage implements Page {
  private readonly grid = new SegmentGrid();
  private readonly session: SessionPanel;
  private readonly record = new Timeline("This page's own record", true);
  private recordedAt = 0;
  private readonly screen = h("div", { class: "screen" });
  private readonly tabs = h("div", { class: "tabs", role: "group", "aria-label": "Player" });
  private stage: Stage;
  private muted = false;
  readonly root: HTMLElement;

  constructor(private readonly app: App) {
    for (const { name, title, version } of PLAYERS) {
      const tab = h("button", { type: "button", "data-player": name, title: `${title} ${version}` }, title, h("span", { class: "version" }, ` ${version}`));
      tab.addEventListener("click", () => this.choose(name));
      this.tabs.append(tab);
    }
    const play = h("button", { id: "play", type: "button", class: "act" }, "Play");
    const mute = h("button", { id: "mute", type: "button" }, "Mute");
    play.addEventListener("click", () => void this.stage.toggle());
    mute.addEventListener("click", () => this.setMuted(!this.muted));
    const stage = h(
      "section",
      { class: "panel stage" },
      this.screen,
      h("div", { class: "controls" }, play, mute, h("span", { class: "status", role: "status" }), this.tabs, h("span", { class: "mono sid", title: "Session id" })),
    );
    const segments = h("section", { class: "panel segpanel" }, h("header", {}, h("h2", {}, "Segments"), h("span", { class: "note" }, "the last 30 of each track, newest at the right"), segmentLegend()), this.grid.root, h("p", { class: "empty", hidden: true }));
    this.session = new SessionPanel(() => this.draw());
    this.root = h("div", { class: "page watch" }, h("div", { class: "left" }, stage, segments), h("div", { class: "right" }, this.session.root, this.record.root));
    this.stage = this.begin(asked());
    if (new URL(location.href).searchParams.get("autoplay") === "1") void this.autoplay();
  }

  private begin(name: PlayerName): Stage {
    const query = new URL(location.href).searchParams;
    const stream = this.app.steering.stream();
    const claims = { content: query.get("content") ?? stream, device: query.get("device"), country: query.get("country") };
    const stage = new Stage(name, stream, claims, () => this.draw());
    stage.video.muted = this.muted;
    this.screen.replaceChildren(stage.video, h("p", { class: "hint" }, "Press Play. Nothing is fetched until then."));
    return stage;
  }

  /** Switches the player: this session ends and another begins, playing if this one was. */
  private choose(name: PlayerName): void {
    setQuery({ player: name === "hls" ? null : name });
    this.follow();
  }

  private follow(): void {
    const name = asked();
    if (name === this.stage.name) return;
    const goOn = this.stage.measure.probe.playClickedAt !== null && !this.stage.video.paused;
    this.stage.close();
    this.session.forget();
    this.stage = this.begin(name);
    if (goOn) void this.stage.toggle();
    this.draw();
  }

  /** Browsers play without a gesture only when muted. */
  private async autoplay(): Promise<void> {
    this.setMuted(true);
    await this.stage.toggle();
  }

  private setMuted(muted: boolean): void {
    this.muted = muted;
    this.stage.video.muted = muted;
    setText(find(this.root, "#mute"), muted ? "Unmute" : "Mute");
  }

  draw(): void {
    // Back and Forward change the URL without a click here.
    if (asked() !== this.stage.name) this.follow();
    const { stage } = this;
    const { probe } = stage.measure;
    for (const tab of this.tabs.children) setAttr(tab, "aria-pressed", String(tab.getAttribute("data-player") === stage.name));
    setText(find(this.root, "#play"), stage.video.paused ? "Play" : "Pause");
    setAttr(find(this.root, ".hint"), "hidden", probe.playClickedAt !== null);
    setText(find(this.root, ".sid"), probe.sid);
    const error = probe.errors.at(-1);
    const status = find(this.root, ".status");
    setText(status, error?.fatal ? `■ ${error.what}` : probe.state);
    setAttr(status, "data-level", error?.fatal ? "3" : probe.state === "rebuffering" ? "2" : null);
    this.grid.draw(this.app.segments.strip, 30);
    const empty = find(this.root, ".segpanel .empty");
    setAttr(empty, "hidden", this.app.segments.strip !== null);
    setText(empty, this.app.segments.failedSince === null ? "Loading the schedule." : "The origin's schedule does not answer: are the origin and steering running?");
    const playing = probe.playClickedAt !== null;
    setAttr(this.record.root, "hidden", !playing);
    if (playing && performance.now() - this.recordedAt > 900) {
      this.recordedAt = performance.now();
      this.record.show(stage.past(Date.now()), Date.now());
    }
    this.session.draw(probe.sid, stage.own(), this.app.feed.now());
  }

  close(): void {
    this.session.close();
    this.record.close();
    this.stage.close();
  }
}

/** The player that the URL names. */
function asked(): PlayerName {
  const name = new URL(location.href).searchParams.get("player");
  return PLAYERS.find((one) => one.name === name)?.name ?? "hls";
}
