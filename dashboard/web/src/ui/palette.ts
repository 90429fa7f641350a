// Colours for canvases, read from the style sheet so that they are defined once.

import type { Level } from "../metrics/evaluate";

export interface Palette {
  panel: string;
  line: string;
  text: string;
  text2: string;
  text3: string;
  levels: readonly [string, string, string, string];
  series: readonly string[];
  /** Fills for the normal state. */
  data2: string;
}

/** Beside its colour, each line of a chart has a dash, for colour-blind viewers. */
export const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 3], [], [7, 3], [2, 3]];

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
    data2: colour("--data2"),
  };
  return cached;
}

/** Must be called when the theme changes. */
export function forgetPalette(): void {
  cached = null;
}

export const LEVEL_WORDS: readonly [string, string, string, string] = ["normal", "watch", "degraded", "broken"];
/** A shape for each level, beside its colour. */
export const LEVEL_SHAPES: readonly [string, string, string, string] = ["", "◆", "▲", "■"];

export function levelColour(level: Level): string {
  return palette().levels[level];
}
