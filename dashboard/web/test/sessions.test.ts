// The Sessions page follows its URL: Back changes it without a click on the page.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { App } from "../src/app";
import { SessionsPage } from "../src/sessions/page";
import { fake, newPage, settle } from "./dom";

const list = vi.hoisted(() => ({ note: "" }));
vi.mock("../src/sessions/list", () => ({ DRAWN: 200, SessionList: class { root = document.createElement("div"); draw = (_rows: unknown, _search: string, note: string): unknown => (list.note = note); } }));
vi.mock("../src/sessions/over", () => ({ OverTime: class { root = document.createElement("div"); draw = vi.fn(); close = vi.fn(); } }));
vi.mock("../src/sessions/detail", () => ({ Detail: class {} }));

let page = newPage();
let asked: string[] = [];
let answer = "[]";
beforeEach(() => {
  page = newPage("http://127.0.0.1:7700/sessions?in=history");
  vi.stubGlobal("history", { pushState: go, replaceState: go });
  [asked, answer] = [[], "[]"];
  vi.stubGlobal("fetch", async (url: string, { body }: { body?: string }) => {
    asked.push(url === "/v1/sql" ? (/WHERE (.*) ORDER/.exec(body ?? "")?.[1] ?? "") : "live");
    return new Response(answer);
  });
});
afterEach(() => vi.unstubAllGlobals());

const go = (_: unknown, __: string, url: string | URL): unknown => (location.href = new URL(url, location.href).href);

async function opened(): Promise<{ sessions: SessionsPage; back: (query: string) => Promise<void> }> {
  const sessions = new SessionsPage({ feed: { now: () => 0 } } as unknown as App);
  page.body.append(fake(sessions.root));
  sessions.draw();
  await settle();
  const back = async (query: string): Promise<void> => {
    go(null, "", query);
    sessions.draw();
    await settle();
  };
  return { sessions, back };
}

it("asks history again after Back, and once", async () => {
  const { sessions, back } = await opened();
  page.querySelector("[data-flag=rebuffered]")?.click();
  await settle();
  expect(asked).toEqual(["true", "rebuffer_count > 0"]);
  await back("?in=history");
  expect(asked).toEqual(["true", "rebuffer_count > 0", "true"]);
  sessions.draw();
  await settle();
  expect([asked.length, list.note]).toEqual([3, "0 that ended or are stored"]);
  sessions.close();
});

it("looks where the URL says", async () => {
  const { sessions, back } = await opened();
  await back("?find=rebuffered");
  const pressed = () => page.querySelectorAll("[data-in]").map((tab) => tab.getAttribute("aria-pressed"));
  expect([asked, pressed()]).toEqual([["true", "live"], ["true", "false"]]);
  await back("?in=history&find=rebuffered");
  expect([asked.at(-1), pressed()]).toEqual(["rebuffer_count > 0", ["false", "true"]]);
  sessions.close();
});

it("keeps a value with spaces beside a frequent search", async () => {
  const { sessions, back } = await opened();
  await back(`?in=history&find=${encodeURIComponent('player:"Chrome 142"')}`);
  const player = "lower(CAST(player AS VARCHAR)) = 'chrome 142'";
  for (const wanted of [`${player} AND rebuffer_count > 0`, player]) {
    page.querySelector("[data-flag=rebuffered]")?.click();
    await settle();
    expect(asked.at(-1)).toBe(wanted);
  }
  sessions.close();
});

it("offers the values of viewers who are there now, also where there are as many as before", async () => {
  const { sessions, back } = await opened();
  const offered = async (edge: string): Promise<unknown> => {
    answer = JSON.stringify([{ sid: "a", edge }]);
    await back("?in=history");
    await back("?");
    await settle();
    return page.querySelectorAll("option").map((one) => one.getAttribute("value")).find((one) => one?.startsWith("edge:"));
  };
  expect([await offered("e1"), await offered("cdn 2")]).toEqual(["edge:e1", 'edge:"cdn 2"']);
  sessions.close();
});

it("asks what was typed when the tab is seen again", async () => {
  vi.useFakeTimers();
  const opening = opened();
  await vi.advanceTimersByTimeAsync(1);
  const { sessions } = await opening;
  const field = page.querySelector("#find") ?? page.body;
  field.value = "failed";
  field.fire("input");
  sessions.draw();
  expect(asked).toEqual(["true"]);
  Object.assign(page, { hidden: true });
  await vi.advanceTimersByTimeAsync(500);
  expect(asked).toEqual(["true"]);
  Object.assign(page, { hidden: false });
  sessions.draw();
  await vi.advanceTimersByTimeAsync(1);
  expect([asked.length, list.note]).toEqual([2, "0 that ended or are stored"]);
  sessions.close();
  vi.useRealTimers();
});
