// What the lamp says is decided apart from drawing: browsers draw no hidden tab, and its title must
// not say ON AIR through an incident.

import type { App } from "../app";
import { Reading } from "../metrics/reading";
import { evidence, tallyOf } from "../stream/tally";

const SCHEDULE_EVERY_MS = 2_000;
/** Missing beacons are noticed only half a minute after the last one, ms. */
const UNNOTICED_MS = 30_000;

/** Decides the lamp's state, and writes it into the tab's title. */
export function decide(app: App): void {
  const { feed, segments, steering } = app;
  if (steering.media()) segments.keep(SCHEDULE_EVERY_MS);
  const { tally: before } = app.tally;
  // The lamp is about the whole stream, whatever content is selected.
  app.tally = tallyOf(evidence(feed, segments, new Reading(feed, null).viewers(), steering.media(), steering));
  // A computer that slept notices late: what counts is when the feed was last heard.
  if (before !== "blind" && app.tally.tally === "blind") app.blindFrom = feed.now() - feed.silence() - UNNOTICED_MS;
  const open = feed.records.open().length;
  document.title = `${open > 0 ? `(${open}) ` : ""}${app.tally.word} · Tallylight`;
}

/** Makes what is called when something changed, and each second: it asks for a drawing. */
export function changing(app: App, request: () => void): () => void {
  return () => {
    // In a tab that is seen, each drawing decides first.
    if (document.hidden) decide(app);
    request();
  };
}
