// The rail: only pages that exist.

import type { App } from "../app";
import { PAGES } from "../pages";
import { h, setAttr } from "../ui/dom";
import { icon } from "../ui/icons";

export class Rail {
  readonly root = h("nav", { class: "rail", "aria-label": "Pages" });

  constructor(private readonly app: App) {
    for (const { page, path, title, short } of PAGES) {
      const link = h("a", { href: path, "data-page": page, title, "aria-label": title }, icon(page), h("span", {}, short));
      link.addEventListener("click", (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        app.selection.go({ page });
      });
      this.root.append(link);
    }
  }

  draw(): void {
    for (const link of this.root.children) {
      setAttr(link, "hidden", link.getAttribute("data-page") === "watch" && this.app.steering.media() === false);
      setAttr(link, "aria-current", link.getAttribute("data-page") === this.app.selection.current.page ? "page" : null);
    }
  }
}
