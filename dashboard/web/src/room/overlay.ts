// What a chart shows about its own data: limits, missing partitions, gaps and losses.

import type uPlot from "uplot";
import type { Metric } from "../feed/types";
import type { View } from "../metrics/view";
import { LEVEL_SHAPES, LEVEL_WORDS, palette } from "../ui/palette";

/** Spans in seconds, and instants of loss. */
export interface Marks {
  partial: [number, number][];
  gaps: [number, number][];
  lost: number[];
}

/** Finds what has to be marked in a view between two times (ms). */
export function marksOf(view: View, [from, to]: readonly [number, number]): Marks {
  const marks: Marks = { partial: [], gaps: [], lost: [] };
  const width = view.widthMs;
  const newest = view.newest(to, false);
  const oldest = view.oldest();
  if (newest === null || oldest === null) return marks;
  for (let pane = Math.max(Math.floor(from / width) * width, oldest); pane <= newest; pane += width) {
    let rows = 0;
    let partial = false;
    let lost = 0;
    for (const row of view.at(pane, null)) {
      rows += 1;
      partial ||= row.partial === true;
      lost += row.m?.["lost_events"] ?? 0;
    }
    if (rows === 0) extend(marks.gaps, pane / 1000, width / 1000);
    // The newest seconds are always still filling; older partial ones are relevant.
    else if (partial && pane < newest - 3_000) extend(marks.partial, pane / 1000, width / 1000);
    if (lost > 0) marks.lost.push((pane + width) / 1000);
  }
  return marks;
}

function extend(spans: [number, number][], at: number, width: number): void {
  const last = spans.at(-1);
  if (last && at - last[1] < width / 2) last[1] = at + width;
  else spans.push([at, at + width]);
}

/** Hatches spans and draws ticks for losses, beneath the lines. */
export function drawMarks(plot: uPlot, marks: Marks): void {
  const { ctx } = plot;
  const { top, height, left, width } = plot.bbox;
  const x = (time: number): number => Math.min(Math.max(plot.valToPos(time, "x", true), left), left + width);
  for (const [from, to] of marks.partial) hatch(ctx, x(from), top, x(to) - x(from), height, palette().text3);
  for (const [from, to] of marks.gaps) hatch(ctx, x(from), top, x(to) - x(from), height, palette().line);
  ctx.fillStyle = palette().levels[1];
  for (const time of marks.lost) ctx.fillRect(x(time) - 1, top + height - 5, 2, 5);
}

/** Diagonal lines: a texture that cannot be mistaken for a colour. */
function hatch(ctx: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, colour: string): void {
  if (width < 1) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, width, height);
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (let at = x - height; at < x + width; at += 8) {
    ctx.moveTo(at, y + height);
    ctx.lineTo(at + height, y);
  }
  ctx.stroke();
  ctx.restore();
}

/** Dashed lines at the limits, as far as they are on the chart. */
export function drawLimits(plot: uPlot, metric: Metric): void {
  const { ctx } = plot;
  const { top, left, width } = plot.bbox;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.font = `${10 * ratio}px "Inter Variable", sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  ctx.setLineDash([3 * ratio, 4 * ratio]);
  ctx.lineWidth = ratio;
  let labelled = -Infinity;
  // From the worst down: where shapes would overlap, the worst is shown.
  for (const at of [2, 1, 0]) {
    const limit = metric.limits?.[at];
    const y = limit === undefined ? -1 : plot.valToPos(limit, "y", true);
    if (y < top) continue;
    const colour = palette().levels[at + 1] ?? "";
    ctx.globalAlpha = 0.55;
    ctx.strokeStyle = colour;
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(left + width, y);
    ctx.stroke();
    if (y - labelled < 14 * ratio) continue;
    labelled = y;
    ctx.globalAlpha = 0.9;
    ctx.fillStyle = colour;
    ctx.fillText(`${LEVEL_SHAPES[at + 1] ?? ""} ${LEVEL_WORDS[at + 1] ?? ""}`, left + 4 * ratio, y - 1 * ratio);
  }
  ctx.restore();
}
