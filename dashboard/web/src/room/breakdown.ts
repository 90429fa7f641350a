// Values of a dimension that explain the selected metric, ranked by impact.

import type { App } from "../app";
import type { Metric } from "../feed/types";
import { Sums, isSmall, levelOf } from "../metrics/evaluate";
import { NONE, count, text } from "../metrics/format";
import { rank, type Impact } from "../metrics/impact";
import { newestPane } from "../metrics/reading";
import { sample } from "../metrics/sample";
import { View } from "../metrics/view";
import { DIMENSIONS, DIMENSION_SOURCES, dimensionWord } from "../selection";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES, LEVEL_WORDS } from "../ui/palette";
import { choose, rove } from "../ui/rove";

const PANEL = "breakdown";
const ROWS = 9;
const FIVE_MINUTES = 300_000;
/** Rows that the table has room for; it never shrinks while one dimension is shown. */
const [FEWEST_ROWS, MOST_ROWS] = [3, 6];

interface Row extends Impact {
  viewers: number;
  before: number | null;
  small: boolean;
}

export class Breakdown {
  readonly root: HTMLElement;
  private readonly tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Dimension" });
  private readonly body = h("tbody", {});
  private readonly panel = h("div", { class: "scroll", role: "tabpanel", id: PANEL, tabindex: "0" });
  private shownBy = "";
  private high = FEWEST_ROWS;

  constructor(private readonly app: App) {
    for (const dimension of DIMENSIONS) {
      const tab = h("button", { type: "button", role: "tab", id: `tab-${dimension}`, "aria-controls": PANEL, "data-by": dimension, title: DIMENSION_SOURCES[dimension] ?? null }, dimensionWord(dimension));
      tab.addEventListener("click", () => app.selection.go({ by: dimension }));
      this.tabs.append(tab);
    }
    rove(this.tabs, "tabs");
    const head = h("tr", {}, ...["value", "share", "viewers", "now", "5 min ago"].map((name) => h("th", { scope: "col", "data-col": name }, name)));
    this.panel.append(h("table", {}, h("thead", {}, head), this.body), h("p", { class: "empty", hidden: true }));
    this.root = h(
      "section",
      { class: "panel breakdown" },
      h("header", {}, h("h2", {}), h("span", { class: "note" }), this.tabs),
      this.panel,
    );
  }

  draw(metric: Metric): void {
    const { by, content } = this.app.selection.current;
    choose(this.tabs, "tabs", (tab) => tab.getAttribute("data-by") === by);
    setAttr(this.panel, "aria-labelledby", `tab-${by}`);
    setText(find(this.root, "h2"), `${metric.title} by ${dimensionWord(by)}`);
    setText(find(this.root, "[data-col=value]"), dimensionWord(by));
    // For viewers themselves the column "now" would repeat the column "viewers".
    setAttr(this.root, "data-gauge", metric.formula.kind === "gauge" && metric.formula.of === "viewers");
    // A share of a loss explains; a share of viewers is only a share.
    const loss = metric.bad === "high" && metric.formula.kind !== "gauge";
    setText(find(this.root, "[data-col=share]"), loss ? "explains" : "share");
    const view = View.of(this.app.feed.playback, by, content);
    const { pane } = view ? newestPane(view, this.app.feed) : { pane: null };
    const rows = view && pane !== null ? this.rows(metric, view, pane) : [];
    setText(find(this.root, ".note"), note(metric, view, by));
    setAttr(find(this.root, ".note"), "title", note(metric, view, by));
    if (by !== this.shownBy) [this.shownBy, this.high] = [by, FEWEST_ROWS];
    this.high = Math.min(MOST_ROWS, Math.max(this.high, rows.length));
    this.root.style.setProperty("--rows", String(this.high));
    keyed(this.body, rows.slice(0, ROWS), (row) => row.group, (row) => this.make(row.group), (element, row) => this.update(element, metric, row));
    const empty = find(this.root, ".empty");
    setAttr(empty, "hidden", rows.length > 0);
    const apart = content !== null && view?.knowsContent === false;
    setText(empty, !this.app.feed.connected() ? "No feed: what is not known is not shown." : apart ? `Not kept by content: choose all contents to see it by ${dimensionWord(by)}.` : "No data in this window. Rows appear as soon as a player reports.");
  }

  private rows(metric: Metric, view: View, pane: number): Row[] {
    const panes = view.windowPanes(metric);
    const seconds = (panes * view.widthMs) / 1000;
    const viewers = view.groups(pane, 1);
    const before = rank(metric, view.groups(pane - FIVE_MINUTES, panes), seconds);
    const groups = view.groups(pane, panes);
    // A value that has lost all its viewers is listed too: that they left is relevant.
    const names = view.names(pane - FIVE_MINUTES, pane);
    for (const group of names) if (!groups.has(group)) groups.set(group, new Sums());
    // A value without viewers and without a count gets no row.
    for (const group of view.watched(pane)) names.add(group);
    const news = ({ group, value }: Impact): boolean => names.has(group) || (metric.formula.kind !== "gauge" && Boolean(value));
    return rank(metric, groups, seconds).filter(news).map((impact) => {
      const watching = viewers.get(impact.group)?.get("viewers") ?? 0;
      return {
        ...impact,
        viewers: watching,
        before: before.find((one) => one.group === impact.group)?.value ?? view.absent(metric, pane - FIVE_MINUTES, impact.group),
        small: isSmall(metric, impact.sums, watching, this.app.feed.minimumSample),
      };
    });
  }

  private make(group: string): HTMLElement {
    const bar = h("span", { class: "bar" }, h("i", { class: "fill" }), h("i", { class: "due", title: "Share it would have if it were like the others" }));
    return h(
      "tr",
      { "data-cell": group },
      h("th", { scope: "row" }, group),
      h("td", { class: "explains" }, h("span", { class: "barcell" }, bar, h("span", { class: "share" }))),
      h("td", { class: "viewers" }),
      h("td", { class: "now" }, h("span", { class: "shape" }), h("span", { class: "value" })),
      h("td", { class: "before" }),
    );
  }

  private update(element: Element, metric: Metric, row: Row): void {
    const level = row.small ? 0 : levelOf(metric, row.value, row.sums);
    setAttr(element, "data-level", level ? String(level) : null);
    setText(find(element, ".share"), row.share === null ? NONE : `${Math.round(100 * row.share)} %`);
    find(element, ".fill").style.width = `${100 * (row.share ?? 0)}%`;
    find(element, ".due").style.left = `${100 * (row.due ?? 0)}%`;
    setText(find(element, ".viewers"), count(row.viewers));
    setText(find(element, ".shape"), LEVEL_SHAPES[level]);
    setAttr(find(element, ".shape"), "aria-label", level ? LEVEL_WORDS[level] : null);
    setText(find(element, ".value"), row.small && metric.unit === "%" ? sample(metric, row.sums) : text(metric, row.value));
    setText(find(element, ".before"), text(metric, row.before));
  }
}

function note(metric: Metric, view: View | null, by: string): string {
  const what: Record<string, string> = {
    gauge: "share of all",
    rate: "share of all",
    quantile: "share of the samples above the quantile",
    ratio: metric.bad === "high" ? "share of the total loss" : "share of playing time",
  };
  const seconds = view ? (view.windowPanes(metric) * view.widthMs) / 1000 : metric.window_s;
  const source = DIMENSION_SOURCES[by];
  return `${what[metric.formula.kind] ?? ""} · ${metric.formula.kind === "gauge" ? "now" : `last ${seconds} s`}${source ? ` · ${source}` : ""}`;
}
