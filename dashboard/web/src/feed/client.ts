// One WebSocket. After a drop it reconnects by itself, with growing and random delays, and asks
// only for what changed since.

import type { FeedState } from "./state";
import { BLIND_AFTER_MS } from "./state";
import type { Message } from "./types";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
/** How much history the first snapshot asks for: what the charts grow to. */
const SINCE_S = 1_800;

/** Wait before attempt number `attempt` (from 0): doubling, capped, between half and whole. */
export function backoff(attempt: number, random: number): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 16));
  return full * (0.5 + 0.5 * random);
}

export class FeedClient {
  private socket: WebSocket | null = null;
  private attempt = 0;
  /** When anything arrived on this connection, or it was opened. */
  private heardAt = 0;

  constructor(
    private readonly state: FeedState,
    private readonly changed: () => void,
  ) {}

  start(): void {
    this.connect();
    setInterval(() => this.watchdog(), 1_000);
  }

  private connect(): void {
    const url = new URL("/v1/feed", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("since_s", String(SINCE_S));
    if (this.state.session !== null) {
      url.searchParams.set("resume", String(this.state.seq));
      // The number is valid in this server session only.
      url.searchParams.set("session", this.state.session);
    }
    const socket = new WebSocket(url);
    this.socket = socket;
    this.heardAt = Date.now();
    // An abandoned connection may still deliver messages, which are ignored.
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (this.socket === socket) this.receive(event.data);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.again();
      this.changed();
    };
  }

  private again(): void {
    this.socket = null;
    setTimeout(() => this.connect(), backoff(this.attempt, Math.random()));
    this.attempt += 1;
  }

  private receive(data: unknown): void {
    this.heardAt = Date.now();
    if (typeof data !== "string") return;
    const message = JSON.parse(data) as Message;
    this.state.apply(message);
    // Only a status proves that the server has recovered; an open socket does not.
    if (message.type === "status") this.attempt = 0;
    this.changed();
  }

  /**
   * A connection can be open and dead; a server that sends nothing is abandoned. During a long
   * snapshot no status comes, but its messages count as well. The close is not awaited: on a dead
   * connection the browser takes up to a minute for it.
   */
  private watchdog(): void {
    if (this.socket && Date.now() - this.heardAt > 3 * BLIND_AFTER_MS) {
      const left = this.socket;
      this.again();
      left.close();
    }
    this.changed();
  }
}
