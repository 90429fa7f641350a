// Incidents and actions as the feed and the steering API send them (schemas/src/control.rs); times
// are Unix ms here.

export interface Evidence {
  what: string;
  value: string;
  was?: string;
  /** It exceeds its limit. */
  bad?: boolean;
}

export interface Note {
  at: number;
  by: string;
  text: string;
}

export type Severity = "watch" | "degraded" | "broken";

export interface Incident {
  id: string;
  opened_at: number;
  symptom_at: number | null;
  /** Since when it has recovered, while it is open. */
  well_since: number | null;
  /** When it closes if it stays recovered; null while its viewers are still elsewhere. */
  closes_at: number | null;
  closed_at: number | null;
  cause: string;
  culprit: "edge" | "origin" | "encoder" | "device" | "telemetry";
  name: string | null;
  cohort: string;
  viewers: number;
  severity: Severity;
  evidence: readonly Evidence[];
  /** Why steering offers nothing; null while something is offered or in force. */
  no_action: string | null;
  /** Until when that holds, where it ends by itself. */
  no_action_until: number | null;
  owner: string | null;
  state: "open" | "acknowledged" | "closed";
  notes: readonly Note[] | null;
  updated_at: number;
}

export type ActionKind = "shift_edge" | "return_edge" | "cap_ladder" | "mask_pipeline" | "unmask_pipeline" | "set_mode";
export type ActionState = "offered" | "taken" | "undone" | "dismissed" | "ended";

export interface Action {
  id: string;
  incident: string | null;
  at: number;
  /** Since when it is, or was, in force. */
  taken_at: number | null;
  kind: ActionKind;
  target: string;
  to: string | null;
  share: number;
  viewers: number;
  load_after: number | null;
  title: string;
  evidence: readonly Evidence[];
  forecast: string;
  undo: string | null;
  undo_of: string | null;
  state: ActionState;
  acts_at: number | null;
  outcome: string | null;
  by: string;
  updated_at: number;
}

export type Mode = "observe" | "advise" | "act";

export interface EdgeStatus {
  name: string;
  health: "good" | "bad" | "unknown";
  why: string;
  share: number | null;
  viewers: number | null;
  capacity_kbps: number | null;
  reserved_kbps: number | null;
  sessions: number | null;
  ttfb_ms: number | null;
  /** `error` is the HTTP status of an answer that was not valid. */
  prober: { ok: boolean; ttfb_ms: number | null; at: number | null; error?: number | null } | null;
}

export interface PipelineStatus {
  name: string;
  health: "good" | "bad" | "unknown";
  why: string;
  masked: boolean;
}

/** The answer of `GET /v1/steering`. */
export interface SteeringStatus {
  mode: Mode;
  ttl_s: number;
  now: number;
  /** Streams whose media is ours. */
  streams: readonly string[];
  /** Streams for which sessions can be opened, in the order of the settings. */
  sessions_of?: readonly string[];
  /** Where players reach steering, if that was set. */
  public_url?: string | null;
  /** Where beacons go, key included: an address, or a path at the collector; empty if unknown. */
  beacon?: string;
  edges: readonly EdgeStatus[];
  pipelines: readonly PipelineStatus[];
  feed: { connected: boolean; age_ms: number | null };
  incidents: readonly Incident[];
  actions: readonly Action[];
}

/** A fault switch of the demo, from `GET /v1/faults`. */
export interface Fault {
  target: string;
  fault: string;
  title: string;
  on: boolean;
  since: number | null;
  value: number | null;
}
