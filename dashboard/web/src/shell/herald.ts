// Announces a new incident to screen readers: an invisible live region that is spoken whichever
// page is open.

import type { App } from "../app";
import { h } from "../ui/dom";

export class Herald {
  readonly root = h("p", { class: "unseen", role: "alert" });
  private announced: string | null = null;

  constructor(private readonly app: App) {}

  draw(): void {
    const worst = this.app.feed.records.open()[0];
    if ((worst?.id ?? null) === this.announced) return;
    this.announced = worst?.id ?? null;
    // Written again even where the words are the same: it is another incident.
    this.root.replaceChildren(worst?.cause ?? "");
  }
}
