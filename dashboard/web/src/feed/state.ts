// All data from the feed, and how much of it can be trusted right now.

import { Records } from "../control/records";
import { DeliveryStore, FateStore } from "./delivery";
import { PlaybackStore } from "./playback";
import type { Message, Metric, Status } from "./types";

/** Without a status for this long we report that we are blind. */
export const BLIND_AFTER_MS = 3_000;

export class FeedState {
  readonly playback = new PlaybackStore();
  readonly delivery = new DeliveryStore();
  readonly fates = new FateStore();
  /** Incidents and actions. A new server session sends all it has: its data may have been reset. */
  readonly records = new Records();
  metrics: readonly Metric[] = [];
  minimumSample = 20;
  session: string | null = null;
  seq = 0;
  status: Status | null = null;
  /** When the newest status arrived, by our own clock. */
  statusAt = -Infinity;
  /** When the newest status arrived that followed a silence. */
  private heardFrom = -Infinity;
  /** Deltas that were lost between server and page. */
  missedDeltas = 0;
  /**
   * Log time since which we would know of every pane: after it a pane without a row means no
   * viewers, before it that we do not know.
   */
  coveredFrom: number | null = null;
  private clockOffset = 0;

  constructor(private readonly clock: () => number = Date.now) {}

  apply(message: Message): void {
    if (message.type === "hello") {
      // Another server session numbers its deltas afresh. After a long gap the same session sends
      // its data again, which may be less than was missed: what lies between is unknown, not zero.
      if (!message.resumed || message.session !== this.session) this.reset(message.session);
      this.metrics = message.metrics;
      this.minimumSample = message.minimum_sample;
      this.playback.declare(message.cuboids);
      this.clockOffset = message.now - this.clock();
      return;
    }
    if (message.type === "rows") {
      if (!message.snapshot && this.seq > 0 && message.seq > this.seq + 1) this.missedDeltas += message.seq - this.seq - 1;
      this.seq = Math.max(this.seq, message.seq);
      for (const row of message.playback ?? []) this.playback.put(row);
      for (const row of message.delivery ?? []) this.delivery.put(row);
      for (const row of message.fates ?? []) this.fates.put(row);
      this.records.putIncidents(message.incidents);
      this.records.putActions(message.actions);
      // A snapshot in parts has its sequence number in the last part.
      if (message.snapshot && message.seq > 0) this.records.end();
      return;
    }
    // A newer server may send further types (docs/feed.md).
    if (message.type !== "status") return;
    this.status = message;
    if (!this.connected()) this.heardFrom = this.clock();
    this.statusAt = this.clock();
    this.clockOffset = message.at - this.statusAt;
    if (message.reporting < message.partitions) this.coveredFrom = null;
    else this.coveredFrom ??= message.log_time;
    this.playback.prune();
    this.delivery.prune();
    this.fates.prune();
  }

  private reset(session: string): void {
    // Before the first session they can only be steering's own answer, which is current.
    if (this.session !== null && this.session !== session) this.records.begin();
    this.session = session;
    this.seq = 0;
    this.missedDeltas = 0;
    this.coveredFrom = null;
    this.playback.clear();
    this.delivery.clear();
    this.fates.clear();
  }

  /** Now by the server's clock, Unix ms. */
  now(): number {
    return this.clock() + this.clockOffset;
  }

  /** Time since the newest status, ms. */
  silence(): number {
    return this.clock() - this.statusAt;
  }

  connected(): boolean {
    return this.silence() < BLIND_AFTER_MS;
  }

  /** For how long there was no silence, ms: over a longer time our own network may be at fault. */
  heardFor(): number {
    return this.clock() - this.heardFrom;
  }

  /** Panes for which we know for sure whether there were viewers. */
  covered(): readonly [number, number] | null {
    const to = this.status?.log_time ?? null;
    return this.coveredFrom !== null && to !== null && this.connected() ? [this.coveredFrom, to] : null;
  }

  /** Event to screen, ms; grows by itself while nothing arrives. */
  freshness(): number | null {
    if (!this.status) return null;
    const silence = this.silence();
    const reported = this.status.freshness_ms;
    if (reported === null) return silence > 1_500 ? silence : null;
    return reported + (silence > 1_500 ? silence : 0);
  }
}
