// The names of actions and incidents on buttons and in the log.

import { clock, moment, span } from "../metrics/format";
import type { Action, ActionKind, Incident, Mode } from "./types";

export const MODES: readonly Mode[] = ["observe", "advise", "act"];

export const MODE_WORDS: Readonly<Record<Mode, { does: string; means: string }>> = {
  observe: { does: "Names incidents, offers nothing", means: "Incidents are opened with their evidence. No action is offered or taken; what is in force stays until it is undone." },
  advise: { does: "Offers actions, a click takes them", means: "Each action is offered with its preview. Nothing moves before an operator clicks." },
  act: { does: "Takes actions by itself", means: "An action is offered, and taken by itself a few seconds later unless an operator holds it. It is undone by itself after 30 s of health." },
};

const NOW: Readonly<Record<ActionKind, string>> = {
  shift_edge: "Move now",
  return_edge: "Bring back now",
  cap_ladder: "Cap now",
  mask_pipeline: "Ignore it now",
  unmask_pipeline: "Use it again",
  set_mode: "Set it now",
};

/** Beside an offer, instead of the time when it acts. */
export const NO_ANSWER = "steering does not answer: nothing is taken by itself";

/** The label of the button that takes an action. */
export function takeWord(action: Pick<Action, "kind">): string {
  return NOW[action.kind] ?? "Do it now";
}

/**
 * How long an incident has been open, recovered or over, and its owner:
 * `open for 18 s · no owner`, `recovered 12 s ago, closes in 18 s · mia owns it`.
 */
export function standing(incident: Incident, now: number): string {
  const owner = incident.owner === null ? "no owner" : `${incident.owner} owns it`;
  if (incident.closed_at !== null) return `over ${whole(Math.max(0, now - incident.closed_at))} ago · ${owner}`;
  if (incident.well_since === null) return `open for ${whole(now - incident.opened_at)} · ${owner}`;
  const then = incident.closes_at === null ? "viewers still elsewhere" : `closes in ${seconds(incident.closes_at - now)}`;
  return `recovered ${whole(Math.max(0, now - incident.well_since))} ago, ${then} · ${owner}`;
}

/** A span without tenths. */
function whole(ms: number): string {
  return span(ms).replace(/\.\d/, "");
}

/** Why no action is offered, and until when that holds. */
export function whyNothing(incident: Incident): string {
  if (incident.state === "closed") return "It is over: nothing is offered.";
  const until = incident.no_action_until === null ? "" : ` Until ${clock(incident.no_action_until)}.`;
  return (incident.no_action ?? "No action is offered yet.") + until;
}

/** `20:17:46, 2.1 s after the first symptom`. */
export function seenFirst(incident: Incident, now: number): string {
  const after = incident.symptom_at === null ? null : incident.opened_at - incident.symptom_at;
  return moment(incident.opened_at, now) + (after === null || after < 0 ? "" : `, ${span(after)} after the first symptom`);
}

/** The part at fault: `edge e1`, `origin`. */
export function causeWords(incident: Incident): string {
  const kind = incident.culprit === "telemetry" ? "the telemetry itself" : incident.culprit;
  return incident.name === null ? kind : `${kind} ${incident.name}`;
}

/** Whether a person held it; what steering took back itself is over. */
export function isHeld(action: Action): boolean {
  return action.state === "dismissed" && action.by !== "steering";
}

/**
 * Whether an action is pending, in force or over, for display beside its buttons; `lost` is whether
 * steering does not answer.
 */
export function inForce(action: Action, now: number, lost: boolean): string {
  if (action.state === "taken") return `in force since ${moment(action.taken_at ?? action.at, now)}, by ${action.by}`;
  if (action.state === "dismissed") return isHeld(action) ? "held, not in force" : "withdrawn, not in force";
  if (action.state !== "offered") return `${action.state}, no longer in force`;
  if (lost) return NO_ANSWER;
  return action.acts_at === null ? "waits for your click" : `acts by itself in ${seconds(action.acts_at - now)}`;
}

/** The outcome of an action, for the log; an offer says when it is taken automatically. */
export function stateWords(action: Action, now: number, lost: boolean): string {
  switch (action.state) {
    case "offered":
      if (lost) return `offered; ${NO_ANSWER}`;
      return action.acts_at === null ? "offered, waits for a click" : `offered, acts by itself in ${seconds(action.acts_at - now)}`;
    case "taken":
      return `by ${action.by}`;
    case "undone":
      return action.outcome ?? "undone";
    case "dismissed":
      return action.outcome === null ? "held" : `not taken: ${action.outcome}`;
    case "ended":
      return action.outcome ?? "over";
  }
}

/** Whole seconds, never below zero. */
export function seconds(ms: number): string {
  return `${Math.max(0, Math.ceil(ms / 1000))} s`;
}
