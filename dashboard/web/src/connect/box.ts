// The first beacons as they arrive, and what is wrong with them. Only beacons that came after the
// box was opened are shown: the collector keeps none while no page reads them.

import { clock, count, span } from "../metrics/format";
import { find, h, keyed, setAttr, setText } from "../ui/dom";

interface Beacon {
  n: number;
  at: number;
  source: string;
  sid: string | null;
  text: string;
  fate: "accepted" | "rejected" | "refused";
  reason: string;
  wrong: string[];
}

interface Seen {
  now: number;
  newest: number;
  open_since: number;
  beacons: Beacon[];
}

const EVERY_MS = 1_000;
const KEPT = 60;
/** Without a beacon for this long, the box shows what may be wrong. */
const LONG_MS = 20_000;

export class BeaconBox {
  private readonly rows = h("ol", { class: "beacons" });
  private readonly tabs = h("div", { class: "tabs", role: "group", "aria-label": "Whose beacons" });
  private readonly nothing = h("div", { class: "nothing" });
  private readonly sum = h("p", { class: "sum", role: "status" });
  readonly root = h("section", { class: "panel box" }, h("header", {}, h("h2", {}, "First beacons"), h("span", { class: "note" }), this.tabs), this.sum, this.nothing, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Beacons received" }, this.rows));
  private beacons: Beacon[] = [];
  private after: number | null = null;
  private readonly opened = Date.now();
  private everyone = false;
  private failed = "";
  private asking = false;
  private accepted = 0;
  private flawed = 0;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly sid: () => string,
    /** The write key whose beacons are shown; null until it is known. */
    private readonly key: () => string | null,
    private readonly changed: () => void,
  ) {
    for (const [name, everyone] of [["mine", false], ["everyone's", true]] as const) {
      const tab = h("button", { type: "button", "data-everyone": String(everyone) }, name);
      tab.addEventListener("click", () => {
        this.everyone = everyone;
        this.forget();
      });
      this.tabs.append(tab);
    }
    this.timer = setInterval(() => void this.ask(), EVERY_MS);
  }

  /** Another search begins with an empty box. */
  forget(): void {
    this.beacons = [];
    this.accepted = 0;
    this.flawed = 0;
    this.changed();
  }

  private async ask(): Promise<void> {
    const key = this.key();
    if (this.asking || document.hidden || key === null) return;
    this.asking = true;
    const everyone = this.everyone;
    const parameters = new URLSearchParams({ k: key, last: String(KEPT) });
    if (!everyone) parameters.set("sid", this.sid());
    if (this.after !== null) parameters.set("after", String(this.after));
    try {
      const answer = await fetch(`/v1/beacons?${parameters}`, { cache: "no-store", signal: AbortSignal.timeout(4_000) });
      if (!answer.ok) throw new Error(`the collector answers ${answer.status}`);
      const seen = (await answer.json()) as Seen;
      this.failed = "";
      // The first answer may hold beacons kept for another page: it only says where to begin.
      const known = this.after;
      this.after = seen.newest;
      if (known === null || everyone !== this.everyone) return;
      for (const one of seen.beacons) {
        if (one.fate === "accepted") this.accepted += 1;
        if (one.fate !== "accepted" || one.wrong.length > 0) this.flawed += 1;
      }
      this.beacons = [...seen.beacons.reverse(), ...this.beacons].slice(0, KEPT);
    } catch (error) {
      this.failed = error instanceof Error ? error.message : String(error);
    } finally {
      this.asking = false;
      this.changed();
    }
  }

  draw(now: number): void {
    // The collector keeps nothing until it is asked, which can be as soon as the key is known.
    if (this.after === null && this.failed === "") void this.ask();
    for (const tab of this.tabs.children) setAttr(tab, "aria-pressed", String(tab.getAttribute("data-everyone") === String(this.everyone)));
    setText(find(this.root, "header .note"), this.failed ? `■ ${this.failed}` : this.everyone ? "of this key, as received" : "yours, and any without an id");
    const first = this.beacons.find(({ fate }) => fate === "accepted");
    setText(this.sum, this.summary(first));
    setAttr(this.sum, "data-level", this.beacons.length > 0 && this.accepted === 0 ? "3" : this.flawed > 0 ? "1" : null);
    this.drawNothing();
    keyed(this.rows, this.beacons, ({ n }) => String(n), (one) => this.make(one), (item, one) => setText(find(item, ".age"), `${span(now - one.at)} ago`));
  }

  private summary(first: Beacon | undefined): string {
    if (this.beacons.length === 0) return "";
    if (this.accepted === 0) return "■ Something arrives and none of it can be used; see below what to change.";
    const known = first?.sid ? "A second later the session is on Sessions." : "";
    if (this.flawed === 0) return `${count(this.accepted)} accepted, nothing wrong with them. ${known}`;
    return `◆ ${count(this.accepted)} accepted, ${count(this.flawed)} with something to fix. ${known}`;
  }

  private drawNothing(): void {
    const waited = Date.now() - this.opened;
    const show = this.beacons.length === 0;
    setAttr(this.nothing, "hidden", !show);
    if (!show) return;
    const state = this.failed ? "failed" : waited > LONG_MS ? "long" : "waiting";
    if (this.nothing.getAttribute("data-state") === state) return;
    setAttr(this.nothing, "data-state", state);
    this.nothing.replaceChildren(...HINTS[state].map((hint, at) => h("p", { class: at === 0 ? "first" : null }, hint.replace("KEY", () => this.key() ?? ""))));
  }

  private make(one: Beacon): HTMLElement {
    const level = one.fate !== "accepted" ? "3" : one.wrong.length > 0 ? "1" : null;
    const shape = one.fate !== "accepted" ? "■" : one.wrong.length > 0 ? "◆" : "";
    const reason = one.reason === "none" ? "" : `: ${one.reason.replaceAll("_", " ")}`;
    const head = h("div", { class: "head" }, h("time", { class: "mono" }, clock(one.at)), h("span", { class: "fate" }, `${shape} ${one.fate}${reason}`.trim()), h("span", { class: "source" }, one.source), h("span", { class: "age" }));
    const item = h("li", { "data-level": level, "data-fate": one.fate }, head);
    if (one.text) item.append(h("code", {}, one.text));
    for (const text of one.wrong) item.append(h("p", { class: "wrong" }, text));
    if (one.sid) item.append(h("a", { href: `/sessions?sid=${encodeURIComponent(one.sid)}` }, "session"));
    return item;
  }

  close(): void {
    clearInterval(this.timer);
  }
}

const HINTS: Readonly<Record<"waiting" | "long" | "failed", readonly string[]>> = {
  waiting: ["Waiting for the first beacon.", "Paste the lines at the left into your page or app and press play. What arrives from now on is shown here within a second."],
  long: [
    "Nothing has arrived yet.",
    "In the browser's network panel, look for a POST to /v1/cmcd. If there is none, the player is older than the version named, or event mode is not configured.",
    "If it is blocked: a page served by https may not send to http on another host, and a content security policy must allow the collector under connect-src.",
    "If it is sent to another machine: the demo listens on this machine only (127.0.0.1). Forward the port, or see docs/collector.md for listening on a network.",
    "If your player makes its own session id, look at everyone's. Beacons with a write key other than `KEY` are not shown here.",
  ],
  failed: ["The collector does not answer.", "See the Health page and the log of the process `data`."],
};
