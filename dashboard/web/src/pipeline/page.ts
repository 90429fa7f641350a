// The Pipeline page: the current state of the parts from source to viewers, and each segment's
// fate.

import type { App, Page } from "../app";
import { h, setAttr } from "../ui/dom";
import { SegmentCard } from "./card";
import { Faults } from "./faults";
import { SegmentStrip, type Chosen } from "./strip";
import { Topology } from "./topology";

export class PipelinePage implements Page {
  private readonly topology: Topology;
  private readonly strip: SegmentStrip;
  private readonly card: SegmentCard;
  private readonly faults: Faults;
  private chosen: Chosen | null = null;
  readonly root: HTMLElement;

  constructor(private readonly app: App) {
    this.topology = new Topology(app);
    this.strip = new SegmentStrip(app, (chosen) => this.choose(chosen));
    this.card = new SegmentCard(app, () => this.choose(null));
    this.faults = new Faults(() => this.draw());
    this.root = h("div", { class: "page pipeline" }, this.topology.root, this.strip.root, h("div", { class: "columns" }, this.faults.root, this.card.root));
  }

  private choose(chosen: Chosen | null): void {
    this.chosen = chosen;
    this.draw();
  }

  draw(): void {
    this.topology.draw();
    const media = this.app.steering.media() === true;
    for (const part of [this.strip.root, this.card.root]) setAttr(part, "hidden", !media);
    this.strip.draw(this.chosen);
    this.card.draw(this.chosen);
    this.faults.draw(this.app.feed.now());
  }

  close(): void {
    this.topology.close();
    this.strip.close();
    this.faults.close();
  }
}
