// The log: what was done, by whom, and its outcome; incidents, notes, and changes that this page
// observed. Actions in force can be undone here.

import type { App } from "../app";
import { failure } from "../control/api";
import type { Action, Incident } from "../control/types";
import { levelOfIncident } from "../control/records";
import { stateWords } from "../control/words";
import type { Level } from "../metrics/evaluate";
import { localTime, moment, span } from "../metrics/format";
import { find, h, keyed, setAttr, setText, unbroken } from "../ui/dom";
import { LEVEL_SHAPES } from "../ui/palette";
import type { Changes } from "./changes";

const SHOWN = 60;

export interface Entry {
  id: string;
  at: number;
  level: Level;
  text: string;
  /** The outcome, or the person who did it. */
  more: string;
  /** The action that a click here undoes. */
  undo: string | null;
  /** That steering was set to another mode. */
  isMode?: boolean;
}

export class Log {
  private readonly list = h("ol", { class: "log", tabindex: "0", "aria-label": "Actions and notes" });
  private readonly problem = h("p", { class: "problem", role: "alert" });
  readonly root: HTMLElement;

  constructor(
    private readonly app: App,
    private readonly changes: Changes,
    byHand: () => void,
  ) {
    const act = h("button", { type: "button", class: "small", id: "by-hand" }, "Act by hand");
    act.addEventListener("click", byHand);
    this.root = h("section", { class: "panel actions" }, h("header", {}, h("h2", {}, "Actions and notes"), h("span", { class: "note" }, "UTC"), act), this.problem, this.list, h("p", { class: "empty", hidden: true }, "Nothing was done yet. Actions, incidents and notes appear here."));
  }

  draw(): void {
    const { records } = this.app.feed;
    const now = this.app.feed.now();
    const lost = this.app.steering.lost();
    const actions = records.allActions();
    const entries = [...actions.map((one) => ofAction(one, now, lost)), ...records.allIncidents().flatMap(ofIncident), ...this.changes.list.map(({ id, at, level, text }) => ({ id: `c${id}`, at, level, text, more: "", undo: null }))]
      .sort((a, b) => b.at - a.at || a.id.localeCompare(b.id));
    keyed(this.list, shownOf(entries, now), (one) => one.id, (one) => this.make(one), (item, one) => {
      setAttr(item, "data-level", one.level ? String(one.level) : null);
      setText(find(item, "time"), moment(one.at, now));
      setAttr(find(item, "time"), "title", localTime(one.at));
      setText(find(item, ".shape"), LEVEL_SHAPES[one.level]);
      setText(find(item, ".text"), one.text);
      setText(find(item, ".more"), unbroken(one.more));
      setAttr(find(item, "button"), "hidden", one.undo === null);
      if (one.undo === null) setAttr(find(item, "button"), "disabled", null);
    });
    setAttr(find(this.root, ".empty"), "hidden", entries.length > 0);
    setAttr(this.list, "hidden", entries.length === 0);
  }

  private make(entry: Entry): HTMLElement {
    const undo = h("button", { type: "button", class: "undo" }, "undo");
    undo.addEventListener("click", () => void this.undo(undo, entry.undo ?? entry.id.slice(1)));
    return h("li", {}, h("time", { class: "mono" }), h("span", { class: "what" }, h("span", { class: "shape" }), h("span", { class: "text" }), " ", h("span", { class: "more" })), undo);
  }

  /** What was undone stays so: the button comes back only where it was not. */
  private async undo(button: Element, id: string): Promise<void> {
    if (button.hasAttribute("disabled")) return;
    setAttr(button, "disabled", true);
    try {
      await this.app.steering.act(id, "undo");
      setText(this.problem, "");
    } catch (error) {
      setText(this.problem, failure(error, "undone"));
      setAttr(button, "disabled", null);
    }
  }
}

/**
 * The newest entries, and above them older ones still in force, so that no one has to search for
 * them. The mode is in the top bar.
 */
export function shownOf(entries: readonly Entry[], now: number): Entry[] {
  const older = entries.slice(SHOWN).filter((one) => one.undo !== null && !one.isMode);
  return [...older.map((one) => ({ ...one, more: `${one.more}, still in force after ${span(now - one.at)}` })), ...entries.slice(0, SHOWN)];
}

function ofAction(action: Action, now: number, lost: boolean): Entry {
  const undo = action.state === "taken" && action.undo !== null ? action.id : null;
  return { id: `a${action.id}`, at: action.taken_at ?? action.at, level: 0, text: action.title, more: stateWords(action, now, lost), undo, isMode: action.kind === "set_mode" };
}

function ofIncident(incident: Incident): Entry[] {
  const entry = (id: string, at: number, level: Level, text: string, more: string): Entry => ({ id, at, level, text, more, undo: null });
  const out = [entry(`i${incident.id}`, incident.opened_at, levelOfIncident(incident), incident.cause, incident.owner === null ? "" : `${incident.owner} owns it`)];
  if (incident.closed_at !== null) out.push(entry(`e${incident.id}`, incident.closed_at, 0, `Over after ${span(incident.closed_at - incident.opened_at)}:`, incident.cause));
  for (const note of incident.notes ?? []) out.push(entry(`n${incident.id}${note.at}`, note.at, 0, note.text, `by ${note.by}`));
  return out;
}
