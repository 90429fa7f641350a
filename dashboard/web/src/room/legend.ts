// The chart's legend: each line's name with its value now, or under the cursor.

import type uPlot from "uplot";
import type { Annotation } from "../control/annotations";
import type { Metric } from "../feed/types";
import type { Level } from "../metrics/evaluate";
import { clock, text } from "../metrics/format";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES, palette } from "../ui/palette";

export interface Line {
  name: string;
  value: number | null;
  level: Level;
}

export class Legend {
  private readonly list = h("ul", { class: "lines" });
  private readonly at = h("span", { class: "at" });
  readonly root = h("div", { class: "legend" }, this.list, this.at);
  private lines: readonly Line[] = [];
  private hover = false;

  draw(metric: Metric, lines: readonly Line[], more: number): void {
    this.lines = lines;
    keyed(this.list, lines, (line) => line.name, make, (item, line) => {
      const at = lines.indexOf(line);
      const swatch = find<SVGLineElement & HTMLElement>(item, ".swatch");
      const colour = line.level ? palette().levels[line.level] : (palette().series[at] ?? palette().text2);
      if (swatch.style.borderTopColor !== colour) swatch.style.borderTopColor = colour;
      setAttr(swatch, "data-dash", ["solid", "dashed", "dotted"][at % 3]);
      setText(find(item, ".shape"), LEVEL_SHAPES[line.level]);
      setAttr(item, "data-level", line.level ? String(line.level) : null);
      if (!this.hover) setText(find(item, "b"), text(metric, line.value));
    });
    if (!this.hover) setText(this.at, more > 0 ? `and ${more} more in the table` : "");
  }

  /** Shows the values under the cursor, and the events there. */
  cursor(plot: uPlot, metric: Metric | null, notes: readonly Annotation[]): void {
    const at = plot.cursor.idx;
    this.hover = at !== null && at !== undefined && (plot.cursor.left ?? -1) >= 0;
    if (!metric || !this.hover || at === null || at === undefined) {
      setText(this.at, "");
      return;
    }
    this.lines.forEach((_, n) => {
      const item = this.list.children[n];
      if (item) setText(find(item, "b"), text(metric, plot.data[n + 1]?.[at] ?? null));
    });
    const there = notes.map((one) => `${LEVEL_SHAPES[one.level]} ${one.text}`.trim()).join(" · ");
    setText(this.at, `at ${clock((plot.data[0][at] ?? 0) * 1000)} UTC${there && ` · ${there}`}`);
  }
}

function make(line: Line): HTMLElement {
  return h("li", {}, h("i", { class: "swatch" }), h("span", { class: "shape" }), h("span", {}, line.name), " ", h("b", {}));
}
