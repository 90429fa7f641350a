// What departs from normal, as sentences: what, since when, for whom. This panel is read-only.

import type { App } from "../app";
import { levelOf, type Level } from "../metrics/evaluate";
import { change, clock, count, text } from "../metrics/format";
import { culprit, rank } from "../metrics/impact";
import { newestPane, type Reading, type Value } from "../metrics/reading";
import { View } from "../metrics/view";
import { DIMENSIONS, dimensionWord } from "../selection";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES, LEVEL_WORDS } from "../ui/palette";

const SHOWN = 5;

interface Departure {
  read: Value;
  since: number | null;
  whom: { dimension: string; group: string; share: number; due: number } | null;
}

export class Departures {
  private readonly list = h("ul", {});
  readonly root = h("section", { class: "panel departures", "aria-live": "polite" }, h("header", {}, h("h2", {}, "Departs from normal"), h("span", { class: "note" })), this.list);

  constructor(private readonly app: App) {}

  draw(reading: Reading, values: readonly Value[]): void {
    const departures = values
      .filter((value) => value.level > 0)
      .sort((a, b) => b.level - a.level)
      .slice(0, SHOWN)
      .map((read) => this.explain(reading, read));
    setText(find(this.root, ".note"), departures.length === 0 ? "" : `${departures.length} of ${values.length} metrics`);
    // An open incident says what is wrong, and the tiles show where.
    setAttr(this.root, "hidden", departures.length === 0 || this.app.feed.records.open().length > 0);
    const worst = departures[0]?.read.level ?? 0;
    setAttr(this.root, "data-level", worst ? String(worst) : null);
    keyed(this.list, departures, (one) => one.read.metric.name, (one) => this.make(one), (item, one) => this.update(item, one));
  }

  private explain(reading: Reading, read: Value): Departure {
    return { read, since: since(reading, read), whom: this.whom(read) };
  }

  /** The value of any dimension that stands out most. */
  private whom(read: Value): Departure["whom"] {
    let found: Departure["whom"] = null;
    for (const dimension of DIMENSIONS) {
      const view = View.of(this.app.feed.playback, dimension, this.app.selection.current.content);
      const { pane } = view ? newestPane(view, this.app.feed) : { pane: null };
      if (!view || pane === null) continue;
      const panes = view.windowPanes(read.metric);
      const impact = culprit(rank(read.metric, view.groups(pane, panes), (panes * view.widthMs) / 1000));
      if (!impact || impact.share === null || impact.due === null) continue;
      if (!found || impact.share - impact.due > found.share - found.due) found = { dimension, group: impact.group, share: impact.share, due: impact.due };
    }
    return found;
  }

  private make(one: Departure): HTMLElement {
    const button = h("button", { type: "button" }, h("span", { class: "what" }, h("span", { class: "shape" }), h("b", {}), h("span", { class: "figure" })), h("span", { class: "when" }), h("span", { class: "whom" }));
    button.addEventListener("click", () => {
      const by = button.dataset["by"];
      this.app.selection.go({ metric: one.read.metric.name, ...(by ? { by } : {}) });
    });
    return h("li", {}, button);
  }

  private update(item: Element, { read, since: from, whom }: Departure): void {
    const { metric, level } = read;
    setAttr(item, "data-level", String(level));
    setText(find(item, ".shape"), LEVEL_SHAPES[level]);
    setText(find(item, "b"), metric.title);
    setText(find(item, ".figure"), `${text(metric, read.value)} · ${LEVEL_WORDS[level]}`);
    const moved = change(metric, read.value, read.before);
    setText(find(item, ".when"), `${from === null ? "for as long as we have data" : `since ${clock(from)} UTC`}${moved ? ` · ${moved} on 5 min ago` : ""}`);
    setText(find(item, ".whom"), whom ? `${dimensionWord(whom.dimension)} ${whom.group} has ${Math.round(100 * whom.share)} % of it, its due is ${Math.round(100 * whom.due)} %` : "spread evenly: no edge, rendition, device or country stands out");
    setAttr(find(item, "button"), "data-by", whom?.dimension ?? null);
    setAttr(item, "title", `Limits: ${metric.limits?.map((limit) => text(metric, limit)).join(", ") ?? "none"}; of ${count(read.sums?.get("viewers") ?? 0)}`);
  }
}

/** When the metric last left normal; null when it was never normal while we observed it. */
function since(reading: Reading, read: Value): number | null {
  const { view, pane } = reading;
  if (!view || pane === null) return null;
  const series = view.series(read.metric, pane - 30 * 60_000, pane, 1_800);
  let from: number | null = null;
  for (let at = series.x.length - 1; at >= 0; at -= 1) {
    const value = series.y[at] ?? null;
    const level: Level = levelOf(read.metric, value);
    if (value !== null && level === 0) return from;
    from = series.x[at] ?? from;
  }
  return null;
}
