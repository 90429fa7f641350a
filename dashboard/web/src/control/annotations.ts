// What happened, for the charts: incidents as spans, actions as instants.

import type { Level } from "../metrics/evaluate";
import { RANK, type Records } from "./records";

export interface Annotation {
  /** Unix ms. */
  at: number;
  /** End of a span; null while it lasts; `at` itself for an instant. */
  until: number | null;
  text: string;
  level: Level;
}

/** Everything that touches [from, to], oldest first. */
export function annotations(records: Records, from: number, to: number): Annotation[] {
  const found: Annotation[] = [];
  for (const one of records.allIncidents()) {
    found.push({ at: one.symptom_at ?? one.opened_at, until: one.closed_at, text: one.cause, level: RANK[one.severity] });
  }
  for (const one of records.allActions()) {
    // An action that was only offered, or turned down, changed nothing that a chart could show.
    if (one.state === "offered" || one.state === "dismissed") continue;
    const at = one.taken_at ?? one.at;
    found.push({ at, until: at, text: one.title, level: 0 });
  }
  return found.filter((one) => one.at <= to && (one.until ?? to) >= from).sort((a, b) => a.at - b.at);
}
