// Connections that are open and dead: the feed's socket, and the tail of a session.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FeedClient } from "../src/feed/client";
import { BLIND_AFTER_MS, FeedState } from "../src/feed/state";
import { DEAD_MS, LiveRecords, lines } from "../src/sessions/records";
import { fake, newPage } from "./dom";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("location", new URL("http://127.0.0.1:7700/"));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the feed's socket", () => {
  /** A socket that is closed without reporting it, as on a dead connection. */
  class Socket {
    static readonly made: Socket[] = [];
    onmessage: (event: { data: string }) => void = () => undefined;
    onclose: () => void = () => undefined;
    readonly close = vi.fn();
    constructor(readonly url: URL) {
      Socket.made.push(this);
    }
  }
  const status = (): { data: string } => ({ data: JSON.stringify({ type: "status", at: Date.now(), partitions: 1, reporting: 1, log_time: Date.now() }) });

  it("is abandoned when it sends nothing, and another is opened at once", () => {
    Socket.made.length = 0;
    vi.stubGlobal("WebSocket", Socket);
    const state = new FeedState();
    new FeedClient(state, () => undefined).start();
    const [first] = Socket.made;
    first?.onmessage(status());
    vi.advanceTimersByTime(3 * BLIND_AFTER_MS);
    expect([Socket.made.length, first?.close.mock.calls.length]).toEqual([1, 0]);
    vi.advanceTimersByTime(1_300);
    expect([Socket.made.length, first?.close.mock.calls.length]).toEqual([2, 1]);
    // Whatever the old one delivers or does now is ignored.
    const heard = state.statusAt;
    first?.onmessage(status());
    first?.onclose();
    vi.advanceTimersByTime(5_000);
    expect([Socket.made.length, state.statusAt]).toEqual([2, heard]);
    Socket.made[1]?.onmessage(status());
    expect([state.connected(), state.statusAt > heard]).toEqual([true, true]);
    // One that ends by itself is replaced, too.
    Socket.made[1]?.onclose();
    vi.advanceTimersByTime(300);
    expect(Socket.made).toHaveLength(3);
  });
  it("is heard while its snapshot still comes, and left when that stops", () => {
    Socket.made.length = 0;
    vi.stubGlobal("WebSocket", Socket);
    new FeedClient(new FeedState(), () => undefined).start();
    const [first] = Socket.made;
    const say = (message: object): unknown => first?.onmessage({ data: JSON.stringify(message) });
    say({ type: "hello", session: "s", resumed: false, now: Date.now(), metrics: [], minimum_sample: 20, cuboids: [] });
    first?.onmessage(status());
    for (let part = 0; part < 6; part += 1) {
      vi.advanceTimersByTime(5_000);
      say({ type: "rows", snapshot: true, more: true, seq: 0, at: Date.now() });
    }
    expect([Socket.made.length, first?.close.mock.calls.length]).toEqual([1, 0]);
    vi.advanceTimersByTime(3 * BLIND_AFTER_MS);
    expect(first?.close.mock.calls.length).toBe(0);
    vi.advanceTimersByTime(1_300);
    expect([Socket.made.length, first?.close.mock.calls.length]).toEqual([2, 1]);
  });
});

describe("a tail", () => {
  it("is abandoned when it sends nothing, not while it sends beats", async () => {
    let body: ReadableStreamDefaultController<Uint8Array> | null = null;
    vi.stubGlobal("fetch", async (_: string, { signal }: { signal: AbortSignal }) => {
      const stream = new ReadableStream<Uint8Array>({ start: (controller) => void (body = controller) });
      signal.addEventListener("abort", () => body?.error(signal.reason));
      return new Response(stream);
    });
    const say = (text: string): void => body?.enqueue(new TextEncoder().encode(text));
    const tail = lines("a1", null, new AbortController().signal);
    const first = tail.next();
    await vi.advanceTimersByTimeAsync(DEAD_MS - 1);
    say("\n");
    await vi.advanceTimersByTimeAsync(DEAD_MS - 1);
    say('{"e":"ps"}\n');
    expect((await first).value).toEqual({ e: "ps" });
    const second = expect(tail.next()).rejects.toThrow("nothing came for 45 s");
    await vi.advanceTimersByTimeAsync(DEAD_MS);
    await second;
    expect(vi.getTimerCount()).toBe(0);
  });
  it("that broke off goes on from its last word, and shows nothing twice", async () => {
    newPage();
    const asked: (string | null)[] = [];
    vi.stubGlobal("fetch", async (url: string) => {
      asked.push(new URL(url, "http://a").searchParams.get("from"));
      const more = asked.length > 1 ? '{"e":"t","sn":2}\n{"tail":{"end":true,"next":9}}\n' : "";
      return new Response(`{"tail":{"from":7,"next":7}}\n{"e":"ps","sn":1}\n${more}`);
    });
    const records = new LiveRecords("a1");
    const root = fake(records.root);
    root.showModal();
    root.fire("toggle");
    await vi.advanceTimersByTimeAsync(4_500);
    records.close();
    expect(asked).toEqual([null, "7", "9"]);
    const shown = root.querySelectorAll("tbody tr").map((row) => row.textContent);
    // The third answer begins with a record that differs there.
    expect(shown).toEqual(["tsn 2", "pssn 1", "tsn 2", "pssn 1"]);
  });
});
