// A sparkline: the last half hour in a line without axes. Gaps stay gaps.

import type { Series } from "../metrics/view";
import { palette } from "./palette";

export class Spark {
  readonly canvas = document.createElement("canvas");
  private width = 0;
  private height = 0;

  constructor() {
    this.canvas.className = "spark";
    this.canvas.setAttribute("aria-hidden", "true");
    new ResizeObserver(([entry]) => {
      if (!entry) return;
      this.width = entry.contentRect.width;
      this.height = entry.contentRect.height;
      const ratio = window.devicePixelRatio || 1;
      this.canvas.width = Math.round(this.width * ratio);
      this.canvas.height = Math.round(this.height * ratio);
    }).observe(this.canvas);
  }

  /** Draws `series` over [from, to] in `colour`, with ticks at events. */
  draw(series: Series, from: number, to: number, colour: string, ticks: readonly number[] = []): void {
    const context = this.canvas.getContext("2d");
    if (!context || this.width === 0 || to <= from) return;
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    const [low, high] = bounds(series.y);
    const x = (t: number): number => ((t - from) / (to - from)) * (this.width - 3) + 1;
    const y = (v: number): number => this.height - 3 - ((v - low) / (high - low)) * (this.height - 6);
    this.baseline(context);
    context.fillStyle = palette().text3;
    for (const tick of ticks) if (tick >= from && tick <= to) context.fillRect(x(tick), 0, 1, this.height);
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineWidth = 1.25;
    context.lineJoin = "round";
    context.beginPath();
    let pen = false;
    series.x.forEach((t, at) => {
      const value = series.y[at];
      if (value === null || value === undefined) {
        pen = false;
        return;
      }
      const next = series.y[at + 1];
      if (pen) context.lineTo(x(t), y(value));
      else if (next === null || next === undefined) context.rect(x(t) - 0.5, y(value) - 0.5, 1, 1);
      else context.moveTo(x(t), y(value));
      pen = true;
    });
    context.stroke();
  }

  private baseline(context: CanvasRenderingContext2D): void {
    context.strokeStyle = palette().line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(0, this.height - 0.5);
    context.lineTo(this.width, this.height - 0.5);
    context.stroke();
  }
}

/** From zero, as far as the line stays readable; a flat line is drawn low. */
function bounds(values: readonly (number | null)[]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  // A line that never comes near zero is scaled to itself, with a tenth of its height as the least
  // span, so that noise does not look like a change.
  const room = Math.max(high - low, Math.abs(high) * 0.1, 1e-9);
  return low > high * 0.6 ? [high - room * 1.5, high + room * 0.25] : [0, high * 1.05 || 1];
}
