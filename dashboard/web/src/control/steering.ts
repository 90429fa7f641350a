// What steering knows and proposes, fetched each second: health and load of edges and pipelines,
// the mode, and its incidents and actions.

import { keep, kept } from "../ui/kept";
import { Absent, ask, reason, tell } from "./api";
import { acting, operator } from "./operator";
import type { Records } from "./records";
import type { Action, Mode, SteeringStatus } from "./types";

const EVERY_MS = 1_000;
/** The stream of the demo, until steering has named its own. */
const STREAM = "demo";
/** A second or two without an answer is a hiccup. */
const LOST_MS = 4_000;
const MEDIA_KEY = "tallylight-media";

export class Steering {
  status: SteeringStatus | null = null;
  /** Since when it does not answer; null while it does. */
  failedSince: number | null = null;
  /** Since when it answers again after it did not. */
  answersSince = -Infinity;
  why = "";
  /** Whether this server has no steering at all. */
  absent = false;
  private busy = false;
  private started = false;
  /** What it last said of media to this browser: `ours` or `elsewhere`; null if nothing yet. */
  private before = kept(MEDIA_KEY);

  constructor(
    private readonly records: Records,
    private readonly changed: () => void,
  ) {}

  /** Starts polling; calling it again changes nothing. */
  start(): void {
    if (this.started) return;
    this.started = true;
    setInterval(() => void this.poll(), EVERY_MS);
    void this.poll();
  }

  /**
   * Whether there is media of ours to show: null until steering has said so. If it does not answer,
   * it is as it was last; where it never did, pages try to show media.
   */
  media(): boolean | null {
    if (this.status) return this.status.streams.length > 0;
    return this.failedSince === null ? null : this.before !== "elsewhere";
  }

  /** The stream that the pages show: the first whose media is ours. */
  stream(): string {
    return this.status?.streams[0] ?? STREAM;
  }

  /** The stream for which sessions are opened where the media is not ours. */
  sessionsOf(): string {
    return this.status?.sessions_of?.[0] ?? this.stream();
  }

  /** Whether the shown state is old. */
  lost(): boolean {
    return this.failedSince !== null && Date.now() - this.failedSince > LOST_MS;
  }

  edge(name: string): SteeringStatus["edges"][number] | null {
    return this.lost() ? null : (this.status?.edges.find((one) => one.name === name) ?? null);
  }

  pipeline(name: string): SteeringStatus["pipelines"][number] | null {
    return this.lost() ? null : (this.status?.pipelines.find((one) => one.name === name) ?? null);
  }

  async poll(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      this.take((await ask("/v1/steering")) as SteeringStatus);
      this.absent = false;
    } catch (error) {
      this.absent = error instanceof Absent;
      this.why = reason(error);
      this.failedSince ??= Date.now();
    } finally {
      this.busy = false;
    }
    this.changed();
  }

  private take(status: SteeringStatus): void {
    this.status = status;
    if (this.failedSince !== null) this.answersSince = Date.now();
    this.failedSince = null;
    this.remember(status.streams.length > 0 ? "ours" : "elsewhere");
    this.records.putIncidents(status.incidents);
    this.records.putActions(status.actions);
  }

  private remember(media: string): void {
    if (media === this.before) return;
    this.before = media;
    keep(MEDIA_KEY, media);
  }

  /** Takes, undoes or turns down an action. */
  async act(id: string, what: "take" | "undo" | "dismiss"): Promise<void> {
    const row = await tell(`/v1/actions/${encodeURIComponent(id)}`, { do: what, by: await acting() });
    // An answer to a poll that was under way may be older.
    this.records.putActions([row as Action]);
    await this.poll();
  }

  async incident(id: string, what: "acknowledge" | "note" | "close", note?: string): Promise<void> {
    await tell(`/v1/incidents/${encodeURIComponent(id)}`, { do: what, by: await acting(), ...(note === undefined ? {} : { note }) });
    await this.poll();
  }

  async setMode(mode: Mode): Promise<void> {
    await tell("/v1/steering", { mode, by: await acting() });
    await this.poll();
  }

  /** A manual action, or with `preview` only its forecast. */
  async manual(request: Pick<Action, "kind" | "target" | "to" | "share">, preview: boolean): Promise<Action> {
    const { kind, target, to, share } = request;
    const row = await tell("/v1/actions", { kind, target, share, by: preview ? operator() : await acting(), ...(to === null ? {} : { to }), ...(preview ? { preview } : {}) });
    if (!preview) await this.poll();
    return row as Action;
  }
}

