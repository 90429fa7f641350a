// The types of the feed (`/v1/feed`) and of the dashboard's HTTP answers. Times are Unix
// milliseconds unless a name says otherwise.

import type { Action, Incident } from "../control/types";

/** Bins of a quantile sketch: pairs of bin index and count. */
export type Bins = readonly (readonly [number, number])[];

export type Formula =
  | { kind: "gauge"; of: string }
  | { kind: "rate"; of: string }
  | { kind: "ratio"; num: string; den: readonly string[]; scale: number }
  | { kind: "quantile"; of: string; q: number };

export interface Metric {
  name: string;
  title: string;
  unit: string;
  formula: Formula;
  denominator: string;
  source: string;
  bad: "high" | "low" | "neither";
  limits: readonly [number, number, number] | null;
  window_s: number;
}

export interface CuboidInfo {
  name: string;
  width_s: number;
  dimensions: readonly string[];
}

/** A cell of a cuboid; a dimension that is absent or null is unknown. */
export type Cell = Readonly<Record<string, string | null | undefined>>;

export interface PlaybackRow {
  cuboid: string;
  pane: number;
  cell: Cell;
  m?: Readonly<Record<string, number>>;
  startup?: Bins;
  latency?: Bins;
  final?: boolean;
  partial?: boolean;
}

export interface DeliveryRow {
  pane: number;
  service: string;
  edge?: string | null;
  pipeline?: string | null;
  stream?: string;
  track?: string | null;
  /** Segment number. */
  k?: number;
  action: string;
  requests?: number;
  bytes?: number;
  errors?: number;
  ok?: number;
  redirects?: number;
  server_errors?: number;
  hits?: number;
  held_ms?: number;
  ttfb?: Bins;
  /** Hold time of the requests that were held. */
  held?: Bins;
  final?: boolean;
}

export interface FateRow {
  pane: number;
  tenant: string;
  source: string;
  fate: string;
  reason: string;
  /** Records with this fate. */
  events: number;
  /** Records that the collector counted with this fate; absent from older servers. */
  door?: number;
}

export interface Hello {
  type: "hello";
  version: number;
  now: number;
  session: string;
  /** Only missed deltas follow; otherwise a snapshot, in place of all that is held. */
  resumed: boolean;
  metrics: Metric[];
  cuboids: CuboidInfo[];
  minimum_sample: number;
}

export interface RowsMessage {
  type: "rows";
  /** Counts deltas; 0 on all but the last part of a snapshot. */
  seq: number;
  snapshot?: boolean;
  at: number;
  playback?: PlaybackRow[];
  delivery?: DeliveryRow[];
  fates?: FateRow[];
  incidents?: Incident[];
  actions?: Action[];
}

export interface Status {
  type: "status";
  at: number;
  partitions: number;
  reporting: number;
  log_time: number | null;
  final_up_to: number | null;
  freshness_ms: number | null;
  sessions: number;
  lost_events: number;
  lost_entries: number;
  log?: {
    bytes?: number | null;
    cap_bytes?: number | null;
    dropped_entries?: number | null;
    quarantined_entries?: number | null;
  };
  memory_bytes?: number | null;
  disk_free_bytes?: number | null;
  lag_entries?: number | null;
  /** Further integers by name: `replaying`, `bad_parts`. */
  marks?: Readonly<Record<string, number>>;
}

export type Message = Hello | RowsMessage | Status;
