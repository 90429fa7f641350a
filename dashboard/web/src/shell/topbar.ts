// The top bar answers "is it all right, and can I believe what I see?" on every page.

import type { App } from "../app";
import { NONE, clock, count, span } from "../metrics/format";
import { Alarm } from "./alarm";
import { ModeSwitch } from "./mode";
import { Who } from "./who";
import { find, h, setAttr, setText } from "../ui/dom";

/** Labels for narrow screens. */
const BRIEF: Readonly<Record<string, string>> = { freshness: "age" };

/** A delay from event to screen above this is coloured. */
const SLOW_MS = 5_000;

export class TopBar {
  readonly root: HTMLElement;
  private readonly mode: ModeSwitch;
  private readonly alarm: Alarm;
  private readonly who = new Who();

  constructor(private readonly app: App) {
    this.mode = new ModeSwitch(app);
    this.alarm = new Alarm(app);
    const lamp = h("span", { class: "lamp", "aria-hidden": "true" });
    // It may count seconds: it is spoken with another word, not by itself.
    const cause = h("span", { class: "cause", "aria-live": "off" });
    this.root = h(
      "header",
      { class: "topbar" },
      h("div", { class: "tally", "data-role": "tally", role: "status" }, lamp, h("strong", { class: "word" }), cause),
      h("span", { class: "stream" }),
      this.contentSelect(),
      this.alarm.root,
      h("span", { class: "spacer" }),
      fact("freshness", "event → screen", "Age of the newest event on this screen: from the player's report to these figures."),
      fact("lost", "lost beacons", "Beacons missing by sequence number: sent by players, never received."),
      fact("partitions", "partitions", "Partitions of the events log that report. A sum without all of them is partial."),
      this.mode.root,
      this.who.root,
      h("span", { class: "fact clock" }, h("time", { class: "mono", "data-role": "clock" }), " UTC"),
    );
  }

  private contentSelect(): HTMLElement {
    const select = h("select", { class: "content-select", "aria-label": "Content", hidden: true });
    select.addEventListener("change", () => this.app.selection.go({ content: select.value === "" ? null : select.value }));
    return select;
  }

  draw(): void {
    const { feed, tally, steering } = this.app;
    const stream = steering.stream();
    setText(find(this.root, ".stream"), `${stream[0]?.toUpperCase()}${stream.slice(1)} stream`);
    setAttr(find(this.root, ".stream"), "hidden", steering.media() === false);
    const status = feed.status;
    const lamp = find(this.root, "[data-role=tally]");
    setAttr(lamp, "data-state", tally.tally);
    setText(find(lamp, ".word"), tally.word);
    setText(find(lamp, ".cause"), tally.cause);
    setAttr(lamp, "title", tally.cause || "The programme is on air and watched.");
    const fresh = feed.freshness();
    this.fact("freshness", fresh === null ? NONE : span(fresh), !feed.connected() ? "3" : fresh !== null && fresh > SLOW_MS ? "1" : null);
    const lost = status?.lost_events ?? null;
    this.fact("lost", lost === null ? NONE : count(lost), null);
    const short = status !== null && status.reporting < status.partitions;
    this.fact("partitions", status ? `${status.reporting}/${status.partitions}` : NONE, short ? "3" : null);
    setText(find(this.root, "[data-role=clock]"), clock(feed.now()));
    this.drawContents();
    this.mode.draw();
    this.who.draw();
    this.alarm.draw();
  }

  private fact(role: string, text: string, level: string | null): void {
    const element = find(this.root, `[data-role=${role}]`);
    setText(element, text);
    setAttr(element, "data-level", level);
  }

  private drawContents(): void {
    const { feed, selection } = this.app;
    const chosen = selection.current.content;
    const names = feed.playback.contents();
    if (chosen !== null && !names.includes(chosen)) names.push(chosen);
    const select = find<HTMLSelectElement>(this.root, ".content-select");
    setAttr(select, "hidden", selection.current.page !== "room" || (names.length < 2 && chosen === null));
    const wanted = ["", ...names];
    if (wanted.join("\n") !== [...select.options].map((option) => option.value).join("\n")) {
      select.replaceChildren(...wanted.map((name) => h("option", { value: name }, name === "" ? `all ${names.length} contents` : name)));
    }
    if (select.value !== (chosen ?? "")) select.value = chosen ?? "";
  }
}

function fact(role: string, label: string, title: string): HTMLElement {
  return h("span", { class: `fact fact-${role}`, title }, h("span", { class: "label" }, label), h("span", { class: "label brief" }, BRIEF[role] ?? label), " ", h("b", { "data-role": role }, NONE));
}
