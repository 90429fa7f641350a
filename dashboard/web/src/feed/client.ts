// One WebSocket. After a drop it comes back by itself, later each time and never in step
// with other pages, and asks only for what changed since.

import type { FeedState } from "./state";
import { BLIND_AFTER_MS } from "./state";
import type { Message } from "./types";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
/** How much history the first snapshot is asked for: what the charts grow to. */
const SINCE_S = 1_800;

/** Wait before try number `attempt` (from 0): doubling, capped, between half and whole. */
export function backoff(attempt: number, random: number): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 16));
  return full * (0.5 + 0.5 * random);
}

export class FeedClient {
  private socket: WebSocket | null = null;
  private attempt = 0;
  /** When anything came on this line, or it was opened. */
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
      // The number means something in this server session only.
      url.searchParams.set("session", this.state.session);
    }
    const socket = new WebSocket(url);
    this.socket = socket;
    this.heardAt = Date.now();
    // One that was left may still speak, and says nothing that counts.
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
    // Only a status proves that the server is well again, not an open socket.
    if (message.type === "status") this.attempt = 0;
    this.changed();
  }

  /** A connection can be open and dead; a server that says nothing is left. One that still sends a long
   *  snapshot says no status meanwhile, and is heard all the same. Nobody waits for it to close: on a
   *  dead line the browser does so for up to a minute. */
  private watchdog(): void {
    if (this.socket && Date.now() - this.heardAt > 3 * BLIND_AFTER_MS) {
      const left = this.socket;
      this.again();
      left.close();
    }
    this.changed();
  }
}
