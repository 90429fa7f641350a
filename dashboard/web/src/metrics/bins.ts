// Quantile sketch bins as the platform writes them (schemas/src/sketch.rs): bin i holds
// values whose logarithm to base γ rounds up to i, bin −1 holds zeros.

import type { Bins } from "../feed/types";

const GAMMA = 1.01 / 0.99;
/** γ^1198 is far above a day in milliseconds; higher bins share the last index. */
const PLACES = 1200;

/** The value a bin stands for. */
export function binValue(index: number): number {
  return index < 0 ? 0 : (2 * GAMMA ** index) / (GAMMA + 1);
}

/** Merged bins, dense, so that a window can slide without sorting. */
export class Sketch {
  // Made at the first value: most sums are never asked for a quantile.
  private places: Float64Array | null = null;
  count = 0;

  /** Adds every bin, `sign` being 1 or −1. */
  add(bins: Bins | undefined, sign: 1 | -1 = 1): void {
    if (!bins?.length) return;
    const places = (this.places ??= new Float64Array(PLACES));
    for (const [index, n] of bins) {
      const place = Math.min(Math.max(index, -1) + 1, PLACES - 1);
      places[place] = (places[place] ?? 0) + sign * n;
      this.count += sign * n;
    }
  }

  /** Index of the bin at quantile `q` (nearest rank), or null without values. */
  binAt(q: number): number | null {
    if (this.count <= 0 || !this.places) return null;
    const rank = Math.round(Math.min(Math.max(q, 0), 1) * (this.count - 1));
    let seen = 0;
    for (let place = 0; place < PLACES; place += 1) {
      seen += this.places[place] ?? 0;
      if (seen > rank) return place - 1;
    }
    return null;
  }

  /** The value at quantile `q`, or null without values. */
  quantile(q: number): number | null {
    const bin = this.binAt(q);
    return bin === null ? null : binValue(bin);
  }

  /** How many values are in bin `index` and above. */
  countFrom(index: number): number {
    let sum = 0;
    if (!this.places) return 0;
    for (let place = Math.max(index + 1, 0); place < PLACES; place += 1) sum += this.places[place] ?? 0;
    return sum;
  }

  /** The bins that are not empty, ascending. */
  bins(): [number, number][] {
    const out: [number, number][] = [];
    this.places?.forEach((n, place) => {
      if (n !== 0) out.push([place - 1, n]);
    });
    return out;
  }
}
