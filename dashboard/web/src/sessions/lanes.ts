// The lanes of a timeline: what each draws into its strip of the canvas.

import { fit } from "../ui/fit";
import type { Palette } from "../ui/palette";
import type { Fetched, Past, Point, Span } from "./data";
import { STATES } from "./row";

export interface Lane {
  name: string;
  height: number;
  /** The top of its scale as text; lanes without a scale have none. */
  scale: string;
  draw: (pen: Pen) => void;
}

/** Where a lane draws. */
export interface Pen {
  context: CanvasRenderingContext2D;
  x: (at: number) => number;
  left: number;
  right: number;
  top: number;
  height: number;
  colours: Palette;
}

/** Requests slower than this are marked, ms: half the length of a segment. */
export const SLOW_MS = 1_000;

export const stateWord = (state: string): string => STATES[state] ?? state;

const STATE_COLOURS: Readonly<Record<string, (colours: Palette) => string>> = {
  playing: (colours) => colours.data2,
  rebuffering: (colours) => colours.levels[3],
  failed: (colours) => colours.levels[3],
  starting: (colours) => colours.text3,
  waiting: (colours) => colours.text3,
  seeking: (colours) => colours.series[3] ?? colours.text3,
};
const HATCHED: readonly string[] = ["starting", "waiting", "seeking", "paused", "preloading"];

/** `scale` makes the lanes with a line lower, where there is little room. */
export function lanesOf(past: Past, scale = 1): Lane[] {
  const top = (points: readonly Point[]): number => points.reduce((most, one) => Math.max(most, one.value), 0) * 1.15 || 1;
  const lanes: Lane[] = [{ name: "state", height: 26, scale: "", draw: (pen) => drawSpans(pen, past.spans) }];
  if (past.bitrate.length > 0) {
    const most = top(past.bitrate);
    lanes.push({ name: "bitrate", height: 70 * scale, scale: `${Math.round(most / 1.15)} kbps`, draw: (pen) => drawLine(pen, past.bitrate, most, true) });
  }
  if (past.buffer.length > 0) {
    const most = top(past.buffer);
    lanes.push({ name: "buffer", height: 70 * scale, scale: `${(most / 1150).toFixed(1)} s`, draw: (pen) => drawLine(pen, past.buffer, most, false) });
  }
  if (past.latency.length > 0) {
    const most = top(past.latency);
    lanes.push({ name: "live latency", height: 56 * scale, scale: `${(most / 1150).toFixed(1)} s`, draw: (pen) => drawLine(pen, past.latency, most, false) });
  }
  const edges = [...new Set(past.requests.map(({ edge }) => edge))].sort();
  for (const edge of edges) {
    const own = past.requests.filter((one) => one.edge === edge);
    lanes.push({ name: `edge ${edge}`, height: 34, scale: "", draw: (pen) => drawRequests(pen, own) });
  }
  if (past.requests.some(({ pipeline }) => pipeline !== null)) lanes.push({ name: "pipeline", height: 18, scale: "", draw: (pen) => drawPipelines(pen, past.requests) });
  if (past.errors.length > 0) lanes.push({ name: "errors", height: 20, scale: "", draw: (pen) => drawErrors(pen, past) });
  return lanes;
}

function drawSpans({ context, x, left, right, top, height, colours }: Pen, spans: readonly Span[]): void {
  for (const { state, from, to } of spans) {
    const word = stateWord(state);
    const a = Math.max(left, x(from));
    // A stall of a tenth of a second must be visible in half an hour.
    const b = Math.min(right, Math.max(x(to), x(from) + (word === "rebuffering" ? 2 : 1)));
    if (b < left || a > right) continue;
    context.fillStyle = (STATE_COLOURS[word] ?? ((one: Palette) => one.text3))(colours);
    const low = word === "rebuffering" || word === "failed" ? 0 : 4;
    if (HATCHED.includes(word)) hatch(context, a, top + low, b - a, height - 2 * low);
    else if (word !== "ended" && word !== "quit") context.fillRect(a, top + low, b - a, height - 2 * low);
    if (b - a > 64) {
      context.fillStyle = colours.text;
      context.fillText(word, a + 7, top + height / 2);
    }
  }
}

function hatch(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = context.fillStyle;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = x - height; at < x + width; at += 5) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.strokeRect(x + 0.5, y + 0.5, Math.max(0, width - 1), height - 1);
  context.restore();
}

