// Reads the store: one cuboid, restricted to a content and grouped by a dimension.

import type { CuboidRows, PlaybackStore } from "../feed/playback";
import { cellValue } from "../feed/playback";
import type { Metric, PlaybackRow } from "../feed/types";
import { Sums, evaluate, isCount, needs } from "./evaluate";

/** Points of a chart: time in ms, value or null for no data. */
export interface Series {
  x: number[];
  y: (number | null)[];
}

export class View {
  /**
   * Panes of which we would know: in them a missing row means no viewers, so counts are zero.
   * Elsewhere a missing row is no data.
   */
  covered: readonly [number, number] | null = null;

  constructor(
    private readonly rows: CuboidRows,
    /** Restricts to one content; null is all of them. */
    private readonly content: string | null,
    /** Groups by this dimension; null is everything together. */
    private readonly dimension: string | null,
  ) {}

  static of(store: PlaybackStore, dimension: string | null, content: string | null): View | null {
    const rows = dimension === null ? store.cuboid("content") : store.forDimension(dimension);
    return rows ? new View(rows, content, dimension) : null;
  }

  /** Whether the rows can be restricted to one content. */
  get knowsContent(): boolean {
    return this.rows.dimensions.includes("content");
  }

  get widthMs(): number {
    return this.rows.widthMs;
  }

  /** The first pane held. */
  oldest(): number | null {
    let oldest: number | null = null;
    for (const pane of this.rows.panes.keys()) if (oldest === null || pane < oldest) oldest = pane;
    return oldest;
  }

  /** The newest pane that is complete at `now` and, with `whole`, has all partitions. */
  newest(now: number, whole: boolean): number | null {
    let newest: number | null = null;
    for (const [pane, cells] of this.rows.panes) {
      if (pane + this.widthMs > now || (newest !== null && pane <= newest)) continue;
      if (whole && [...cells.values()].some((row) => row.partial)) continue;
      newest = pane;
    }
    return newest;
  }

  /** Rows of a pane that this view counts, of one group or of all. */
  *at(pane: number, group: string | null): Generator<PlaybackRow> {
    const cells = this.rows.panes.get(pane);
    if (!cells) return;
    for (const row of cells.values()) {
      if (this.content !== null && cellValue(row.cell, "content") !== this.content) continue;
      if (group !== null && this.groupOf(row) !== group) continue;
      yield row;
    }
  }

  private groupOf(row: PlaybackRow): string {
    return this.dimension === null ? "all" : cellValue(row.cell, this.dimension);
  }

  /** How many panes a metric's window has; a gauge is one instant. */
  windowPanes(metric: Metric): number {
    if (metric.formula.kind === "gauge") return 1;
    return Math.max(1, Math.round((metric.window_s * 1000) / this.widthMs));
  }

  /** Sums of the window that ends with `pane`, by group; only for panes that have rows. */
  groups(pane: number, panes: number): Map<string, Sums> {
    const groups = new Map<string, Sums>();
    for (let n = 0; n < panes; n += 1) {
      for (const row of this.at(pane - n * this.widthMs, null)) {
        const group = this.groupOf(row);
        let sums = groups.get(group);
        if (!sums) groups.set(group, (sums = new Sums()));
        sums.add(row);
      }
    }
    return groups;
  }

  /** Groups with enough viewers for a line between two times, as each tenth pane shows them. */
  names(from: number, to: number): Set<string> {
    const found = new Set<string>();
    const step = 10 * this.widthMs;
    for (let pane = Math.ceil(from / step) * step; pane <= to; pane += step) {
      for (const name of this.watched(pane)) found.add(name);
    }
    return found;
  }

  /** Groups with viewers in one pane; the unknown group only where it is large. */
  watched(pane: number): string[] {
    const viewers = new Map<string, number>();
    let all = 0;
    for (const row of this.at(pane, null)) {
      const own = row.m?.["viewers"] ?? 0;
      viewers.set(this.groupOf(row), (viewers.get(this.groupOf(row)) ?? 0) + own);
      all += own;
    }
    return [...viewers].filter(([name, own]) => own > (name === "unknown" ? FEW_UNKNOWN * all : 0)).map(([name]) => name);
  }

