// Keyboard shortcuts, and the card that lists them.

import type { App } from "../app";
import { PAGES } from "../pages";
import { DEFAULT_BY, DEFAULT_METRIC, DIMENSIONS } from "../selection";
import { find, h, setAttr, setText } from "../ui/dom";
import { dialogIsOpen, intoField } from "../ui/press";
import { isLetter, lettersOn, setLetters } from "./letters";

const LIST: readonly (readonly [string, string])[] = [
  ["1 – 9", "select a tile"],
  ["← →", "next or previous metric"],
  ["d", "next dimension of the breakdown"],
  ["s", "5 or 30 minutes"],
  ...PAGES.map(({ key, title }) => [key, title] as const),
  ["m", "mode of steering"],
  ["a", "act by hand (Control room)"],
  ["t", "dark or light"],
  ["/", "find a session"],
  ["Esc", "reset the selection"],
  ["?", "this list"],
];

/** The keys that are not letters and stay active when letters are switched off. */
const STAYS: readonly string[] = ["← →", "Esc", "?"];

/** The card that lists the keys, with the switch for single-letter keys. */
export function helpCard(): HTMLDialogElement {
  const list = h("dl", {});
  for (const [key, what] of LIST) {
    list.append(h("dt", {}, h("kbd", {}, key)), h("dd", { "data-letter": !STAYS.includes(key) }, what));
  }
  const letters = h("button", { type: "button", class: "letters", role: "switch" }, "Single-letter keys: ", h("b", {}));
  const dialog = h("dialog", { class: "help", "aria-label": "Keys" }, h("h2", {}, "Keys"), list, letters);
  const draw = (): void => {
    setAttr(letters, "aria-checked", String(lettersOn()));
    setText(find(letters, "b"), lettersOn() ? "on" : "off");
    setAttr(dialog, "data-letters", lettersOn() ? "on" : "off");
  };
  letters.addEventListener("click", (event) => {
    // A click elsewhere on the card closes it.
    event.stopPropagation();
    setLetters(!lettersOn());
    draw();
  });
  dialog.addEventListener("click", () => dialog.close());
  draw();
  return dialog;
}

/** Handles the keys of all pages; `draw` draws the selected page at once. */
export function bindKeys(app: App, help: HTMLDialogElement, toggleTheme: () => void, draw: () => void): void {
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    // The focused element may have used it: arrows choose among tabs.
    if (event.defaultPrevented || intoField(event)) return;
    if (dialogIsOpen()) {
      if (event.key === "?") help.close();
      return;
    }
    if (act(app, help, event.key, toggleTheme, draw)) event.preventDefault();
  });
}

/** A key that acts as a button of this page. */
function press(button: string): boolean {
  const found = document.querySelector<HTMLButtonElement>(button);
  found?.click();
  return found !== null;
}

/** The search of Sessions. The next letter belongs to it, so its page is not waited for. */
function search(app: App, draw: () => void): boolean {
  app.selection.go({ page: "sessions" });
  draw();
  document.querySelector<HTMLInputElement>("#find")?.focus();
  return true;
}

function act(app: App, help: HTMLDialogElement, key: string, toggleTheme: () => void, draw: () => void): boolean {
  if (isLetter(key) && !lettersOn()) return false;
  const { selection } = app;
  const { current } = selection;
  const step = (list: readonly string[], from: string, by: number): string =>
    list[(list.indexOf(from) + by + list.length) % list.length] ?? from;
  const names = app.feed.metrics.map((metric) => metric.name);
  const tiles = [...document.querySelectorAll<HTMLElement>(".tile .main[data-metric]")].map((tile) => tile.dataset["metric"] ?? "");
  switch (key) {
    case "?": help.showModal(); return true;
    case "Escape": selection.go({ metric: DEFAULT_METRIC, by: DEFAULT_BY, content: null, span: 30 }); return true;
    case "t": toggleTheme(); return true;
    case "/": return search(app, draw);
    case "m": return press(".topbar .mode");
    case "a": return press("#by-hand");
  }
  const page = PAGES.find((one) => one.key === key)?.page;
  if (page) selection.go({ page });
  if (page || current.page !== "room") return page !== undefined;
  switch (key) {
    case "s": selection.go({ span: current.span === 5 ? 30 : 5 }); return true;
    case "d": selection.go({ by: step(DIMENSIONS, current.by, 1) }); return true;
    case "ArrowRight": selection.go({ metric: step(names, current.metric, 1) }); return true;
    case "ArrowLeft": selection.go({ metric: step(names, current.metric, -1) }); return true;
  }
  const tile = /^[1-9]$/.test(key) ? tiles[Number(key) - 1] : undefined;
  if (tile) selection.go({ metric: tile });
  return tile !== undefined;
}