/** Without a report for this long the line breaks, because the state is unknown. */
const GAP_MS = 35_000;

function drawLine({ context, x, left, right, top, height, colours }: Pen, points: readonly Point[], most: number, steps: boolean): void {
  const y = (value: number): number => top + height - 2 - (value / most) * (height - 6);
  context.strokeStyle = colours.series[0] ?? colours.text;
  context.lineWidth = 1.5;
  context.beginPath();
  let last: Point | null = null;
  for (const [index, point] of points.entries()) {
    if (!last || point.at - last.at > GAP_MS) {
      // A single report makes no line, but it is data.
      if ((points[index + 1]?.at ?? Infinity) - point.at > GAP_MS) context.rect(x(point.at) - 1, y(point.value) - 1, 2, 2);
      context.moveTo(x(point.at), y(point.value));
    } else {
      if (steps) context.lineTo(x(point.at), y(last.value));
      context.lineTo(x(point.at), y(point.value));
    }
    last = point;
  }
  context.save();
  clip(context, left, right, top, height);
  context.stroke();
  context.restore();
}

function clip(context: CanvasRenderingContext2D, left: number, right: number, top: number, height: number): void {
  const path = new Path2D();
  path.rect(left, top, right - left, height);
  context.clip(path);
}

export const bad = (one: Fetched): boolean => one.status >= 400 || one.status === 0;

/** A tick for each request, as high as it was slow; failed ones are full height and red. */
function drawRequests({ context, x, left, right, top, height, colours }: Pen, requests: readonly Fetched[]): void {
  for (const one of requests) {
    const at = x(one.at);
    if (at < left || at > right) continue;
    const slow = one.ttfb > SLOW_MS;
    const size = bad(one) ? 1 : Math.min(1, 0.3 + (0.7 * one.ttfb) / 2_000);
    context.fillStyle = bad(one) ? colours.levels[3] : slow ? colours.levels[2] : colours.data2;
    const tall = size * (height - 6);
    context.fillRect(Math.round(at), top + height - 2 - tall, bad(one) || slow ? 2 : 1, tall);
  }
}

function drawPipelines({ context, x, left, right, top, height, colours }: Pen, requests: readonly Fetched[]): void {
  const known = requests.filter(({ pipeline }) => pipeline !== null);
  let start = 0;
  known.forEach((one, index) => {
    const next = known[index + 1];
    if (next && next.pipeline === one.pipeline) return;
    const a = Math.max(left, x(known[start]?.at ?? one.at));
    const b = Math.min(right, Math.max(x(next?.at ?? one.at), a + 2));
    start = index + 1;
    if (b <= left || a >= right) return;
    context.fillStyle = one.pipeline === "A" ? colours.data2 : one.pipeline === "slate" ? colours.levels[1] : (colours.series[3] ?? "");
    context.fillRect(a, top + height - 5, b - a, 3);
    if (b - a > 14) context.fillText(one.pipeline ?? "", a + 2, top + height / 2 - 3);
  });
}

function drawErrors({ context, x, left, right, top, height, colours }: Pen, past: Past): void {
  context.fillStyle = colours.levels[3];
  let free = left;
  for (const { at, what } of past.errors) {
    const place = x(at);
    if (place < left || place > right) continue;
    context.fillRect(place - 3, top + height / 2 - 3, 6, 6);
    if (place < free) continue;
    const shown = fit(what, right - place - 7, (text) => context.measureText(text).width);
    if (shown === null) continue;
    context.fillText(shown, place + 7, top + height / 2);
    free = place + 14 + context.measureText(shown).width;
  }
}

/** Times at which this viewer's requests moved to another edge and stayed there. */
export function moves(requests: readonly Fetched[]): { at: number; from: string; to: string }[] {
  const found: { at: number; from: string; to: string }[] = [];
  for (let index = 1; index < requests.length; index += 1) {
    const [before, now, next] = [requests[index - 1], requests[index], requests[index + 1]];
    if (!before || !now || before.edge === now.edge) continue;
    const last = found.at(-1)?.to ?? before.edge;
    if (now.edge !== last && (next === undefined || next.edge === now.edge)) found.push({ at: now.at, from: last, to: now.edge });
  }
  return found;
}
