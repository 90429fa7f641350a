// One reading of the feed: which pane is "now", and each metric's value there.

import type { FeedState } from "../feed/state";
import type { Metric } from "../feed/types";
import { isSmall, levelOf, type Level, type Sums } from "./evaluate";
import { View } from "./view";

/** Panes that arrive this much later than others are not waited for. */
const PATIENCE_MS = 3_000;
const FIVE_MINUTES = 300_000;

export interface Value {
  metric: Metric;
  value: number | null;
  /** The value five minutes earlier. */
  before: number | null;
  /** Sums behind the value; null without any row. */
  sums: Sums | null;
  /** Too few samples to judge. */
  small: boolean;
  level: Level;
}

export class Reading {
  readonly view: View | null;
  /** The newest pane that is shown; null before any data. */
  readonly pane: number | null;
  /** Whether partitions are missing in that pane. */
  readonly partial: boolean;

  constructor(
    private readonly feed: FeedState,
    content: string | null,
  ) {
    this.view = View.of(feed.playback, null, content);
    const { pane, partial } = this.view ? newestPane(this.view, feed) : { pane: null, partial: false };
    this.pane = pane;
    this.partial = partial;
  }

  viewers(): number | null {
    const metric = this.feed.metrics.find((one) => one.name === "viewers");
    return metric && this.view && this.pane !== null ? this.view.value(metric, this.pane) : null;
  }

  value(metric: Metric): Value {
    const { view, pane } = this;
    if (!view || pane === null) return { metric, value: null, before: null, sums: null, small: false, level: 0 };
    const value = view.value(metric, pane);
    const sums = view.sums(pane, view.windowPanes(metric));
    const viewers = view.sums(pane, 1)?.get("viewers") ?? 0;
    const small = sums !== null && isSmall(metric, sums, viewers, this.feed.minimumSample);
    return {
      metric,
      value,
      before: view.value(metric, pane - FIVE_MINUTES),
      sums,
      small,
      // Too few samples are not a reason for an alarm.
      level: small ? 0 : levelOf(metric, value, sums),
    };
  }
}

/**
 * The newest complete pane; without complete panes, the newest partial one, marked. When no pane
 * comes although the log moves on, there are no viewers: then it is the log's own pane.
 */
export function newestPane(view: View, feed: FeedState): { pane: number | null; partial: boolean } {
  view.covered = feed.covered();
  const now = feed.now();
  const any = view.newest(now, false);
  const whole = view.newest(now, true);
  const partial = any !== null && (whole === null || any - whole > PATIENCE_MS + view.widthMs);
  const pane = partial ? any : (whole ?? any);
  if (view.covered) {
    const logPane = (Math.floor(view.covered[1] / view.widthMs) - 1) * view.widthMs;
    if (pane === null || logPane - pane > PATIENCE_MS + 2 * view.widthMs) return { pane: logPane, partial: false };
  }
  return { pane, partial };
}
