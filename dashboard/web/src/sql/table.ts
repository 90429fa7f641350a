// The result as a table. Rows beyond what a person would scroll through are counted, not drawn.

import { count } from "../metrics/format";
import { h } from "../ui/dom";
import type { Row } from "./api";
import { shownAs, type Field } from "./shape";

const DRAWN = 500;

export function resultTable(rows: readonly Row[], fields: readonly Field[]): HTMLElement {
  const head = h("tr", {});
  for (const { name, kind } of fields) head.append(h("th", { scope: "col", "data-kind": kind, title: kind }, name));
  const body = h("tbody", {});
  for (const row of rows.slice(0, DRAWN)) {
    const tr = h("tr", {});
    for (const { name, kind } of fields) {
      const value = row[name];
      const nothing = value === null || value === undefined;
      const text = shownAs(value, kind);
      const cell = h("td", { "data-kind": kind, "data-null": nothing, title: text.length > 40 ? text : null });
      if (name === "sid" && !nothing) cell.append(h("a", { href: `/sessions?sid=${encodeURIComponent(text)}`, title: "This session's timeline" }, text));
      else cell.append(text);
      tr.append(cell);
    }
    body.append(tr);
  }
  const box = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Result" }, h("table", {}, h("thead", {}, head), body));
  if (rows.length > DRAWN) box.append(h("p", { class: "more" }, `${count(rows.length - DRAWN)} more rows are in the download.`));
  return box;
}
