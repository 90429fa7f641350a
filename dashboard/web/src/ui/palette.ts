// Colours for canvases, read from the style sheet so that they are written once.

import type { Level } from "../metrics/evaluate";

export interface Palette {
  panel: string;
  line: string;
  text: string;
  text2: string;
  text3: string;
  levels: readonly [string, string, string, string];
  series: readonly string[];
}

let cached: Palette | null = null;

export function palette(): Palette {
  if (cached) return cached;
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  cached = {
    panel: colour("--panel"),
    line: colour("--line"),
    text: colour("--text"),
    text2: colour("--text2"),
    text3: colour("--text3"),
    levels: [colour("--data"), colour("--watch"), colour("--degraded"), colour("--broken")],
    series: [1, 2, 3, 4, 5, 6].map((n) => colour(`--series${n}`)),
  };
  return cached;
}

/** To be called when the theme changes. */
export function forgetPalette(): void {
  cached = null;
}

export const LEVEL_WORDS: readonly [string, string, string, string] = ["normal", "watch", "degraded", "broken"];
/** A shape for each step beside its colour. */
export const LEVEL_SHAPES: readonly [string, string, string, string] = ["", "◆", "▲", "■"];

export function levelColour(level: Level): string {
  return palette().levels[level];
}
