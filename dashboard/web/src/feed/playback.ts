// Playback rows by cuboid, pane and cell. A row is absolute, so a newer one replaces the older one
// with its key: a repeated message changes nothing.

import type { Cell, CuboidInfo, PlaybackRow } from "./types";

/** Rows of one cuboid. */
export interface CuboidRows {
  name: string;
  widthMs: number;
  dimensions: readonly string[];
  panes: Map<number, Map<string, PlaybackRow>>;
}

/** Charts grow to half an hour; ten seconds more let the first window fill. */
const KEEP_MS = 31 * 60_000;
/** A content without viewers for this long is no longer offered. */
const LATELY_MS = 5 * 60_000;

export class PlaybackStore {
  private readonly cuboids = new Map<string, CuboidRows>();
  private newestSeen = 0;

  /** Takes the server's list of cuboids; rows of an unknown one are ignored. */
  declare(infos: readonly CuboidInfo[]): void {
    for (const { name, width_s, dimensions } of infos) {
      const known = this.cuboids.get(name);
      if (known && known.widthMs === width_s * 1000) continue;
      this.cuboids.set(name, { name, widthMs: width_s * 1000, dimensions, panes: new Map() });
    }
  }

  clear(): void {
    for (const cuboid of this.cuboids.values()) cuboid.panes.clear();
    this.newestSeen = 0;
  }

  put(row: PlaybackRow): void {
    const cuboid = this.cuboids.get(row.cuboid);
    if (!cuboid) return;
    let pane = cuboid.panes.get(row.pane);
    if (!pane) cuboid.panes.set(row.pane, (pane = new Map()));
    pane.set(cellKey(cuboid.dimensions, row.cell), restOf(cuboid.dimensions, row));
    if (row.pane > this.newestSeen) this.newestSeen = row.pane;
  }

  /** Drops rows that are older than the charts show. */
  prune(): void {
    const from = this.newestSeen - KEEP_MS;
    for (const { panes } of this.cuboids.values()) {
      for (const pane of panes.keys()) if (pane < from) panes.delete(pane);
    }
  }

  cuboid(name: string): CuboidRows | undefined {
    return this.cuboids.get(name);
  }

  /**
   * The coarsest cuboid that has the dimension, as it has the fewest rows. One with contents takes
   * precedence, because the page may be restricted to one content.
   */
  forDimension(dimension: string): CuboidRows | undefined {
    const cost = (cuboid: CuboidRows): number => cuboid.dimensions.length + (cuboid.dimensions.includes("content") ? 0 : 100);
    let best: CuboidRows | undefined;
    for (const cuboid of this.cuboids.values()) {
      if (!cuboid.dimensions.includes(dimension)) continue;
      if (!best || cost(cuboid) < cost(best)) best = cuboid;
    }
    return best;
  }

  /** Contents that had viewers lately. */
  contents(): string[] {
    const names = new Set<string>();
    for (const [at, pane] of this.cuboids.get("content")?.panes ?? []) {
      if (at < this.newestSeen - LATELY_MS) continue;
      for (const row of pane.values()) if ((row.m?.["viewers"] ?? 0) > 0) names.add(cellValue(row.cell, "content"));
    }
    names.delete(OTHERS);
    return [...names].sort();
  }
}

/** The word for a value that is not known, and the one for all beyond the server's limit. */
const UNKNOWN = "unknown";
const OTHERS = "others together";
/** What the server writes for the latter (docs/feed.md). */
const REST = "__other__";

/** Whether a group of cells is one value, and not the unknown ones or those of the rest. */
export const isOneValue = (group: string): boolean => group !== UNKNOWN && group !== OTHERS;

/** The rest is so in every dimension: `asn`, a number, cannot say it; the edge beside it does. */
function restOf(dimensions: readonly string[], row: PlaybackRow): PlaybackRow {
  if (!dimensions.some((dimension) => row.cell[dimension] === REST)) return row;
  return { ...row, cell: Object.fromEntries(dimensions.map((dimension) => [dimension, REST])) };
}

/** A cell's value in one dimension, or the word for unknown or for the rest. */
export function cellValue(cell: Cell, dimension: string): string {
  const value = cell[dimension];
  if (value === null || value === undefined) return UNKNOWN;
  if (value === REST) return OTHERS;
  return dimension === "asn" ? `AS${value}` : value;
}

function cellKey(dimensions: readonly string[], cell: Cell): string {
  return dimensions.map((dimension) => cell[dimension] ?? "\u0000").join("\u0001");
}
