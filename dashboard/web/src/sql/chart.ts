// The result as a chart: lines over time, or bars.

import uPlot from "uplot";
import { clock, clockMinutes, moment } from "../metrics/format";
import { h } from "../ui/dom";
import { DASHES, palette } from "../ui/palette";
import { scalesOf, type BarChart, type ChartShape, type LineChart } from "./shape";

const NUMBER = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 5 });

export class ResultChart {
  readonly root = h("div", { class: "result-chart" });
  private plots: { plot: uPlot; host: HTMLElement }[] = [];
  private readonly resize = new ResizeObserver(() => this.fit());

  constructor() {
    this.resize.observe(this.root);
  }

  private fit(): void {
    for (const { plot, host } of this.plots) plot.setSize({ width: host.clientWidth, height: host.clientHeight });
  }

  private clear(): void {
    for (const { plot } of this.plots) plot.destroy();
    this.plots = [];
  }

  show(shape: ChartShape): void {
    this.clear();
    if (shape.kind === "none") this.root.replaceChildren(h("p", { class: "empty" }, shape.why));
    else if (shape.kind === "bars") this.root.replaceChildren(bars(shape));
    else this.lines(shape);
  }

  /** A chart for each scale, one below the other, on the same time axis. */
  private lines(shape: LineChart): void {
    const legend = h("div", { class: "legend" }, shape.what === "" ? null : h("span", { class: "what" }, shape.what));
    shape.lines.forEach(({ name }, at) => legend.append(h("span", {}, swatch(at), name)));
    if (shape.left > 0) legend.append(h("span", { class: "at" }, `${shape.left} smaller ones are not drawn`));
    if (shape.hidden) legend.append(h("span", { class: "at" }, `${shape.hidden} rows are not drawn: another has their time and name`));
    const at = h("span", { class: "at" });
    const unit = shape.unit ? `\u00a0${shape.unit}` : "";
    legend.append(at);
    this.root.replaceChildren(legend);
    const point = (index: number | null | undefined): void => {
      const time = index === null || index === undefined ? undefined : shape.x[index];
      at.textContent = time === undefined ? "" : `${moment(time * 1000, Date.now())} UTC · ${shape.lines.map((line) => `${line.name} ${valueText(line.y[index ?? 0])}${unit}`).join(" · ")}`;
    };
    const groups = scalesOf(shape);
    for (const lines of groups) {
      const host = h("div", { class: "plot" });
      this.root.append(host);
      const places = lines.map((line) => shape.lines.indexOf(line));
      const plot = new uPlot(optionsOf(shape, places, point, groups.length > 1), [shape.x, ...lines.map((line) => line.y)], host);
      this.plots.push({ plot, host });
    }
    this.fit();
  }

  close(): void {
    this.resize.disconnect();
    this.clear();
  }
}

/** `places` are the lines' positions in the legend, which determine their colours. */
function optionsOf(shape: LineChart, places: readonly number[], point: (index: number | null | undefined) => void, synced: boolean): uPlot.Options {
  const colours = palette();
  const axis = { stroke: colours.text2, font: '11px "Inter Variable", sans-serif', grid: { stroke: colours.line, width: 1 }, ticks: { show: false } };
  const span = (shape.x.at(-1) ?? 0) - (shape.x[0] ?? 0);
  return {
    width: 600,
    height: 200,
    // The last time on the axis is as wide to the right as to the left.
    padding: [12, 32, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 5 }, ...(synced ? { sync: { key: "sql" } } : {}) },
    ...(shape.unit === undefined ? {} : { scales: { y: { range: (_plot: uPlot, _low: number, high: number): [number, number] => [0, fromZero(high, shape.unit)] } } }),
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 90, values: (_plot, ticks) => ticks.map((one) => timeTick(one, span)) },
      { ...axis, size: 66, values: (_plot, ticks) => ticks.map((one) => (shape.unit === "" && !Number.isInteger(one) ? "" : `${NUMBER.format(one)}${shape.unit ? ` ${shape.unit}` : ""}`)) },
    ],
    series: [{}, ...places.map((line) => ({ stroke: colours.series[line] ?? colours.text2, width: 1.5, spanGaps: false, points: { show: shape.x.length < 40, size: 4 }, dash: [...(DASHES[line] ?? [])] }))],
    hooks: { setCursor: [(plot) => point(plot.cursor.idx)] },
  };
}

/** Room above the highest value; small whole numbers need room for whole steps. */
function fromZero(high: number | null, unit: string | undefined): number {
  return Math.max((high ?? 0) * 1.12, unit === "" ? 4.5 : 1);
}

const valueText = (value: number | null | undefined): string => (value === null || value === undefined ? "–" : NUMBER.format(value));

function timeTick(seconds: number, span: number): string {
  if (span > 172_800) return new Date(seconds * 1000).toISOString().slice(5, 10);
  return span > 600 ? clockMinutes(seconds * 1000) : clock(seconds * 1000);
}

function swatch(at: number): HTMLElement {
  const line = h("i", { class: "swatch", "data-dash": ["solid", "dashed", "dotted"][at % 3] });
  line.style.borderTopColor = palette().series[at] ?? palette().text2;
  return line;
}

function bars(shape: BarChart): HTMLElement {
  const most = Math.max(...shape.bars.map((bar) => Math.abs(bar.value ?? 0)), 1e-12);
  const list = h("ol", { class: "bars", "aria-label": shape.value });
  for (const { name, value } of shape.bars) {
    const fill = h("i", {});
    fill.style.width = `${(100 * Math.abs(value ?? 0)) / most}%`;
    list.append(h("li", {}, h("span", { class: "name", title: name }, name), h("span", { class: "track" }, fill), h("span", { class: "figure" }, valueText(value))));
  }
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Chart" }, h("p", { class: "note" }, shape.left > 0 ? `${shape.value}, the first ${shape.bars.length} rows of ${shape.bars.length + shape.left}` : shape.value), list);
}
