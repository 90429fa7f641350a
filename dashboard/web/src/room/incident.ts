// One incident as a card: what and since when; the possible action with its buttons, which must be
// in sight while it counts down; then for whom, the evidence, the cause.

import type { App } from "../app";
import { failure } from "../control/api";
import { drawOffer, offerBox } from "../control/offer";
import { operator } from "../control/operator";
import { levelOfIncident } from "../control/records";
import type { Action, Incident } from "../control/types";
import { causeWords, inForce, isHeld, seenFirst, standing, takeWord, whyNothing } from "../control/words";
import { count, localTime, moment } from "../metrics/format";
import { Reading } from "../metrics/reading";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES, LEVEL_WORDS } from "../ui/palette";

/** Notes that are being written, by incident. Like `changes` they outlive a visit elsewhere. */
const drafts = new Map<string, string>();

/** Whether a note on the incident was written and not yet sent. */
export const hasDraft = (incident: string): boolean => drafts.has(incident);

export class IncidentCard {
  readonly root: HTMLElement;
  private readonly facts = h("dl", { class: "pairs" });
  private readonly offers = h("div", { class: "offers" });
  private readonly notes = h("ol", { class: "notes" });
  private readonly own = h("button", { type: "button" }, "Own it");
  private readonly close = h("button", { type: "button", title: "Says that it is over. It opens again if it is not." }, "Close");
  private readonly note = h("input", { type: "text", maxlength: "500", placeholder: "Add a note", "aria-label": "Add a note" });
  private readonly problem = h("p", { class: "problem", role: "alert" });
  private running = false;

  constructor(
    private readonly app: App,
    private readonly id: string,
    show: () => void,
  ) {
    const title = h("button", { type: "button", class: "title" }, h("span", { class: "shape" }), h("b", {}), h("span", { class: "standing" }));
    title.addEventListener("click", show);
    this.onPress(this.own, () => app.steering.incident(id, "acknowledge"));
    this.onPress(this.close, () => app.steering.incident(id, "close"));
    this.note.value = drafts.get(id) ?? "";
    this.note.addEventListener("input", () => this.keep());
    // The card stays open under the hand that then presses what is beside the field.
    this.note.addEventListener("focus", show);
    const form = h("form", { class: "addnote" }, this.note, this.own, this.close);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    this.root = h("article", { class: "incident" }, title, h("div", { class: "body" }, this.offers, this.facts, this.notes, form, this.problem));
    // A key that is held down presses once.
    this.root.addEventListener("keydown", (event) => event.repeat && event.key === "Enter" && event.preventDefault());
  }

  /** The second half of a double click is not meant: something else may be in its place by then. */
  private onPress(button: HTMLElement, what: () => Promise<void>): void {
    button.addEventListener("click", (event) => {
      if (event.detail > 1) return;
      void this.run(what);
    });
  }

  /**
   * Performs what a button asks, one at a time; errors are shown here. The card is busy until it is
   * drawn with what came of it.
   */
  private async run(what: () => Promise<void>): Promise<boolean> {
    if (this.root.hasAttribute("data-busy")) return false;
    this.running = true;
    setAttr(this.root, "data-busy", true);
    try {
      await what();
      setText(this.problem, "");
      return true;
    } catch (error) {
      setText(this.problem, failure(error));
      return false;
    } finally {
      this.running = false;
    }
  }

  /** Whether the operator is in the field of the note. */
  isAtNote(): boolean {
    return document.activeElement === this.note;
  }

  private keep(): void {
    if (this.note.value.trim() === "") drafts.delete(this.id);
    else drafts.set(this.id, this.note.value);
  }

  /** Sends the note. The text stays until it is known to be accepted. */
  private async send(): Promise<void> {
    const written = this.note.value;
    const text = written.trim();
    if (text === "") return;
    const taken = await this.run(() => this.app.steering.incident(this.id, "note", text));
    if (!taken || this.note.value !== written) return;
    this.note.value = "";
    this.keep();
  }

