// Annotations on a chart: incidents as shaded spans, actions as dotted lines. Their texts are above
// the chart, in lanes of their own, and never overlap; a text without room is shown when the
// pointer comes near its line.

import type uPlot from "uplot";
import type { Annotation } from "../control/annotations";
import { fit } from "../ui/fit";
import { LEVEL_SHAPES, palette } from "../ui/palette";

const FONT_PX = 11;
const LANES = 2;
const LANE_PX = 15;
/** The space that the chart leaves free above itself. */
export const LANES_PX = LANES * LANE_PX + 4;
const GAP_PX = 10;
/** The pointer counts as on a line within this distance. */
const NEAR_PX = 5;

export interface Label {
  text: string;
  /** Left end, px. */
  x: number;
  lane: number;
  level: Annotation["level"];
}

/** Shades spans, beneath the lines. */
export function drawSpans(plot: uPlot, list: readonly Annotation[]): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.globalAlpha = 0.1;
  for (const { from, to, level } of shades(list)) {
    const [a, b] = [place(plot, from), place(plot, to)];
    ctx.fillStyle = palette().levels[level];
    ctx.fillRect(a, bbox.top, Math.max(1, b - a), bbox.height);
  }
  ctx.restore();
}

/**
 * Where spans overlap, the worst one gives the shade, once: added shades would hide the lines when
 * they matter most.
 */
export function shades(list: readonly Annotation[]): { from: number; to: number; level: Annotation["level"] }[] {
  const spans = list.filter((one) => one.until !== one.at).map((one) => ({ from: one.at, to: one.until ?? Infinity, level: one.level }));
  const ends = [...new Set(spans.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  return ends.slice(1).flatMap((to, at) => {
    const from = ends[at] ?? to;
    const over = spans.filter((one) => one.from < to && one.to > from);
    const level = over.reduce<Annotation["level"]>((worst, one) => (one.level > worst ? one.level : worst), 0);
    return over.length === 0 ? [] : [{ from, to, level }];
  });
}

/** Draws lines and texts, above the lines of the chart. */
export function drawAnnotations(plot: uPlot, list: readonly Annotation[]): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.font = `${FONT_PX * ratio}px "Inter Variable", sans-serif`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  ctx.lineWidth = ratio;
  const colour = (level: Annotation["level"]): string => (level ? palette().levels[level] : palette().text2);
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  for (const one of list) {
    const x = place(plot, one.at);
    ctx.strokeStyle = colour(one.level);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top - 4 * ratio);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  const labels = layLabels(list, (at) => place(plot, at), (text) => ctx.measureText(text).width, bbox.left, bbox.left + bbox.width, GAP_PX * ratio);
  for (const { text, x, lane, level } of labels) {
    ctx.fillStyle = colour(level);
    ctx.fillText(text, x, bbox.top - (lane * LANE_PX + LANE_PX / 2 + 2) * ratio);
  }
  ctx.restore();
}

/**
 * Puts each annotation into the lane where most of its text fits: it begins above its line, or ends
 * at the right border. Incidents come before actions and newer before older; a text without room is
 * left out.
 */
export function layLabels(list: readonly Annotation[], place: (at: number) => number, measure: (text: string) => number, left: number, right: number, gap: number): Label[] {
  const taken: { lane: number; from: number; to: number }[] = [];
  const labels: Label[] = [];
  const order = [...list].sort((a, b) => Number(b.level > 0) - Number(a.level > 0) || b.at - a.at);
  for (const one of order) {
    const text = `${LEVEL_SHAPES[one.level]} ${one.text}`.trim();
    const at = place(one.at);
    // At the right border a text is placed left of its line.
    const starts = [at, Math.max(left, Math.min(at, right - measure(text)))];
    let best: Label | null = null;
    for (let lane = 0; lane < LANES; lane += 1) {
      const own = taken.filter((other) => other.lane === lane);
      for (const x of starts) {
        if (own.some(({ from, to }) => x >= from && x < to)) continue;
        const room = Math.min(right, ...own.filter(({ from }) => from > x).map(({ from }) => from)) - x;
        const fits = fit(text, room, measure);
        if (fits !== null && fits.length > (best?.text.length ?? 0)) best = { text: fits, x, lane, level: one.level };
      }
    }
    if (!best) continue;
    labels.push(best);
    taken.push({ lane: best.lane, from: best.x - gap, to: best.x + measure(best.text) + gap });
  }
  return labels;
}

/** The annotations near the pointer at `x` (px within the chart): `09:02:09 Edge e2 is full`. */
export function near(plot: uPlot, list: readonly Annotation[], x: number): Annotation[] {
  return list.filter((one) => Math.abs(plot.valToPos(one.at / 1000, "x") - x) <= NEAR_PX);
}

/** The position of a time, kept on the chart. */
function place(plot: uPlot, ms: number): number {
  const { left, width } = plot.bbox;
  return Math.min(Math.max(plot.valToPos(ms / 1000, "x", true), left), left + width);
}
