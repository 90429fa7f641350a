// What is missing from the figures, and what changed while this page was open.

import type { App } from "../app";
import { NONE, bytes, clock, count } from "../metrics/format";
import type { Value } from "../metrics/reading";
import { h, keyed, setAttr, setText, find } from "../ui/dom";
import { LEVEL_SHAPES, LEVEL_WORDS } from "../ui/palette";

const KEPT = 40;

interface Note {
  id: number;
  at: number;
  level: number;
  text: string;
}

/** Notes live as long as the page, across visits to other pages. */
const notes: Note[] = [];
const known = new Map<string, string>();

function remember(at: number, key: string, state: string, level: number, text: string): void {
  const before = known.get(key);
  if (before === state) return;
  known.set(key, state);
  // What is normal when the page opens is no change.
  if (before === undefined && level === 0) return;
  notes.unshift({ id: (notes[0]?.id ?? 0) + 1, at, level, text });
  notes.length = Math.min(notes.length, KEPT);
}

export class Losses {
  private readonly facts = h("dl", { class: "facts" });
  private readonly log = h("ol", { class: "log" });
  readonly root = h("section", { class: "panel losses" }, h("header", {}, h("h2", {}, "Losses"), h("span", { class: "note" }, "what these figures lack")), this.facts, h("header", {}, h("h2", {}, "Changes"), h("span", { class: "note" }, "since this page opened · UTC")), this.log);

  constructor(private readonly app: App) {}

  draw(values: readonly Value[]): void {
    const { feed, tally } = this.app;
    const now = feed.now();
    // Before the first answers we are blind only because we have not looked yet.
    if (feed.status && (this.app.segments.strip || this.app.segments.failedSince !== null)) {
      const level = { "blind": 2, "off-air": 3, "no-viewers": 1, "on-air": 0 }[tally.tally];
      remember(now, "tally", tally.tally, level, `${tally.word.toLowerCase()}${tally.cause ? `: ${tally.cause}` : ", all parts report"}`);
    }
    for (const { metric, value, level } of values) {
      if (value !== null) remember(now, metric.name, String(level), level, `${metric.title.toLowerCase()} ${level ? LEVEL_WORDS[level] : "back to normal"}`);
    }
    this.drawFacts();
    keyed(this.log, notes, (note) => String(note.id), make, () => undefined);
  }

  private drawFacts(): void {
    const { status, missedDeltas } = this.app.feed;
    const rows: [string, string, boolean][] = [
      ["beacons missing by sequence", status ? count(status.lost_events) : NONE, (status?.lost_events ?? 0) > 0],
      ["log entries lost", status ? count(status.lost_entries) : NONE, (status?.lost_entries ?? 0) > 0],
      ["log entries dropped at the cap", status?.log?.dropped_entries === undefined || status.log.dropped_entries === null ? NONE : count(status.log.dropped_entries), false],
      ["log size", `${bytes(status?.log?.bytes)} of ${bytes(status?.log?.cap_bytes)}`, false],
      ["updates missed by this page", count(missedDeltas), missedDeltas > 0],
    ];
    keyed(this.facts, rows, ([name]) => name, ([name]) => h("div", {}, h("dt", {}, name), h("dd", {})), (row, [, value, bad]) => {
      setText(find(row, "dd"), value);
      setAttr(row, "data-level", bad ? "1" : null);
    });
  }
}

function make(note: Note): HTMLElement {
  return h("li", { "data-level": note.level ? String(note.level) : null }, h("time", { class: "mono" }, clock(note.at)), h("span", {}, h("span", { class: "shape" }, LEVEL_SHAPES[note.level as 0 | 1 | 2 | 3]), note.text));
}
