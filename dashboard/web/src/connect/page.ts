// Connect: from a player of one's own to its first session on the screen.

import { WRITE_KEY, type App, type Page } from "../app";
import { find, h, setAttr, setText } from "../ui/dom";
import { query, setQuery } from "../ui/query";
import { BeaconBox } from "./box";
import { SAMPLES, type Sample, type Where } from "./lines";

/**
 * A page of another site may talk to the collector and to the manifests, not to the dashboard.
 * Their ports follow the dashboard's (docs/connect.md); behind a proxy without a port, one
 * address has to do for all.
 */
function where(sid: string, media: boolean, stream: string): Where {
  const port = Number(location.port);
  const at = (offset: number): string => (port > 0 ? `${location.protocol}//${location.hostname}:${port + offset}` : location.origin);
  return {
    beacon: `${at(1)}/v1/cmcd?k=${WRITE_KEY}`,
    key: WRITE_KEY,
    hls: media ? `${at(20)}/live/${stream}/master.m3u8` : "https://cdn.example/your-event/master.m3u8",
    dash: media ? `${at(20)}/live/${stream}/manifest.mpd` : "https://cdn.example/your-event/manifest.mpd",
    sessions: `${at(20)}/v1/play/${stream}`,
    sid,
    cid: stream,
  };
}

export class ConnectPage implements Page {
  /** So that a newcomer's own beacons stand apart from everybody else's. */
  private readonly sid = `my-first-${Math.floor(Math.random() * 36 ** 4).toString(36).padStart(4, "0")}`;
  private readonly box = new BeaconBox(() => this.sid, () => this.draw());
  private readonly tabs = h("div", { class: "tabs players", role: "group", "aria-label": "Player" });
  private readonly code = h("pre", { tabindex: "0", role: "region", "aria-label": "Lines to paste" });
  private readonly facts = h("dl", { class: "ends" });
  private drawn = "";
  readonly root: HTMLElement;

  constructor(private readonly app: App) {
    for (const { name, title } of SAMPLES) {
      const tab = h("button", { type: "button", "data-player": name }, title);
      tab.addEventListener("click", () => {
        setQuery({ player: name === "hls" ? null : name });
        this.draw();
      });
      this.tabs.append(tab);
    }
    const copy = h("button", { type: "button", class: "act" }, "Copy");
    copy.addEventListener("click", () => void this.copy(copy));
    const lines = h("section", { class: "panel lines-panel" }, h("header", {}, h("h2", {}, "Connect a player"), h("span", { class: "note" }, "any CMCD v2 player; no SDK needed")), this.facts, h("div", { class: "copy" }, this.tabs, copy), h("p", { class: "about" }), this.code);
    this.root = h("div", { class: "page connect" }, lines, this.box.root);
  }

  private async copy(button: HTMLElement): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.code.textContent ?? "");
      setText(button, "Copied");
    } catch {
      getSelection()?.selectAllChildren(this.code);
      setText(button, "Selected");
    }
    setTimeout(() => setText(button, "Copy"), 2_000);
  }

  draw(): void {
    const sample = SAMPLES.find(({ name }) => name === query("player")) ?? (SAMPLES[0] as Sample);
    // Where the media is others', their addresses are not known here.
    const media = this.app.steering.media() !== false;
    const stream = this.app.steering.stream();
    const drawn = `${sample.name} ${media} ${stream}`;
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      const at = where(this.sid, media, stream);
      const { beacon, key, hls, dash, sessions } = at;
      const ends = media ? [["HLS", hls], ["DASH", dash]] : [["sessions to steer: POST", sessions]];
      const facts = [["beacons to", beacon], ["write key", key], ...ends, ["session of these lines", this.sid]];
      this.facts.replaceChildren(...facts.map(([name = "", value = ""]) => h("div", {}, h("dt", {}, name), h("dd", { class: "mono" }, value))));
      setText(this.code, sample.code(at));
      setText(find(this.root, ".about"), sample.about);
      for (const tab of this.tabs.children) setAttr(tab, "aria-pressed", String(tab.getAttribute("data-player") === sample.name));
    }
    this.box.draw(this.app.feed.now());
  }

  close(): void {
    this.box.close();
  }
}
