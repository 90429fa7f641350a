// Incidents and actions by id. They arrive from the feed and from the steering API; a record is
// absolute, so the newer of the two wins, whichever way it came.

import type { Level } from "../metrics/evaluate";
import type { Action, Incident } from "./types";

/** Fields that a record may leave out. */
const INCIDENT = { symptom_at: null, well_since: null, closes_at: null, closed_at: null, no_action: null, no_action_until: null, name: null, owner: null, notes: null, evidence: [] };
const ACTION = { incident: null, taken_at: null, to: null, load_after: null, undo: null, undo_of: null, acts_at: null, outcome: null, evidence: [] };

export class Records {
  private readonly incidents = new Map<string, Incident>();
  private readonly actions = new Map<string, Action>();

  /** Records received since another server began to send its own; null while none does. */
  private received: Set<string> | null = null;

  /** Another server sends all its records from now on. */
  begin(): void {
    this.received = new Set();
  }

  /**
   * It has sent all: records that it did not name no longer exist. Until then everything stays,
   * with whatever an operator is typing below it.
   */
  end(): void {
    const { received } = this;
    if (received === null) return;
    for (const kept of [this.incidents, this.actions]) for (const id of [...kept.keys()]) if (!received.has(id)) kept.delete(id);
    this.received = null;
  }

  putIncidents(rows: readonly Incident[] | undefined): void {
    for (const row of rows ?? []) this.put(this.incidents, { ...INCIDENT, ...row });
  }

  putActions(rows: readonly Action[] | undefined): void {
    for (const row of rows ?? []) this.put(this.actions, { ...ACTION, ...row });
  }

  private put<R extends { id: string; updated_at: number }>(kept: Map<string, R>, row: R): void {
    this.received?.add(row.id);
    if (newer(kept.get(row.id), row)) kept.set(row.id, row);
  }

  /**
   * Incidents that are not over, the worst first, then those that reach viewers, then the oldest.
   */
  open(): Incident[] {
    return [...this.incidents.values()].filter((one) => one.state !== "closed").sort((a, b) => levelOfIncident(b) - levelOfIncident(a) || Number(b.viewers > 0) - Number(a.viewers > 0) || a.opened_at - b.opened_at || a.id.localeCompare(b.id));
  }

  /** The incident that ended last. */
  lastClosed(): Incident | null {
    const closed = [...this.incidents.values()].filter((one) => one.closed_at !== null);
    return closed.sort((a, b) => (b.closed_at ?? 0) - (a.closed_at ?? 0))[0] ?? null;
  }

  /** All incidents, newest first. */
  allIncidents(): Incident[] {
    return [...this.incidents.values()].sort((a, b) => b.opened_at - a.opened_at || b.id.localeCompare(a.id));
  }

  /** All actions, newest first. */
  allActions(): Action[] {
    return [...this.actions.values()].sort((a, b) => b.at - a.at || b.id.localeCompare(a.id));
  }

  /** What is done, or offered, about an incident; actions in force or offered first. */
  answers(incident: string): Action[] {
    return this.allActions()
      .filter((one) => one.incident === incident)
      .sort((a, b) => LIFE.indexOf(a.state) - LIFE.indexOf(b.state));
  }

  incident(id: string): Incident | undefined {
    return this.incidents.get(id);
  }
}

export const RANK = { watch: 1, degraded: 2, broken: 3 } as const;

/**
 * An incident that has recovered and only waits to be closed is at level watch at most, one that is
 * over at none.
 */
export function levelOfIncident(incident: Incident): Level {
  if (incident.state === "closed") return 0;
  return incident.well_since === null ? (RANK[incident.severity] ?? 1) : RANK.watch;
}

const LIFE: readonly Action["state"][] = ["offered", "taken", "undone", "dismissed", "ended"];

function newer(old: { updated_at: number } | undefined, row: { updated_at: number }): boolean {
  return old === undefined || row.updated_at >= old.updated_at;
}
