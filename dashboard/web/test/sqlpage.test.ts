// The SQL page: a link that is opened while another query runs, and an editor that is gone.

import { afterEach, expect, it, vi } from "vitest";
import type { App } from "../src/app";
import { SqlPage } from "../src/sql/page";
import { fake, newPage, settle } from "./dom";

const seen = vi.hoisted(() => ({ gone: false, open: (_sql: string): void => undefined, done: [] as string[], failed: [] as string[] }));

class Editor {
  text = "";
  know = (): void => undefined;
  wrong = (): void => undefined;
  focus = (): void => undefined;
  close = (): void => undefined;
}

vi.mock("../src/sql/editor", () => ({
  get Editor() {
    if (seen.gone) throw new Error("Failed to fetch dynamically imported module");
    return Editor;
  },
}));
vi.mock("../src/sql/side", () => ({
  Side: class {
    root = document.createElement("aside");
    showTables = (): void => undefined;
    showMetrics = (): void => undefined;
    fail = (): void => undefined;
    constructor(options: { open: (sql: string) => void }) {
      seen.open = options.open;
    }
  },
}));
vi.mock("../src/sql/result", () => ({
  Result: class {
    root = document.createElement("section");
    running = (): void => undefined;
    done = (sql: string): unknown => seen.done.push(sql);
    failed = (error: Error): unknown => seen.failed.push(error.message);
    close = (): void => undefined;
  },
}));

afterEach(() => vi.unstubAllGlobals());

it("runs what is opened while another query runs, and stops only by the button", async () => {
  const page = newPage("http://127.0.0.1:7700/sql");
  vi.stubGlobal("matchMedia", () => ({ matches: false }));
  const running: { sql: string; answer: () => void; aborted: boolean }[] = [];
  vi.stubGlobal("fetch", (url: string, { body, signal }: { body?: string; signal: AbortSignal }) => {
    if (url !== "/v1/sql") return Promise.resolve(new Response("[]"));
    return new Promise<Response>((resolve, reject) => {
      const one = { sql: (JSON.parse(body ?? "{}") as { sql: string }).sql, answer: () => resolve(new Response("[]")), aborted: false };
      signal.addEventListener("abort", () => ((one.aborted = true), reject(signal.reason)));
      running.push(one);
    });
  });
  const sql = new SqlPage({ feed: { metrics: [] } } as unknown as App);
  page.body.append(fake(sql.root));
  const button = page.querySelector("#run");
  seen.open("SELECT 1");
  expect(button?.textContent).toBe("Stop");
  for (const next of ["SELECT 2", "SELECT 3"]) seen.open(next);
  await settle();
  expect(running.map((one) => [one.sql, one.aborted])).toEqual([["SELECT 1", true], ["SELECT 2", true], ["SELECT 3", false]]);
  // The last one was not stopped, so the page must not say so.
  expect([seen.failed, button?.textContent]).toEqual([[], "Stop"]);
  running[2]?.answer();
  await settle();
  expect([seen.done, button?.textContent]).toEqual([["SELECT 3"], "Run"]);
  button?.click();
  button?.click();
  await settle();
  expect([seen.failed, button?.textContent]).toEqual([["Stopped."], "Run"]);
  sql.close();
});

it("says that it must be loaded again where the server no longer has its editor", async () => {
  seen.gone = true;
  newPage("http://127.0.0.1:7700/sql");
  vi.stubGlobal("fetch", async () => new Response("[]"));
  const sql = new SqlPage({ feed: { metrics: [] } } as unknown as App);
  await vi.waitFor(() => expect(fake(sql.root).querySelector(".editor")?.textContent).toContain("older than the server"));
  sql.close();
});
