// Health: the platform's view of itself.

import type { App, Page } from "../app";
import { h } from "../ui/dom";
import { DeliveryTable } from "./delivery";
import { FateTable } from "./fates";
import { Parts } from "./parts";

export class HealthPage implements Page {
  private readonly fates: FateTable;
  private readonly parts: Parts;
  private readonly delivery: DeliveryTable;
  readonly root: HTMLElement;

  constructor(app: App) {
    this.fates = new FateTable(app);
    this.parts = new Parts(app);
    this.delivery = new DeliveryTable(app);
    this.root = h("div", { class: "page health" }, this.parts.root, h("div", { class: "columns" }, this.fates.root, this.fates.reasons), this.delivery.root);
  }

  draw(): void {
    this.fates.draw();
    this.parts.draw();
    this.delivery.draw();
  }

  close(): void {
    // Nothing runs in the background here.
  }
}