  /** Sums of the window that ends with `pane`; null without any row in it. */
  sums(pane: number, panes: number, group: string | null = null): Sums | null {
    const sums = new Sums();
    let any = false;
    for (let n = 0; n < panes; n += 1) {
      for (const row of this.at(pane - n * this.widthMs, group)) {
        sums.add(row);
        any = true;
      }
    }
    return any ? sums : null;
  }

  /** The metric at `pane`, as a tile shows it. */
  value(metric: Metric, pane: number): number | null {
    const panes = this.windowPanes(metric);
    const sums = this.sums(pane, panes);
    return sums ? evaluate(metric, sums, (panes * this.widthMs) / 1000) : this.absent(metric, pane);
  }

  /** The value of a pane without rows, or without rows of this group. */
  absent(metric: Metric, pane: number, group: string | null = null): number | null {
    const known = this.covered !== null && pane >= this.covered[0] && pane + this.widthMs <= this.covered[1];
    return isCount(metric) && (known || (group !== null && this.whole(pane))) ? 0 : null;
  }

  /** Whether a pane has rows and all partitions: a group that is not in it had no viewers then. */
  private whole(pane: number): boolean {
    let any = false;
    for (const row of this.at(pane, null)) {
      if (row.partial) return false;
      any = true;
    }
    return any;
  }

  /**
   * The metric over time. A point is what the tile showed then: the value of the window that ends
   * there. A pane without rows is no data, so the line breaks.
   */
  series(metric: Metric, from: number, to: number, points: number, group: string | null = null): Series {
    const width = this.widthMs;
    const first = Math.ceil(from / width) * width;
    const step = Math.max(1, Math.ceil((to - first) / width / points));
    const panes = this.windowPanes(metric);
    const window = new Sums(needs(metric));
    const out: Series = { x: [], y: [] };
    const absent: number[] = [];
    const start = first - (panes - 1) * width;
    for (let pane = start; pane <= to; pane += width) {
      let any = false;
      for (const row of this.at(pane, group)) {
        window.add(row);
        any = true;
      }
      // Points are at multiples of the step, so that they do not shimmer as time passes.
      if (pane >= first && ((pane / width) % step === 0 || pane + width > to)) {
        out.x.push(pane + width);
        if (!any) absent.push(out.y.length);
        out.y.push(any ? evaluate(metric, window, (panes * width) / 1000) : this.absent(metric, pane, group));
      }
      // Only what was added is removed: panes before the start were never added.
      const leaving = pane - (panes - 1) * width;
      if (leaving >= start) for (const row of this.at(leaving, group)) window.add(row, -1);
    }
    // Where not every pane is a point, one missing point means as little as one missing pane.
    forgetBlinks(out, absent, BLINK_MS + 2 * (step - 1) * width);
    return out;
  }
}

/** A count as far as it was seen while blind: trailing zeros since `from` (ms) become no data. */
export function seenOf(series: Series, from: number): Series {
  let end = series.y.length;
  while (end > 0 && !series.y[end - 1] && (series.x[end - 1] ?? 0) >= from) end -= 1;
  return { x: series.x, y: series.y.map((value, at) => (at < end ? value : null)) };
}

/** Each viewer's edge is unknown for the second until its first request, which is not relevant. */
const FEW_UNKNOWN = 0.05;

/** Viewers do not all leave and return within a few seconds: so short an absence is a gap. */
const BLINK_MS = 5_000;

/** Turns absences between values that are shorter than `blinkMs` into no data. */
function forgetBlinks(series: Series, absent: readonly number[], blinkMs: number): void {
  for (let at = 0; at < absent.length; ) {
    let end = at;
    while (absent[end + 1] === (absent[end] ?? 0) + 1) end += 1;
    const [first, last] = [absent[at] ?? 0, absent[end] ?? 0];
    const [before, after] = [series.x[first - 1], series.x[last + 1]];
    if (before !== undefined && after !== undefined && after - before <= blinkMs) series.y.fill(null, first, last + 1);
    at = end + 1;
  }
}