  draw(incident: Incident, shown: boolean): void {
    const level = levelOfIncident(incident);
    const now = this.app.feed.now();
    const over = incident.state === "closed";
    if (!this.running) setAttr(this.root, "data-busy", null);
    // A note that was sent before the operator came back to this page is not sent again.
    if (!this.running && !this.isAtNote()) this.note.value = drafts.get(this.id) ?? "";
    setAttr(this.root, "data-level", level ? String(level) : null);
    setAttr(this.root, "data-folded", !shown);
    setAttr(find(this.root, ".title"), "aria-expanded", String(shown));
    setText(find(this.root, ".shape"), LEVEL_SHAPES[level]);
    setAttr(find(this.root, ".shape"), "title", LEVEL_WORDS[level]);
    setText(find(this.root, "b"), incident.cause);
    setText(find(this.root, ".standing"), standing(incident, now) + (over && hasDraft(this.id) ? " · your note is not sent" : ""));
    if (!shown) return;
    keyed(this.facts, this.rows(incident, now), (row) => row.name, (row) => h("div", {}, h("dt", {}, row.name), h("dd", {})), (element, row) => {
      setText(find(element, "dd"), row.value);
      setAttr(element, "data-bad", row.bad);
    });
    this.drawOffers(incident, now);
    const notes = incident.notes ?? [];
    keyed(this.notes, notes, (one) => `${one.at} ${one.by}`, (one) => h("li", {}, h("time", { class: "mono", title: localTime(one.at) }), h("span", {}, h("b", {}, one.by), ` ${one.text}`)), (element, one) => setText(find(element, "time"), moment(one.at, now)));
    setText(this.own, incident.owner === null ? "Own it" : "Take over");
    setAttr(this.own, "hidden", over || incident.owner === operator());
    setAttr(this.close, "hidden", over);
  }

  private rows(incident: Incident, now: number): { name: string; value: string; bad: boolean }[] {
    const all = this.viewersAt(incident.opened_at);
    const share = all !== null && all > 0 ? ` (${Math.min(100, Math.round((100 * incident.viewers) / all))} %)` : "";
    return [
      { name: "Seen first", value: seenFirst(incident, now), bad: false },
      { name: "Affected", value: incident.viewers > 0 ? `${count(incident.viewers)}${share} ${incident.cohort}` : incident.cohort, bad: false },
      ...incident.evidence.map(({ what, value, was, bad }) => ({ name: what, value: was === undefined ? value : `${value}, was ${was}`, bad: bad === true })),
      { name: "Cause, by rule", value: causeWords(incident), bad: false },
    ];
  }

  /** The viewers of all contents at a time; null where that is not held. */
  private viewersAt(at: number): number | null {
    const { view, pane } = new Reading(this.app.feed, null);
    const metric = this.app.feed.metrics.find((one) => one.name === "viewers");
    if (!metric || !view || pane === null) return null;
    return view.value(metric, Math.min(pane, Math.floor(at / view.widthMs) * view.widthMs));
  }

  private drawOffers(incident: Incident, now: number): void {
    const answers = this.app.feed.records.answers(this.id);
    // Shows the action that is in force, pending or held; otherwise the last one, with its outcome.
    const live = answers.filter((one) => one.state === "offered" || one.state === "taken" || isHeld(one));
    const items: (Action | null)[] = live.length > 0 ? live : [answers[0] ?? null];
    keyed(this.offers, items, (one) => one?.id ?? "none", (one) => (one ? this.makeOffer(one.id) : h("p", { class: "nothing" })), (element, one) => {
      if (one) this.updateOffer(element, one, now);
      else setText(element, this.app.steering.lost() ? "Steering does not answer: nothing is offered." : whyNothing(incident));
    });
  }

  private makeOffer(id: string): HTMLElement {
    const button = (what: "take" | "undo" | "dismiss", text: string, kind = ""): HTMLElement => {
      const element = h("button", { type: "button", "data-do": what, class: kind }, text);
      this.onPress(element, () => this.app.steering.act(id, what));
      return element;
    };
    const box = offerBox();
    const buttons = h("div", { class: "buttons" }, button("take", "Do it now", "act"), button("undo", "Undo"), button("dismiss", "Hold"), h("span", { class: "self" }));
    return h("div", { class: "answer" }, box, buttons);
  }

  private updateOffer(element: Element, action: Action, now: number): void {
    drawOffer(find(element, ".offer"), this.app, action);
    const offered = action.state === "offered";
    const lost = this.app.steering.lost();
    const show = (what: string, on: boolean): void => {
      setAttr(find(element, `[data-do=${what}]`), "hidden", !on);
      setAttr(find(element, `[data-do=${what}]`), "disabled", lost);
    };
    setText(find(element, "[data-do=take]"), isHeld(action) ? "Do it after all" : takeWord(action));
    show("take", offered || isHeld(action));
    show("dismiss", offered);
    show("undo", action.state === "taken" && action.undo !== null);
    setText(find(element, ".self"), inForce(action, now, lost));
  }
}
