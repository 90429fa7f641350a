// An unknown path: a calm message, with the way back.

import type { App, Page } from "../app";
import { PAGES } from "../pages";
import { h } from "../ui/dom";

export class LostPage implements Page {
  readonly root: HTMLElement;

  constructor(app: App) {
    const link = (page: (typeof PAGES)[number]): HTMLElement => {
      const made = h("a", { href: page.path }, page.title);
      made.addEventListener("click", (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        app.selection.go({ page: page.page });
      });
      return h("li", {}, made);
    };
    this.root = h(
      "div",
      { class: "page lost" },
      h("section", { class: "panel" }, h("header", {}, h("h2", {}, "There is no such page")), h("p", { class: "empty" }, "There is no page at ", h("code", {}, location.pathname), ". What is on air goes on; the pages are:"), h("ul", { class: "ways" }, ...PAGES.filter(({ page }) => page !== "watch" || app.steering.media() !== false).map(link))),
    );
  }

  draw(): void {
    // The content is static.
  }

  close(): void {
    // Nothing runs here.
  }
}
