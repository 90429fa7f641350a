// Annotations on a chart: incidents as shaded spans, actions as dotted lines, each with as
// much of its text as there is room for.

import type uPlot from "uplot";
import type { Annotation } from "../control/annotations";
import { LEVEL_SHAPES, palette } from "../ui/palette";

const FONT = '11px "Inter Variable", sans-serif';
const LINES = 3;
const LINE_PX = 14;

/** Shades spans, beneath the lines. */
export function drawSpans(plot: uPlot, list: readonly Annotation[]): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.globalAlpha = 0.12;
  for (const one of list) {
    if (one.until === one.at) continue;
    const [from, to] = [place(plot, one.at), one.until === null ? bbox.left + bbox.width : place(plot, one.until)];
    ctx.fillStyle = palette().levels[one.level];
    ctx.fillRect(from, bbox.top, Math.max(1, to - from), bbox.height);
  }
  ctx.restore();
}

/** Draws lines and texts, above the lines of the chart. */
export function drawAnnotations(plot: uPlot, list: readonly Annotation[]): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.font = FONT.replace("11px", `${11 * ratio}px`);
  ctx.textBaseline = "top";
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  ctx.lineWidth = ratio;
  const free = new Array<number>(LINES).fill(bbox.left + bbox.width);
  // From the newest: where texts would overlap, the newer one is read.
  for (const one of [...list].reverse()) {
    const x = place(plot, one.at);
    ctx.strokeStyle = one.level ? palette().levels[one.level] : palette().text2;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    // A text that stands left of its line begins left of the lines close by.
    const near = list.map((other) => place(plot, other.at)).filter((at) => at <= x && at > x - 24 * ratio);
    label(ctx, one, x, Math.min(x, ...near), bbox, free, ratio);
  }
  ctx.restore();
}

/** Writes beside the line, on the first of three rows that has room. */
function label(ctx: CanvasRenderingContext2D, one: Annotation, x: number, leftmost: number, bbox: uPlot.BBox, free: number[], ratio: number): void {
  const text = `${LEVEL_SHAPES[one.level]} ${one.text}`.trim();
  const width = ctx.measureText(text).width + 8 * ratio;
  const right = x + width <= bbox.left + bbox.width;
  for (let row = 0; row < free.length; row += 1) {
    const end = right ? x + width : leftmost;
    if (end > (free[row] ?? 0) || (!right && leftmost - width < bbox.left)) continue;
    free[row] = right ? x : leftmost - width;
    ctx.fillStyle = one.level ? palette().levels[one.level] : palette().text2;
    ctx.textAlign = right ? "left" : "right";
    // A rim of the ground keeps it readable across a line of the chart.
    ctx.save();
    ctx.setLineDash([]);
    ctx.lineWidth = 4 * ratio;
    ctx.lineJoin = "round";
    ctx.strokeStyle = palette().panel;
    ctx.strokeText(text, right ? x + 4 * ratio : leftmost - 4 * ratio, bbox.top + (2 + row * LINE_PX) * ratio);
    ctx.restore();
    ctx.fillText(text, right ? x + 4 * ratio : leftmost - 4 * ratio, bbox.top + (2 + row * LINE_PX) * ratio);
    return;
  }
}

/** Where a time lies, kept on the chart. */
function place(plot: uPlot, ms: number): number {
  const { left, width } = plot.bbox;
  return Math.min(Math.max(plot.valToPos(ms / 1000, "x", true), left), left + width);
}
