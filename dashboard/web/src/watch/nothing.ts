// The Watch page where the media is not ours: there is nothing to play.

import type { Page } from "../app";
import { h } from "../ui/dom";

export class NothingPage implements Page {
  readonly root = h(
    "div",
    { class: "page nothing" },
    h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Nothing to watch here")), h("p", { class: "empty" }, "This platform runs without media of its own. Your players and what they see are on the ", h("a", { href: "/sessions" }, "Sessions"), " page; lines to connect them on ", h("a", { href: "/connect" }, "Connect"), ".")),
  );

  draw(): void {
    // The content is static.
  }

  close(): void {
    // Nothing runs here.
  }
}
