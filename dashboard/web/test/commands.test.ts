// Requests of an operator to steering, and the message when it is unknown whether one was carried
// out.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { App } from "../src/app";
import { failure } from "../src/control/api";
import { Records } from "../src/control/records";
import { Steering } from "../src/control/steering";
import { NO_ANSWER } from "../src/control/words";
import { IncidentCard } from "../src/room/incident";
import { Incidents } from "../src/room/incidents";
import { Alarm } from "../src/shell/alarm";
import { Herald } from "../src/shell/herald";
import { ModeSwitch } from "../src/shell/mode";
import { keyed, moveInto } from "../src/ui/dom";
import { UNSURE, action, app, incident, late, logOf, other } from "./control";
import { fake, newPage, settle, type FakeElement } from "./dom";
import { VIEWERS } from "./metrics";

let page: ReturnType<typeof newPage>;
beforeEach(() => (page = newPage()));
afterEach(() => vi.unstubAllGlobals());

describe("a request without an answer", () => {
  it("is said to be unknown, what was refused is not done", () => {
    expect(failure(late())).toBe("No answer: look in the log whether it was done before you do it again.");
    // A broken connection, as fetch reports it.
    expect(failure(new TypeError("Failed to fetch"), "undone")).toMatch(UNSURE);
    expect(failure(new Error("the action is over"), "undone")).toBe("Not undone: the action is over");
  });
  it("is said so on the card, in the log and in the dialog of the mode", async () => {
    const one = app({ act: () => Promise.reject(late()), setMode: () => Promise.reject(late()), incident: () => Promise.reject(late()) });
    one.feed.records.putActions([action({ state: "taken", by: "Ada" })]);
    const log = logOf(one);
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

describe("a note that is being written", () => {
  /** The panel of incidents, drawn with new records: its cards. */
  function room(steering: object = {}) {
    const one = app(steering);
    const panel = new Incidents(one);
    page.body.append(fake(panel.root));
    const draw = (...rows: never[]): FakeElement[] => {
      one.feed.records.putIncidents(rows);
      panel.draw([], []);
      return fake(panel.root).querySelectorAll(".incident");
    };
    return { one, draw };
  }
  function write(card: FakeElement | undefined, text: string): FakeElement {
    const input = card?.querySelector("input");
    if (!input) throw new Error("the card has no note");
    input.focus();
    input.value = text;
    input.fire("input");
    return input;
  }

  it("outlives its incident and a visit to another page, until it is sent", async () => {
    const { one, draw } = room({ incident: () => settle() });
    const card = draw(other("w1"), other("w2", { opened_at: 91_000 }))[0];
    const input = write(card, "called the CDN");
    const cards = draw(other("w1", { state: "closed", closed_at: 95_000, updated_at: 95_000 }));
    expect([cards.length, cards[1] === card, input.value, page.activeElement === input]).toEqual([2, true, "called the CDN", true]);
    expect([card?.getAttribute("data-level"), card?.getAttribute("data-folded"), card?.querySelector(".standing")?.textContent]).toEqual([null, null, "over 5 s ago · no owner · your note is not sent"]);
    expect(fake(new IncidentCard(one, "w1", () => undefined).root).querySelector("input")?.value).toBe("called the CDN");
    card?.querySelector("form")?.fire("submit");
    await settle();
    await settle();
    // Whoever is still in the field goes on typing there.
    expect([input.value, draw().length]).toEqual(["", 2]);
    page.body.focus();
    expect(draw().length).toBe(1);
  });
  it("keeps the focus while cards change places, and its card open", () => {
    const { draw } = room();
    const card = draw(other("f1"), other("f2", { opened_at: 91_000 }))[1];
    const input = write(card, "");
    const recovered = draw(other("f1", { well_since: 95_000, updated_at: 95_000 }));
    expect([recovered[0] === card, page.activeElement === input]).toEqual([true, true]);
    const joined = draw(other("f3", { opened_at: 80_000 }));
    expect([joined[1] === card, page.activeElement === input]).toEqual([true, true]);
    expect(joined.map((one) => one.hasAttribute("data-folded"))).toEqual([true, false, true]);
  });
  it("in a list of keyed rows has the others move around it", () => {
    const list = document.createElement("ul");
    const draw = (names: readonly string[]): (string | null)[] => {
      keyed(list, names, (name) => name, () => document.createElement("li"), () => undefined);
      return fake(list).children.map((one) => one.getAttribute("data-key"));
    };
    draw(["a", "b", "c"]);
    const row = fake(list).children[2];
    row?.focus();
    for (const names of [["c", "a", "b"], ["b", "c"], ["c", "b"], ["d", "c"]]) expect([draw(names), page.activeElement === row]).toEqual([names, true]);
    // To another place it takes the focus along.
    moveInto(document.createElement("div"), list);
    expect(page.activeElement).toBe(row);
  });
});

describe("steering that does not answer", () => {
  it("takes nothing by itself, which is said at the offer, in the panel, the log and the top bar", () => {
    const one = app({ lost: () => true, why: "no answer within 5 s" });
    one.feed.records.putIncidents([incident]);
    one.feed.records.putActions([action()]);
    const [panel, log, alarm] = [new Incidents(one), logOf(one), new Alarm(one)];
    panel.draw([], []);
    log.draw();
    alarm.draw();
    const root = fake(panel.root);
    expect([root.querySelector(".self")?.textContent, fake(alarm.root).querySelector(".more")?.textContent]).toEqual([NO_ANSWER, NO_ANSWER]);
    expect(root.querySelectorAll("[data-do]").map((one) => one.hasAttribute("disabled"))).toEqual([true, true, true]);
    expect(root.querySelector(".calm .text")?.textContent).toContain("Steering does not answer (no answer within 5 s)");
    expect(fake(log.root).querySelector(".more")?.textContent).toBe(`offered; ${NO_ANSWER}`);
  });
  it("leaves a page with what it last said of media in this browser", async () => {
    const opened = async (streams: string[] | null): Promise<boolean | null> => {
      vi.stubGlobal("fetch", async () => (streams ? new Response(JSON.stringify({ streams, incidents: [], actions: [] }), { headers: { "content-type": "application/json" } }) : Promise.reject(new TypeError("Failed to fetch"))));
      const steering = new Steering(new Records(), () => undefined);
      expect(steering.media()).toBeNull();
      await steering.poll();
      return steering.media();
    };
    expect(await opened(null)).toBe(true);
    expect([await opened([]), await opened(null)]).toEqual([false, false]);
    expect([await opened(["demo"]), await opened(null)]).toEqual([true, true]);
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

  /** A card, drawn with a record: the text of each row by its name. */
  function drawn(one: App, rest: object = {}) {
    one.feed.records.putIncidents([other("i1", rest)]);
    const card = new IncidentCard(one, "i1", () => undefined);
    const record = one.feed.records.incident("i1");
    if (record) card.draw(record, true);
    const root = fake(card.root);
    const rows = new Map(root.querySelectorAll(".pairs div").map((row) => [row.querySelector("dt")?.textContent, row.querySelector("dd")?.textContent]));
    return { root, rows };
  }

  it("affects a share of the viewers there were when it began, where that is still known", () => {
    const one = app();
    one.feed.apply({ type: "hello", version: 1, now: 100_000, session: "a", resumed: false, metrics: [VIEWERS], cuboids: [{ name: "content", width_s: 1, dimensions: ["content"] }], minimum_sample: 20 });
    const pane = (at: number, viewers: number) => ({ cuboid: "content", pane: at, cell: {}, m: { viewers } });
    one.feed.apply({ type: "rows", seq: 1, at: 100_000, playback: [pane(90_000, 200), pane(98_000, 100)] });
    expect(drawn(one).rows.get("Affected")).toBe("61 (31 %) viewers of edge e1");
    expect(drawn(one, { opened_at: 60_000, updated_at: 91_000 }).rows.get("Affected")).toBe("61 viewers of edge e1");
  });
  it("can be taken over from somebody else", () => {
    const own = (owner: string | null, at: number): (string | boolean | undefined)[] => {
      const button = drawn(app(), { owner, updated_at: at }).root.querySelectorAll(".addnote button")[0];
      return [button?.textContent, button?.hasAttribute("hidden")];
    };
    expect([own(null, 91_000), own("mia", 92_000)]).toEqual([["Own it", false], ["Take over", false]]);
    expect(own("operator", 93_000)[1]).toBe(true);
  });
  it("has its offer above the evidence, with the result of what was done", () => {
    const one = app();
    one.feed.records.putActions([action({ state: "undone", acts_at: null, outcome: "61 of 61 viewers moved in 4 s" })]);
    const { root, rows } = drawn(one);
    expect(root.querySelector(".body")?.children[0]?.getAttribute("class")).toBe("offers");
    expect(rows.get("Result")).toBe("61 of 61 viewers moved in 4\u00a0s");
  });
  it("of another day has the date in the log", () => {
    const one = app();
    one.feed.records.putIncidents([other("i1"), other("i2", { opened_at: -3_600_000 })]);
    const log = logOf(one);
    log.draw();
    expect(fake(log.root).querySelectorAll("time").map((time) => time.textContent)).toEqual(["00:01:30", "12-31 23:00:00"]);
  });
});
