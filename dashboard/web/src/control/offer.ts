// An action as shown before and after the click: what it does, the capacity that it leaves free at
// its destination, the expected effect, and how it is undone.

import type { App } from "../app";
import { moment } from "../metrics/format";
import { find, h, keyed, setAttr, setText, unbroken } from "../ui/dom";
import type { Action } from "./types";
import { isHeld } from "./words";

export function offerBox(): HTMLElement {
  const bar = h("div", { class: "capbar", "aria-hidden": "true" }, h("i", { class: "used" }), h("i", { class: "added" }), h("i", { class: "mark" }));
  return h("div", { class: "offer" }, h("h4", {}), h("div", { class: "cap" }, h("span", { class: "capname" }), bar), h("dl", { class: "pairs" }));
}

export function drawOffer(box: Element, app: App, action: Action): void {
  setAttr(box, "data-state", action.state);
  setText(find(box, "h4"), action.title);
  drawCapacity(box, app, action);
  keyed(find(box, "dl"), rows(action, app.feed.now()), ([name]) => name, ([name]) => h("div", {}, h("dt", {}, name), h("dd", {})), (row, [, value]) => setText(find(row, "dd"), unbroken(value)));
}

function rows(action: Action, now: number): (readonly [string, string])[] {
  const out: (readonly [string, string])[] = [];
  if (action.load_after !== null) {
    const free = Math.round(100 * (1 - action.load_after));
    out.push(["Load after", `${Math.round(100 * action.load_after)} %, ${free >= 0 ? `${free} % kept free` : `${-free} % too much`}`]);
  }
  if (action.outcome !== null) out.push(["Result", action.outcome]);
  // A held action may still be taken; steering then plans it again.
  if (action.forecast !== "" && isHeld(action)) out.push(["Should give", `${action.forecast}, as offered at ${moment(action.at, now)}`]);
  else if (action.forecast !== "" && action.outcome === null) out.push(["Should give", action.forecast]);
  out.push(["Undone by", action.undo ?? "cannot be undone"]);
  return out;
}

function drawCapacity(box: Element, app: App, action: Action): void {
  const cap = find(box, ".cap");
  const edge = action.to === null ? null : app.steering.edge(action.to);
  const after = action.load_after;
  setAttr(cap, "hidden", edge?.capacity_kbps == null || after === null);
  if (!edge?.capacity_kbps || after === null) return;
  const now = Math.min(1, (edge.reserved_kbps ?? 0) / edge.capacity_kbps);
  const to = Math.min(1, after);
  const base = Math.min(now, to);
  setText(find(cap, ".capname"), `Edge ${action.to ?? ""}, nominal ${nominal(edge.capacity_kbps)}`);
  find(cap, ".used").style.width = `${100 * base}%`;
  find(cap, ".added").style.width = `${100 * (to - base)}%`;
  find(cap, ".mark").style.left = `${100 * to}%`;
  setAttr(cap, "data-over", after > 1);
}

/** `140 Mbps`, `40 Gbps`. */
function nominal(kbps: number): string {
  return kbps >= 10_000_000 ? `${(kbps / 1_000_000).toFixed(0)} Gbps` : `${(kbps / 1000).toFixed(0)} Mbps`;
}
