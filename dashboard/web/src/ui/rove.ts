// A group of which one is chosen, as expected on the keyboard (WAI-ARIA APG, tabs and radio group):
// one stop for Tab, and arrow keys that cycle within it and choose.

import { setAttr } from "./dom";

/** Which pattern a group follows. */
export type Kind = "tabs" | "radios";

const MARKS: Readonly<Record<Kind, string>> = { tabs: "aria-selected", radios: "aria-checked" };
const STEPS: Readonly<Record<Kind, Readonly<Record<string, number>>>> = {
  tabs: { ArrowLeft: -1, ArrowRight: 1 },
  radios: { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 },
};

/**
 * Where a key leads from position `at` of `count`; null where the key does not belong to the group.
 */
export function leadsTo(key: string, kind: Kind, at: number, count: number): number | null {
  if (kind === "tabs" && key === "Home") return 0;
  if (kind === "tabs" && key === "End") return count - 1;
  const step = STEPS[kind][key];
  return step === undefined ? null : (at + step + count) % count;
}

/**
 * Lets arrow keys choose among the children of a group; a key that is used is marked as handled, so
 * that it means nothing else to the page.
 */
export function rove(group: HTMLElement, kind: Kind): void {
  group.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const items = [...group.children] as HTMLElement[];
    const at = items.indexOf(event.target as HTMLElement);
    const to = at < 0 ? null : leadsTo(event.key, kind, at, items.length);
    if (to === null) return;
    event.preventDefault();
    items[to]?.focus();
    items[to]?.click();
  });
}

/** Marks the chosen one, and makes it the only stop for Tab. */
export function choose(group: Element, kind: Kind, isChosen: (item: Element) => boolean): void {
  for (const item of group.children) {
    const chosen = isChosen(item);
    setAttr(item, MARKS[kind], String(chosen));
    setAttr(item, "tabindex", chosen ? "0" : "-1");
  }
}
