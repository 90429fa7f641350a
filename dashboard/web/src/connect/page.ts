// Connect: from the user's own player to its first session on the screen.

import type { App, Page } from "../app";
import { find, h, setAttr, setText } from "../ui/dom";
import { query, setQuery } from "../ui/query";
import { BeaconBox } from "./box";
import { SAMPLES, type Sample, type Where } from "./lines";
import { where } from "./where";

export class ConnectPage implements Page {
  /** An id of its own, so that a newcomer's beacons can be distinguished from all others. */
  private readonly sid = `my-first-${Math.floor(Math.random() * 36 ** 4).toString(36).padStart(4, "0")}`;
  private readonly box: BeaconBox;
  private readonly tabs = h("div", { class: "tabs players", role: "group", "aria-label": "Player" });
  private readonly code = h("pre", { tabindex: "0", role: "region", "aria-label": "Lines to paste" });
  private readonly facts = h("dl", { class: "ends" });
  private drawn = "";
  readonly root: HTMLElement;

  constructor(private readonly app: App) {
    this.box = new BeaconBox(() => this.sid, () => (app.steering.media() === null ? null : this.ends().key), () => this.draw());
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

  /** The addresses that the lines name. */
  private ends(): Where {
    const { steering } = this.app;
    // Where the media is not ours, its addresses are not known here.
    const media = steering.media() !== false;
    const { status } = steering;
    return where({ sid: this.sid, media, stream: media ? steering.stream() : steering.sessionsOf(), steering: status?.public_url ?? null, beacon: status?.beacon ?? null }, location);
  }

  draw(): void {
    const sample = SAMPLES.find(({ name }) => name === query("player")) ?? (SAMPLES[0] as Sample);
    const media = this.app.steering.media() !== false;
    const at = this.ends();
    const drawn = JSON.stringify([sample.name, media, at]);
    if (drawn !== this.drawn) {
      this.drawn = drawn;
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
