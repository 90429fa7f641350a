// What steering and an operator do, for tests: incidents, actions, and a page that has them.

import type { App } from "../src/app";
import { FeedState } from "../src/feed/state";
import type { Changes } from "../src/room/changes";
import { Log } from "../src/room/log";

export const late = (): DOMException => new DOMException("signal timed out", "TimeoutError");
export const UNSURE = /^No answer: look in the log whether it was \w+ before you do it again\.$/;

export function app(steering: object = {}): App {
  const feed = new FeedState(() => 100_000);
  return { feed, steering: { lost: () => false, absent: false, why: "", status: { mode: "observe", feed: { connected: true } }, ...steering }, tally: { tally: "on-air", word: "ON AIR", cause: "" }, selection: { current: { page: "room", by: "edge", content: null } } } as unknown as App;
}

export const incident = { id: "i1", opened_at: 90_000, symptom_at: 88_000, cause: "Edge e1 answers slowly", culprit: "edge", name: "e1", cohort: "viewers of edge e1", viewers: 61, severity: "broken", state: "open", updated_at: 90_000 } as never;
export const other = (id: string, rest: object = {}): never => ({ ...(incident as object), id, ...rest }) as never;
export const action = (rest: object = {}): never => ({ id: "a1", incident: "i1", at: 90_000, kind: "shift_edge", title: "Move 61 of 61 viewers", forecast: "", undo: "one click", state: "offered", acts_at: 99_000, by: "steering", updated_at: 90_000, ...rest }) as never;
export const logOf = (one: App): Log => new Log(one, { list: [] } as unknown as Changes, () => undefined);
