// Keys: those that the page uses, and those that it leaves to the focused element.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { App } from "../src/app";
import { choose, leadsTo, rove } from "../src/ui/rove";
import { fake, newPage } from "./dom";

let page: ReturnType<typeof newPage>;
beforeEach(() => {
  vi.resetModules();
  page = newPage();
});
afterEach(() => vi.unstubAllGlobals());

/** The pages' keys, and what they selected. */
async function bound(draw = (): void => undefined) {
  const { bindKeys, helpCard } = await import("../src/shell/keys");
  const go = vi.fn();
  const theme = vi.fn();
  const help = helpCard();
  page.body.append(fake(help));
  const metrics = ["viewers", "rebuffer_ratio_pct"].map((name) => ({ name }));
  bindKeys({ selection: { current: { page: "room", metric: "viewers", by: "edge", span: 30 }, go }, feed: { metrics } } as unknown as App, help, theme, draw);
  return { go, theme, help: fake(help) };
}

describe("a group of which one is chosen", () => {
  function group(kind: "tabs" | "radios") {
    const root = document.createElement("div");
    const chosen: string[] = [];
    for (const name of ["a", "b", "c"]) {
      const item = document.createElement("button");
      item.append(name);
      item.addEventListener("click", () => chosen.push(name));
      root.append(item);
    }
    rove(root, kind);
    page.body.append(fake(root));
    return { root: fake(root), chosen };
  }

  it("is gone through by the keys of its pattern, round and round", () => {
    expect(["ArrowRight", "ArrowLeft", "Home", "End", "ArrowDown", "d"].map((key) => leadsTo(key, "tabs", 2, 3))).toEqual([0, 1, 0, 2, null, null]);
    expect(["ArrowRight", "ArrowUp", "ArrowDown", "Home"].map((key) => leadsTo(key, "radios", 0, 3))).toEqual([1, 2, 1, null]);
  });
  it("moves the focus and chooses, and has one stop for Tab", () => {
    const { root, chosen } = group("radios");
    root.children[0]?.fire("keydown", "ArrowDown");
    expect([page.activeElement, chosen]).toEqual([root.children[1], ["b"]]);
    choose(root as unknown as Element, "radios", (item) => item.textContent === "b");
    expect(root.children.map((one) => [one.getAttribute("tabindex"), one.getAttribute("aria-checked")])).toEqual([["-1", "false"], ["0", "true"], ["-1", "false"]]);
  });
  it("keeps its keys from the page, which has the others", async () => {
    const { go, theme } = await bound();
    const { root, chosen } = group("tabs");
    root.children[0]?.fire("keydown", "ArrowRight");
    expect([chosen, go.mock.calls]).toEqual([["b"], []]);
    root.children[0]?.fire("keydown", "t");
    page.body.fire("keydown", "ArrowRight");
    expect(theme).toHaveBeenCalledOnce();
    expect(go.mock.calls).toEqual([[{ metric: "rebuffer_ratio_pct" }]]);
  });
});

describe("single-letter keys", () => {
  it("can be switched off on the card, which ? still opens; arrows and Esc stay", async () => {
    const { go, theme, help } = await bound();
    const letters = help.querySelector(".letters");
    expect([letters?.textContent, letters?.getAttribute("aria-checked")]).toEqual(["Single-letter keys: on", "true"]);
    page.body.fire("keydown", "?");
    expect(help.open).toBe(true);
    letters?.click();
    // The switch does not close the card, as a click elsewhere on it does.
    expect([help.open, letters?.textContent, localStorage.getItem("tallylight-letters")]).toEqual([true, "Single-letter keys: off", "off"]);
    help.click();
    expect(help.open).toBe(false);
    for (const key of ["t", "p", "s", "d", "1", "/"]) expect(page.body.fire("keydown", key).defaultPrevented).toBe(false);
    expect([theme.mock.calls, go.mock.calls]).toEqual([[], []]);
    page.body.fire("keydown", "ArrowLeft");
    page.body.fire("keydown", "Escape");
    page.body.fire("keydown", "?");
    expect([go.mock.calls.length, help.open]).toEqual([2, true]);
  });
  it("stay off in the next page of the same browser", async () => {
    localStorage.setItem("tallylight-letters", "off");
    const { theme, help } = await bound();
    page.body.fire("keydown", "t");
    expect([theme.mock.calls, help.getAttribute("data-letters")]).toEqual([[], "off"]);
  });
});

describe("/", () => {
  it("is in the search of Sessions before the next letter comes", async () => {
    const input = page.createElement("input");
    input.setAttribute("id", "find");
    const { go } = await bound(() => page.body.append(input));
    expect(page.body.fire("keydown", "/").defaultPrevented).toBe(true);
    expect(go.mock.calls).toEqual([[{ page: "sessions" }]]);
    expect(page.activeElement).toBe(input);
  });
});

describe("Esc on Sessions", () => {
  vi.doMock("../src/sessions/list", () => ({ DRAWN: 200, SessionList: class { root = document.createElement("div"); draw = vi.fn(); } }));
  vi.doMock("../src/sessions/over", () => ({ OverTime: class { root = document.createElement("div"); draw = vi.fn(); close = vi.fn(); } }));
  vi.doMock("../src/sessions/detail", () => ({ Detail: class { root = document.createElement("div"); draw = vi.fn(); close = vi.fn(); constructor(readonly sid: string) {} } }));

  it("closes the session, and nothing behind a dialog or out of a field", async () => {
    page = newPage("http://127.0.0.1:7700/sessions?sid=a1");
    vi.stubGlobal("fetch", vi.fn(async () => new Response("[]")));
    const { SessionsPage } = await import("../src/sessions/page");
    const sessions = new SessionsPage({ feed: { now: () => 0 } } as unknown as App);
    page.body.append(fake(sessions.root));
    sessions.draw();
    const esc = (from = page.body): string => {
      from.fire("keydown", "Escape");
      return location.search;
    };
    const dialog = page.createElement("dialog");
    page.body.append(dialog);
    dialog.showModal();
    expect(esc()).toBe("?sid=a1");
    dialog.close();
    expect(esc(page.querySelector("#find") ?? page.body)).toBe("?sid=a1");
    expect(esc()).toBe("");
    sessions.close();
  });
});
