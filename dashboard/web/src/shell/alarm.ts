// The worst open incident, on every page but the Control room: an operator who examines a segment
// must not miss that an edge went down.

import type { App } from "../app";
import { levelOfIncident } from "../control/records";
import { NO_ANSWER, seconds } from "../control/words";
import { find, h, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES } from "../ui/palette";

export class Alarm {
  readonly root = h("a", { class: "alarm", href: "/", hidden: true }, h("span", { class: "shape" }), h("b", {}), h("span", { class: "more" }));

  constructor(private readonly app: App) {
    this.root.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      app.selection.go({ page: "room" });
    });
  }

  draw(): void {
    const { feed, selection } = this.app;
    const open = feed.records.open();
    const worst = open[0];
    setAttr(this.root, "hidden", worst === undefined || selection.current.page === "room");
    if (!worst) return;
    const level = levelOfIncident(worst);
    setAttr(this.root, "data-level", String(level));
    setText(find(this.root, ".shape"), LEVEL_SHAPES[level]);
    setText(find(this.root, "b"), worst.cause);
    setText(find(this.root, ".more"), this.more(worst.id, open.length - 1));
  }

  private more(id: string, others: number): string {
    const { feed, steering } = this.app;
    const next = feed.records.answers(id)[0];
    const offered = (at: number | null): string => (steering.lost() ? NO_ANSWER : at === null ? "waits for a click" : `acts in ${seconds(at - feed.now())}`);
    const what = next?.state === "taken" ? "acted on" : next?.state === "offered" ? offered(next.acts_at) : "";
    return [what, others > 0 ? `${others} more` : ""].filter((part) => part !== "").join(" · ");
  }
}
