// The last box of the topology: the viewers, as their players report them.

import type { App } from "../app";
import type { Level } from "../metrics/evaluate";
import { NONE, count, text } from "../metrics/format";
import { Reading } from "../metrics/reading";
import { View } from "../metrics/view";
import type { Box } from "./figures";

const SILENT_MS = 5_000;
const SHOWN: readonly (readonly [metric: string, name: string])[] = [
  ["live_latency_p50_ms", "latency p50"],
  ["startup_p95_ms", "startup p95"],
  ["rebuffer_ratio_pct", "rebuffer ratio"],
];

export function viewersBox(app: App): Box {
  const { feed } = app;
  const reading = new Reading(feed, null);
  const watching = reading.viewers();
  const values = SHOWN.flatMap(([metric, name]) => {
    const found = feed.metrics.find((one) => one.name === metric);
    return found ? [{ name, read: reading.value(found) }] : [];
  });
  const level = values.reduce<Level>((worst, { read }) => (read.level > worst ? read.level : worst), 0);
  const fresh = feed.freshness();
  const blind = !feed.connected() || (fresh !== null && fresh > SILENT_MS) || app.tally.tally === "blind";
  return {
    id: "viewers", title: "Viewers", age: fresh, blind,
    level: blind ? 2 : level,
    word: blind ? "blind" : level > 0 ? (values.find(({ read }) => read.level === level)?.name ?? "") : watching === 0 ? "no viewers" : "",
    rows: [
      { name: "watching", value: watching === null ? NONE : count(watching) },
      { name: "playing / stalled", value: playing(app, reading) },
      ...values.map(({ name, read }) => ({ name, value: read.small && read.metric.unit === "%" ? "too few" : text(read.metric, read.value), level: read.level })),
    ],
  };
}

/** Viewers by their state in the newest second, from the time spent in each. */
function playing(app: App, reading: Reading): string {
  const { pane, view } = reading;
  const sums = view && pane !== null ? view.sums(pane, 1) : null;
  if (!view || !sums) return app.tally.tally === "no-viewers" ? "0 / 0" : NONE;
  const seconds = view.widthMs / 1000;
  return `${count(sums.get("playing_ms") / 1000 / seconds)} / ${count(sums.get("rebuffering_ms") / 1000 / seconds)}`;
}

/** Each edge's share of viewers as their players report it; of requests where no players report. */
export function edgeShares(app: App, requests: ReadonlyMap<string, number>): { of: "viewers" | "requests"; shares: Map<string, number> } {
  const view = View.of(app.feed.playback, "edge", null);
  const pane = new Reading(app.feed, null).pane;
  const groups = view && pane !== null ? view.groups(pane, 1) : new Map<string, never>();
  const viewers = new Map([...requests.keys()].map((edge) => [edge, groups.get(edge)?.get("viewers") ?? 0]));
  const total = [...viewers.values()].reduce((sum, one) => sum + one, 0);
  const weights: ReadonlyMap<string, number> = total > 0 ? viewers : requests;
  const all = [...weights.values()].reduce((sum, one) => sum + one, 0);
  return { of: total > 0 ? "viewers" : "requests", shares: new Map([...weights].map(([edge, one]) => [edge, all > 0 ? one / all : 0])) };
}
