// Changes that this page observed since it was opened: the lamp, and metrics that became bad or
// recovered.

import type { App } from "../app";
import type { Level } from "../metrics/evaluate";
import type { Value } from "../metrics/reading";
import { LEVEL_WORDS } from "../ui/palette";

const KEPT = 40;
/** A metric at level watch flickers; the tiles show it, the log need not. */
const NEWS: Level = 2;

interface Note {
  id: number;
  at: number;
  level: Level;
  text: string;
}

/** Lives as long as the page, across visits to other pages. */
export class Changes {
  readonly list: Note[] = [];
  private readonly known = new Map<string, string>();

  private remember(at: number, key: string, state: string, level: Level, text: string): void {
    const before = this.known.get(key);
    if (before === state) return;
    this.known.set(key, state);
    // The state when the page opens is not a change.
    if (before === undefined) return;
    this.list.unshift({ id: (this.list[0]?.id ?? 0) + 1, at, level, text });
    this.list.length = Math.min(this.list.length, KEPT);
  }

  /** `values` are of all contents: choosing one on the page is not a change. */
  watch(app: App, values: readonly Value[]): void {
    const { feed, tally } = app;
    const now = feed.now();
    // Before the first answers we are blind only because nothing was fetched yet.
    if (feed.status && feed.seq > 0 && (app.segments.strip || app.segments.failedSince !== null || app.steering.media() === false)) {
      const level = ({ "blind": 2, "off-air": 3, "no-viewers": 1, "on-air": 0 } as const)[tally.tally];
      this.remember(now, "tally", tally.tally, level, `${tally.word.toLowerCase()}${tally.cause ? `: ${tally.cause}` : ", all parts report"}`);
    }
    for (const { metric, value, level, small } of values) {
      if (value === null) continue;
      const shown = level >= NEWS ? level : 0;
      // Too few viewers to judge are not a recovery; at first they are the normal state.
      if (!small || !this.known.has(metric.name)) this.remember(now, metric.name, String(shown), shown, `${metric.title.toLowerCase()} ${shown ? LEVEL_WORDS[shown] : "back to normal"}`);
    }
  }
}

export const changes = new Changes();
