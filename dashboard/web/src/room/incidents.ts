// The open incidents, or why there is none. All is well is said only where it is known.

import type { App } from "../app";
import { levelOfIncident } from "../control/records";
import type { Incident } from "../control/types";
import type { Level } from "../metrics/evaluate";
import { span } from "../metrics/format";
import type { Value } from "../metrics/reading";
import { departingParts } from "../pipeline/departing";
import type { Tally } from "../stream/tally";
import { LEVEL_SHAPES } from "../ui/palette";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { calmWords, type Departing } from "./calm";
import { IncidentCard, hasDraft } from "./incident";

/** How prominently each state of the lamp is shown here. */
const SPOKEN: Readonly<Partial<Record<Tally, Level>>> = { blind: 2, "off-air": 3 };

export class Incidents {
  private readonly list = h("div", { class: "cards" });
  readonly root = h("section", { class: "panel incidents", "aria-label": "Incidents" }, h("header", {}, h("h2", {}, "Incidents"), h("span", { class: "note" })), h("p", { class: "calm", role: "status" }, h("span", { class: "shape" }), h("span", { class: "text" })), this.list);
  private readonly cards = new Map<string, IncidentCard>();
  /** The card that was opened by hand; otherwise the first. */
  private shown: string | null = null;

  constructor(private readonly app: App) {}

  /** `pictures` are those that the strip marks. */
  draw(values: readonly Value[], pictures: readonly Departing[]): void {
    const { records } = this.app.feed;
    const open = records.open();
    const now = this.app.feed.now();
    const last = records.lastClosed();
    const parts = open.length === 0 ? [...departingParts(this.app), ...pictures] : [];
    const none = last?.closed_at ? `none open · last one over ${span(now - last.closed_at)} ago` : "none open";
    setText(find(this.root, "h2"), open.length === 1 ? "Incident" : "Incidents");
    setText(find(this.root, ".note"), open.length > 0 ? `${open.length} open` : this.app.tally.tally === "blind" ? "not known" : none);
    const calm = find(this.root, ".calm");
    // Without steering no causes are looked for: a page without incidents does not mean calm then.
    const worst = parts.reduce<Level>((most, { level }) => (level > most ? level : most), this.app.steering.lost() ? 1 : 0);
    const bad = SPOKEN[this.app.tally.tally] ?? worst;
    setText(find(calm, ".shape"), LEVEL_SHAPES[bad]);
    setText(find(calm, ".text"), this.say(open.length, () => calmWords(values, parts, last, now)));
    setAttr(calm, "data-level", bad ? String(bad) : null);
    const listed = this.listed(open);
    const writing = listed.find(({ id }) => this.cards.get(id)?.isAtNote());
    const shown = writing?.id ?? (listed.some((one) => one.id === this.shown) ? this.shown : (listed[0]?.id ?? null));
    keyed(this.list, listed, (one) => one.id, (one) => this.make(one.id), (_, one) => this.cards.get(one.id)?.draw(one, one.id === shown));
    for (const id of [...this.cards.keys()]) if (!listed.some((one) => one.id === id)) this.cards.delete(id);
    setAttr(this.root, "data-level", open[0] ? String(levelOfIncident(open[0])) : bad ? String(bad) : null);
  }

  /**
   * What has a card: open incidents, and those that ended while a note on them is being written.
   * The field must not go from under a hand: its next letters would be commands.
   */
  private listed(open: readonly Incident[]): Incident[] {
    const written = this.app.feed.records.allIncidents().filter(({ id, state }) => state === "closed" && (hasDraft(id) || this.cards.get(id)?.isAtNote()));
    return [...open, ...written];
  }

  private make(id: string): HTMLElement {
    const card = new IncidentCard(this.app, id, () => {
      this.shown = id;
    });
    this.cards.set(id, card);
    return card.root;
  }

  /** Says what is known, and never calls blindness calm. */
  private say(open: number, calm: () => string): string {
    const { tally, steering } = this.app;
    if (tally.tally === "blind") return `Blind: ${tally.cause}. What is shown may be old or incomplete.`;
    if (tally.tally === "off-air") return `Off the air: ${tally.cause}. Players that join now see no programme.`;
    if (steering.lost()) return `Steering does not answer${steering.absent ? "" : ` (${steering.why})`}: no causes are looked for, and no action will be taken automatically.`;
    if (open > 0) return "";
    if (steering.status && !steering.status.feed.connected) return "Steering has lost its feed: it keeps its last decision and judges by its prober alone.";
    if (tally.tally === "no-viewers" && departingParts(this.app).length === 0) return "All parts report and the programme is on the air. Nobody watches.";
    return calm();
  }
}
