// Delivery and fate rows, kept by key; like playback rows they are absolute.

import { Sketch } from "../metrics/bins";
import type { DeliveryRow, FateRow } from "./types";

const KEEP_MS = 31 * 60_000;
/** Sparkline points are sums of ten seconds: single seconds of few requests mean little. */
export const BUCKET_MS = 10_000;

/** Rows by pane and key. */
class Panes<Row extends { pane: number }> {
  readonly panes = new Map<number, Map<string, Row>>();
  newest = 0;

  constructor(private readonly key: (row: Row) => string) {}

  put(row: Row): void {
    let pane = this.panes.get(row.pane);
    if (!pane) this.panes.set(row.pane, (pane = new Map()));
    pane.set(this.key(row), row);
    if (row.pane > this.newest) this.newest = row.pane;
  }

  clear(): void {
    this.panes.clear();
    this.newest = 0;
  }

  prune(): void {
    for (const pane of this.panes.keys()) if (pane < this.newest - KEEP_MS) this.panes.delete(pane);
  }

  /** Rows of panes in [from, to). */
  *between(from: number, to: number): Generator<Row> {
    for (const [pane, rows] of this.panes) if (pane >= from && pane < to) yield* rows.values();
  }
}

export class DeliveryStore extends Panes<DeliveryRow> {
  constructor() {
    super((r) => [r.service, r.edge, r.pipeline, r.stream, r.track, r.k, r.action].join("\u0001"));
  }

  /** Newest pane that each reporter has written, by service and its name. */
  private readonly reported = new Map<string, number>();

  override put(row: DeliveryRow): void {
    super.put(row);
    const who = reporter(row);
    if (row.pane > (this.reported.get(who) ?? -Infinity)) this.reported.set(who, row.pane);
  }

  override clear(): void {
    super.clear();
    this.reported.clear();
  }

  /** End of the newest second that a reporter has written, Unix ms; null before the first. */
  lastReport(service: string, name = ""): number | null {
    const pane = this.reported.get(`${service}|${name}`);
    return pane === undefined ? null : pane + 1_000;
  }

  /** Sums in [from, to) by service, edge and action. */
  totals(from: number, to: number): Map<string, DeliveryTotal> {
    return this.totalsBy(from, to, (row) => `${row.service}|${row.edge ?? ""}|${row.action}`);
  }

  /** Sums in [from, to) by reporter and action. */
  byReporter(from: number, to: number): Map<string, DeliveryTotal> {
    return this.totalsBy(from, to, (row) => `${reporter(row)}|${row.action}`);
  }

  private totalsBy(from: number, to: number, by: (row: DeliveryRow) => string): Map<string, DeliveryTotal> {
    const totals = new Map<string, DeliveryTotal>();
    for (const row of this.between(from, to)) {
      const key = by(row);
      let total = totals.get(key);
      if (!total) totals.set(key, (total = new DeliveryTotal(row.service, row.edge ?? null, row.action)));
      total.add(row);
    }
    return totals;
  }
}

/** The reporter of a row: packagers by pipeline, edges by name. */
function reporter(row: DeliveryRow): string {
  return `${row.service}|${(row.service === "packager" ? row.pipeline : row.edge) ?? ""}`;
}

/** Delivery added up over panes, tracks and pipelines. */
export class DeliveryTotal {
  requests = 0;
  bytes = 0;
  errors = 0;
  hits = 0;
  readonly ttfb = new Sketch();

  constructor(
    readonly service: string,
    readonly edge: string | null,
    readonly action: string,
  ) {}

  add(row: DeliveryRow): void {
    this.requests += row.requests ?? 0;
    this.bytes += row.bytes ?? 0;
    this.errors += row.errors ?? 0;
    this.hits += row.hits ?? 0;
    this.ttfb.add(row.ttfb);
  }
}

/**
 * Requests of an edge that the origin answered: not from cache, not joined to another request, and
 * not refused before.
 */
export function originAsked(get: Pick<DeliveryTotal, "requests" | "hits" | "errors">): number {
  return Math.max(0, get.requests - get.hits - get.errors);
}

export class FateStore extends Panes<FateRow> {
  constructor() {
    super((r) => [r.tenant, r.source, r.fate, r.reason].join("\u0001"));
  }

  /** Events in [from, to) added up by the result of `by`. */
  sum(from: number, to: number, by: (row: FateRow) => string): Map<string, number> {
    const sums = new Map<string, number>();
    for (const row of this.between(from, to)) {
      const key = by(row);
      sums.set(key, (sums.get(key) ?? 0) + row.events);
    }
    return sums;
  }
}
