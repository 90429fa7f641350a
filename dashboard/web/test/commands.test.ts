// Requests of an operator to steering, and the message when it is unknown whether one was carried
// out.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { App } from "../src/app";
import { failure } from "../src/control/api";
import { FeedState } from "../src/feed/state";
import { IncidentCard } from "../src/room/incident";
import { Log } from "../src/room/log";
import type { Changes } from "../src/room/changes";
import { Incidents } from "../src/room/incidents";
import { Herald } from "../src/shell/herald";
import { ModeSwitch } from "../src/shell/mode";
import { fake, newPage, settle } from "./dom";

const late = (): DOMException => new DOMException("signal timed out", "TimeoutError");
const UNSURE = /^No answer: look in the log whether it was \w+ before you do it again\.$/;

let page: ReturnType<typeof newPage>;
beforeEach(() => (page = newPage()));
afterEach(() => vi.unstubAllGlobals());

function app(steering: object = {}): App {
  const feed = new FeedState(() => 100_000);
  return { feed, steering: { lost: () => false, absent: false, why: "", status: { mode: "observe", feed: { connected: true } }, ...steering }, tally: { tally: "on-air", word: "ON AIR", cause: "" }, selection: { current: { page: "room", by: "edge", content: null } } } as unknown as App;
}

const incident = { id: "i1", opened_at: 90_000, symptom_at: 88_000, cause: "Edge e1 answers slowly", culprit: "edge", name: "e1", cohort: "viewers of edge e1", viewers: 61, severity: "broken", state: "open", updated_at: 90_000 } as never;

describe("a request without an answer", () => {
  it("is said to be unknown, what was refused is not done", () => {
    expect(failure(late())).toBe("No answer: look in the log whether it was done before you do it again.");
    // A broken connection, as fetch reports it.
    expect(failure(new TypeError("Failed to fetch"), "undone")).toMatch(UNSURE);
    expect(failure(new Error("the action is over"), "undone")).toBe("Not undone: the action is over");
  });
  it("is said so on the card, in the log and in the dialog of the mode", async () => {
    const one = app({ act: () => Promise.reject(late()), setMode: () => Promise.reject(late()), incident: () => Promise.reject(late()) });
    one.feed.records.putActions([{ id: "a1", at: 90_000, kind: "cap_ladder", title: "Keep 4 viewers on low rungs", undo: "one click", state: "taken", by: "Ada", updated_at: 90_000 } as never]);
    const log = new Log(one, { list: [] } as unknown as Changes, () => undefined);
    log.draw();
    fake(log.root).querySelector(".undo")?.click();
    const card = new IncidentCard(one, "i1", () => undefined);
    fake(card.root).querySelectorAll(".addnote button").at(-1)?.click();
    const mode = new ModeSwitch(one);
    mode.open();
    page.querySelector("[data-mode=act]")?.click();
    page.querySelector(".modes .act")?.click();
    await settle();
    for (const root of [fake(log.root), fake(card.root), page.body]) expect(root.querySelector(".problem")?.textContent).toMatch(UNSURE);
  });
});

describe("a note", () => {
  function written(incident: () => Promise<void>) {
    const sent = vi.fn(incident);
    const root = fake(new IncidentCard(app({ incident: sent }), "i1", () => undefined).root);
    const [form, input] = [root.querySelector("form"), root.querySelector("input")];
    if (!form || !input) throw new Error("the card has no note");
    input.value = " called the CDN ";
    form.fire("submit");
    return { root, form, input, sent };
  }
  it("stays written until it was taken, whatever goes wrong", async () => {
    for (const why of [new Error("you closed the question for your name"), late()]) {
      const { root, input } = written(() => Promise.reject(why));
      await settle();
      expect(input.value).toBe(" called the CDN ");
      expect(root.querySelector(".problem")?.textContent).toBe(failure(why));
    }
  });
  it("is sent once, and goes from the field when it was taken", async () => {
    const { form, input, sent } = written(() => settle());
    form.fire("submit");
    expect([sent.mock.calls, input.value]).toEqual([[["i1", "note", "called the CDN"]], " called the CDN "]);
    await settle();
    await settle();
    expect(input.value).toBe("");
  });
  it("does not take with it what was written meanwhile", async () => {
    const { input } = written(() => settle());
    input.value = "and another";
    await settle();
    await settle();
    expect(input.value).toBe("and another");
  });
});

describe("an incident", () => {
  it("is announced once, and another with the same words again", () => {
    const one = app();
    const herald = new Herald(one);
    const root = fake(herald.root);
    const written = vi.spyOn(root, "replaceChildren");
    const say = (...rows: object[]): string => {
      one.feed.records.putIncidents(rows as never);
      herald.draw();
      return root.textContent;
    };
    expect([root.getAttribute("role"), say()]).toEqual(["alert", ""]);
    expect(say(incident)).toBe("Edge e1 answers slowly");
    say({ ...(incident as object), viewers: 70, updated_at: 91_000 });
    // Another incident that is less bad announces nothing.
    say({ ...(incident as object), id: "i2", severity: "watch", cause: "Players on tv-x900 cannot switch bitrate" });
    expect(written).toHaveBeenCalledTimes(1);
    say({ ...(incident as object), state: "closed", updated_at: 95_000 }, { ...(incident as object), id: "i3", updated_at: 96_000 });
    expect([root.textContent, written.mock.calls.length]).toEqual(["Edge e1 answers slowly", 2]);
  });
  it("that has recovered colours its panel as it colours its card", () => {
    const one = app();
    const panel = new Incidents(one);
    const level = (): (string | null)[] => {
      panel.draw([], []);
      return [fake(panel.root), fake(panel.root).querySelector(".incident")].map((root) => root?.getAttribute("data-level") ?? null);
    };
    one.feed.records.putIncidents([incident]);
    expect(level()).toEqual(["3", "3"]);
    one.feed.records.putIncidents([{ ...(incident as object), well_since: 95_000, updated_at: 95_000 } as never]);
    expect(level()).toEqual(["1", "1"]);
  });
});
