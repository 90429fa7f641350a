// What a nervous hand presses: two clicks, a key that is held, a click that misses.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ByHand } from "../src/control/byhand";
import { Records } from "../src/control/records";
import { Steering } from "../src/control/steering";
import { IncidentCard } from "../src/room/incident";
import { ModeSwitch } from "../src/shell/mode";
import { Dialog } from "../src/ui/dialog";
import { UNSURE, action, app, incident, late, logOf } from "./control";
import { fake, newPage, settle } from "./dom";

let page: ReturnType<typeof newPage>;
beforeEach(() => (page = newPage()));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a nervous hand", () => {
  it("makes one request of two clicks, and of a key that is held", async () => {
    const act = vi.fn(() => settle());
    const one = app({ act });
    one.feed.records.putActions([action(), action({ id: "a2", incident: null, state: "taken" })]);
    const [log, card] = [logOf(one), new IncidentCard(one, "i1", () => undefined)];
    const draw = (): void => {
      log.draw();
      card.draw({ ...(incident as object), evidence: [], notes: null, owner: null, closed_at: null, well_since: null } as never, true);
    };
    draw();
    const undo = fake(log.root).querySelectorAll("li").find((row) => row.getAttribute("data-key") === "aa2")?.querySelector(".undo");
    const take = fake(card.root).querySelector("[data-do=take]");
    for (const button of [undo, take]) {
      button?.click();
      button?.click();
    }
    draw();
    take?.click();
    await settle();
    await settle();
    // What came of it is not drawn yet.
    take?.click();
    undo?.click();
    expect(act.mock.calls).toEqual([["a2", "undo"], ["a1", "take"]]);
    draw();
    take?.fire("click", "", { detail: 2 });
    expect(take?.fire("keydown", "Enter", { repeat: true }).defaultPrevented).toBe(true);
    expect(act).toHaveBeenCalledTimes(2);
    take?.click();
    expect(act).toHaveBeenCalledTimes(3);
  });
  it("has what it did at once, whatever an older answer says", async () => {
    const records = new Records();
    records.putActions([action({ state: "taken" })]);
    const steering = new Steering(records, () => undefined);
    // The polls do not answer.
    const silence = new Promise<Response>(() => undefined);
    vi.stubGlobal("fetch", async (path: string) => (path === "/v1/steering" ? silence : new Response(JSON.stringify(action({ state: "undone", updated_at: 99_000 })), { headers: { "content-type": "application/json" } })));
    void steering.poll();
    await steering.act("a1", "undo");
    expect(records.allActions().map(({ state }) => state)).toEqual(["undone"]);
  });
  it("sets the mode once, however often the dialog is drawn meanwhile", async () => {
    let done = (): void => undefined;
    const setMode = vi.fn(() => new Promise<void>((resolve) => (done = resolve)));
    const mode = new ModeSwitch(app({ setMode }));
    mode.open();
    page.querySelector("[data-mode=act]")?.click();
    const go = page.querySelector(".modes .act");
    go?.click();
    mode.draw();
    expect(go?.hasAttribute("disabled")).toBe(true);
    go?.click();
    expect(setMode.mock.calls).toEqual([["act"]]);
    done();
    await settle();
    expect(page.querySelector(".modes")).toBeNull();
  });
  it("closes a dialog by a click beside it, not by one into its padding", () => {
    const dialog = new Dialog("Mode of steering", "modes");
    dialog.open(dialog.root);
    const root = Object.assign(fake(dialog.root), { getBoundingClientRect: () => ({ left: 10, right: 90, top: 10, bottom: 90 }) });
    root.fire("click", "", { clientX: 12, clientY: 50 });
    expect(dialog.isOpen).toBe(true);
    root.fire("click", "", { clientX: 5, clientY: 50 });
    expect(dialog.isOpen).toBe(false);
  });
});

describe("an action by hand", () => {
  it("is forecast again while the dialog is open, and not pressed twice without an answer", async () => {
    vi.useFakeTimers();
    const manual = vi.fn(async (_request: object, preview: boolean) => (preview ? { state: "offered", title: "", to: null, load_after: null, forecast: "", outcome: null, undo: null } : Promise.reject(late())));
    const byHand = new ByHand(app({ manual, status: { mode: "observe", feed: { connected: true }, edges: [{ name: "e1" }], pipelines: [] } }));
    byHand.open();
    await vi.advanceTimersByTimeAsync(250);
    const go = page.querySelector(".byhand .act");
    expect([manual.mock.calls.length, go?.hasAttribute("disabled")]).toEqual([1, false]);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(manual).toHaveBeenCalledTimes(3);
    go?.click();
    await vi.advanceTimersByTimeAsync(4_000);
    expect([manual.mock.calls.length, go?.hasAttribute("disabled")]).toEqual([6, true]);
    expect(page.querySelector(".byhand .problem")?.textContent).toMatch(UNSURE);
    page.querySelector(".byhand .close")?.click();
    await vi.advanceTimersByTimeAsync(4_000);
    expect(manual).toHaveBeenCalledTimes(6);
  });
});
