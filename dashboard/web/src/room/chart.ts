// The large chart: the selected metric over time, a line per value of the dimension.

import uPlot from "uplot";
import type { App } from "../app";
import { annotations, type Annotation } from "../control/annotations";
import type { Metric } from "../feed/types";
import { isCount, isSmall, levelOf } from "../metrics/evaluate";
import { clock, clockMinutes, tick } from "../metrics/format";
import { rank } from "../metrics/impact";
import { newestPane } from "../metrics/reading";
import { View, seenOf, type Series } from "../metrics/view";
import { dimensionWord } from "../selection";
import { find, h, setAttr, setText } from "../ui/dom";
import { DASHES, palette } from "../ui/palette";
import { LANES_PX, drawAnnotations, drawSpans, near } from "./annotate";
import { Legend, type Line } from "./legend";
import { align, formulaWords, linesFor } from "./plotdata";
import { drawLimits, drawMarks, marksOf, type Marks } from "./overlay";

const LINES = 6;
const POINTS = 600;
/** A chart of only a few seconds would be all slope; its least span is two minutes. */
export const LEAST_SPAN_MS = 120_000;

export class Chart {
  readonly root: HTMLElement;
  private readonly host = h("div", { class: "plot", id: "chart" });
  private readonly legend = new Legend();
  private plot: uPlot | null = null;
  /** The shape that the present plot was made for; another shape needs another plot. */
  private shape = "";
  private lines: Line[] = [];
  private metric: Metric | null = null;
  private marks: Marks = { partial: [], gaps: [], lost: [] };
  private notes: readonly Annotation[] = [];
  private range: [number, number] = [0, 1];
  private readonly resize: ResizeObserver;

  constructor(private readonly app: App) {
    const spans = h("div", { class: "tabs spans" });
    for (const minutes of [5, 30] as const) {
      const tab = h("button", { type: "button", "data-span": String(minutes) }, `${minutes} min`);
      tab.addEventListener("click", () => app.selection.go({ span: minutes }));
      spans.append(tab);
    }
    this.root = h("section", { class: "panel chart" }, h("header", {}, h("h2", {}), h("span", { class: "note" }), spans), this.legend.root, this.host);
    this.resize = new ResizeObserver(() => this.fit());
    this.resize.observe(this.host);
  }

  /** `range` is in ms. */
  draw(metric: Metric, range: readonly [number, number]): void {
    const { by, content, span } = this.app.selection.current;
    setText(find(this.root, "h2"), metric.title);
    for (const tab of this.root.querySelectorAll("[data-span]")) setAttr(tab, "aria-pressed", String(tab.getAttribute("data-span") === String(span)));
    this.metric = metric;
    const view = View.of(this.app.feed.playback, by, content);
    // Detail is kept for less time than the sum: the axis begins where detail is available.
    const from = Math.max(range[0], Math.min(view?.oldest() ?? range[0], range[1] - LEAST_SPAN_MS));
    this.range = [from / 1000, range[1] / 1000];
    setText(find(this.root, ".note"), `by ${dimensionWord(by)} · ${formulaWords(metric)} · last ${Math.min(span, Math.round((range[1] - from) / 60_000))} min · UTC`);
    const read = view ? this.read(metric, view, [from, range[1]]) : [];
    const series = this.blindTo(metric) ? read.map((one) => seenOf(one, this.app.blindFrom)) : read;
    this.notes = annotations(this.app.feed.records, from, range[1]);
    this.marks = view ? marksOf(view, [from, range[1]]) : this.marks;
    this.show(series);
  }

  private blindTo(metric: Metric): boolean {
    return this.app.tally.tally === "blind" && isCount(metric);
  }

