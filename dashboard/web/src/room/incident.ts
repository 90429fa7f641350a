// One incident as a card that reads like a sentence: what, since when, for whom, the evidence, the
// cause; then the possible action, and the buttons.

import type { App } from "../app";
import { failure } from "../control/api";
import { drawOffer, offerBox } from "../control/offer";
import { levelOfIncident } from "../control/records";
import type { Action, Incident } from "../control/types";
import { causeWords, inForce, isHeld, seenFirst, standing, takeWord, whyNothing } from "../control/words";
import { clock, count } from "../metrics/format";
import { Reading } from "../metrics/reading";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES, LEVEL_WORDS } from "../ui/palette";

export class IncidentCard {
  readonly root: HTMLElement;
  private readonly facts = h("dl", { class: "pairs" });
  private readonly offers = h("div", { class: "offers" });
  private readonly notes = h("ol", { class: "notes" });
  private readonly own = h("button", { type: "button" }, "Own it");
  private readonly close = h("button", { type: "button", title: "Says that it is over. It opens again if it is not." }, "Close");
  private readonly note = h("input", { type: "text", maxlength: "500", placeholder: "Add a note", "aria-label": "Add a note" });
  private readonly problem = h("p", { class: "problem", role: "alert" });

  constructor(
    private readonly app: App,
    private readonly id: string,
    show: () => void,
  ) {
    const title = h("button", { type: "button", class: "title" }, h("span", { class: "shape" }), h("b", {}), h("span", { class: "standing" }));
    title.addEventListener("click", show);
    this.own.addEventListener("click", () => void this.run(() => app.steering.incident(id, "acknowledge")));
    this.close.addEventListener("click", () => void this.run(() => app.steering.incident(id, "close")));
    const form = h("form", { class: "addnote" }, this.note, this.own, this.close);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    this.root = h("article", { class: "incident" }, title, h("div", { class: "body" }, this.facts, this.offers, this.notes, form, this.problem));
  }

  /** Performs what a button asks; errors are shown here. */
  private async run(what: () => Promise<void>): Promise<boolean> {
    setAttr(this.root, "data-busy", true);
    try {
      await what();
      setText(this.problem, "");
      return true;
    } catch (error) {
      setText(this.problem, failure(error));
      return false;
    } finally {
      setAttr(this.root, "data-busy", null);
    }
  }

  /** Sends the note. The text stays until it is known to be accepted. */
  private async send(): Promise<void> {
    const written = this.note.value;
    const text = written.trim();
    if (text === "" || this.root.hasAttribute("data-busy")) return;
    const taken = await this.run(() => this.app.steering.incident(this.id, "note", text));
    if (taken && this.note.value === written) this.note.value = "";
  }

  draw(incident: Incident, shown: boolean): void {
    const level = levelOfIncident(incident);
    const now = this.app.feed.now();
    setAttr(this.root, "data-level", String(level));
    setAttr(this.root, "data-folded", !shown);
    setAttr(find(this.root, ".title"), "aria-expanded", String(shown));
    setText(find(this.root, ".shape"), LEVEL_SHAPES[level]);
    setAttr(find(this.root, ".shape"), "title", LEVEL_WORDS[level]);
    setText(find(this.root, "b"), incident.cause);
    setText(find(this.root, ".standing"), standing(incident, now));
    if (!shown) return;
    keyed(this.facts, this.rows(incident), (row) => row.name, (row) => h("div", {}, h("dt", {}, row.name), h("dd", {})), (element, row) => {
      setText(find(element, "dd"), row.value);
      setAttr(element, "data-bad", row.bad);
    });
    this.drawOffers(incident, now);
    const notes = incident.notes ?? [];
    keyed(this.notes, notes, (one) => `${one.at} ${one.by}`, (one) => h("li", {}, h("time", { class: "mono" }, clock(one.at)), h("span", {}, h("b", {}, one.by), ` ${one.text}`)), () => undefined);
    setAttr(this.own, "hidden", incident.owner !== null);
  }

  private rows(incident: Incident): { name: string; value: string; bad: boolean }[] {
    const all = new Reading(this.app.feed, null).viewers();
    const share = all !== null && all > 0 ? ` (${Math.min(100, Math.round((100 * incident.viewers) / all))} %)` : "";
    return [
      { name: "Seen first", value: seenFirst(incident), bad: false },
      { name: "Affected", value: incident.viewers > 0 ? `${count(incident.viewers)}${share} ${incident.cohort}` : incident.cohort, bad: false },
      ...incident.evidence.map(({ what, value, was, bad }) => ({ name: what, value: was === undefined ? value : `${value}, was ${was}`, bad: bad === true })),
      { name: "Cause, by rule", value: causeWords(incident), bad: false },
    ];
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
      element.addEventListener("click", () => void this.run(() => this.app.steering.act(id, what)));
      return element;
    };
    const box = offerBox();
    const buttons = h("div", { class: "buttons" }, button("take", "Do it now", "act"), button("undo", "Undo"), button("dismiss", "Hold"), h("span", { class: "self" }));
    return h("div", { class: "answer" }, box, buttons);
  }

  private updateOffer(element: Element, action: Action, now: number): void {
    drawOffer(find(element, ".offer"), this.app, action);
    const offered = action.state === "offered";
    const show = (what: string, on: boolean): void => setAttr(find(element, `[data-do=${what}]`), "hidden", !on);
    setText(find(element, "[data-do=take]"), isHeld(action) ? "Do it after all" : takeWord(action));
    show("take", offered || isHeld(action));
    show("dismiss", offered);
    show("undo", action.state === "taken" && action.undo !== null);
    setText(find(element, ".self"), inForce(action, now));
  }
}