  private read(metric: Metric, view: View, [from, to]: readonly [number, number]): Series[] {
    const { pane } = newestPane(view, this.app.feed);
    if (pane === null) return [];
    const panes = view.windowPanes(metric);
    const seconds = (panes * view.widthMs) / 1000;
    const ranked = rank(metric, view.groups(pane, panes), seconds);
    const viewers = view.groups(pane, 1);
    const end = Math.min(to, pane);
    const now = new Map(ranked.map((one) => [one.group, one]));
    // A value that all viewers have left keeps its line, because their leaving is relevant. A value
    // that never had viewers gets none.
    const counted = metric.formula.kind === "gauge" ? [] : ranked.filter(({ value }) => value).map(({ group }) => group);
    const names = new Set([...counted, ...view.watched(pane), ...view.names(from, end)]);
    const groups = linesFor(names, (name) => viewers.get(name)?.get("viewers") ?? 0, LINES);
    this.lines = groups.map((group) => {
      const one = now.get(group);
      if (!one) return { name: group, value: view.absent(metric, pane, group), level: 0 };
      const { value, sums } = one;
      const small = isSmall(metric, sums, viewers.get(group)?.get("viewers") ?? 0, this.app.feed.minimumSample);
      return { name: group, value, level: small ? 0 : levelOf(metric, value, sums) };
    });
    if (this.blindTo(metric)) this.lines = this.lines.map((line) => ({ ...line, value: line.value || null }));
    this.legend.draw(metric, this.lines, names.size - groups.length);
    if (groups.length === 0) {
      this.lines = [{ name: "all", value: view.absent(metric, pane), level: 0 }];
      return [view.series(metric, from, end, POINTS)];
    }
    return groups.map((group) => view.series(metric, from, end, POINTS, group));
  }

  private show(series: Series[]): void {
    const shape = `${series.length} ${this.metric?.unit} ${document.documentElement.dataset["theme"]}`;
    const data = align(series);
    if (!this.plot || shape !== this.shape) {
      this.plot?.destroy();
      this.shape = shape;
      this.plot = new uPlot(this.options(series.length), data, this.host);
      return;
    }
    this.plot.setData(data, true);
  }

  private fit(): void {
    this.plot?.setSize({ width: this.host.clientWidth, height: this.host.clientHeight });
  }

  private options(lines: number): uPlot.Options {
    const colours = palette();
    const font = '11px "Inter Variable", sans-serif';
    const axis = { stroke: colours.text2, font, grid: { stroke: colours.line, width: 1 }, ticks: { show: false } };
    return {
      width: this.host.clientWidth || 600,
      height: this.host.clientHeight || 240,
      padding: [LANES_PX, 26, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: () => this.range },
        y: { range: (_plot, low, high) => this.yRange(low, high) },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 26, space: 90, values: (_plot, ticks) => ticks.map((at) => (this.range[1] - this.range[0] > 600 ? clockMinutes(at * 1000) : clock(at * 1000))) },
        { ...axis, size: 62, values: (_plot, ticks) => ticks.map((value) => (this.metric ? tick(this.metric, value) : "")) },
      ],
      series: [{}, ...Array.from({ length: lines }, (_, at) => this.line(at))],
      hooks: {
        drawClear: [(plot) => drawSpans(plot, this.notes), (plot) => drawMarks(plot, this.marks)],
        draw: [(plot) => this.metric && drawLimits(plot, this.metric), (plot) => drawAnnotations(plot, this.notes)],
        setCursor: [(plot) => this.legend.cursor(plot, this.metric, near(plot, this.notes, plot.cursor.left ?? -Infinity))],
      },
    };
  }

  private line(at: number): uPlot.Series {
    return {
      // A line past its limit takes the colour of that level; the others stay neutral.
      stroke: () => {
        const level = this.lines[at]?.level ?? 0;
        return level ? palette().levels[level] : (palette().series[at] ?? palette().text2);
      },
      width: 1.5,
      dash: [...(DASHES[at] ?? [])],
      spanGaps: false,
      points: { show: false },
    };
  }

  private yRange(low: number | null, high: number | null): [number, number] {
    if (low === null || high === null || !Number.isFinite(high)) return [0, this.metric?.limits?.[0] ?? 4.5];
    const limit = this.metric?.limits?.[0];
    // The first limit is shown when the line comes near it: the remaining distance is relevant.
    const top = limit !== undefined && high > limit * 0.5 ? Math.max(high, limit) : high;
    // Small whole numbers need room for whole steps.
    const least = this.metric?.unit === "" ? 4.5 : 0;
    return [0, Math.max(top * 1.12, least) || 1];
  }

  close(): void {
    this.resize.disconnect();
    this.plot?.destroy();
  }
}
