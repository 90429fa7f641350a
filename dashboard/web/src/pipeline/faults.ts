// The demo's fault switches. They break real parts, and nothing that detects or decides may see
// them: what the pages say about a fault is what the platform found out by itself.

import { Absent, ask, reason, tell } from "../control/api";
import type { Fault } from "../control/types";
import { span } from "../metrics/format";
import { find, h, keyed, setAttr, setText } from "../ui/dom";

const EVERY_MS = 2_000;
/** A momentary fault shows that it was pressed. */
const PRESSED_MS = 1_500;

const NAMES: Readonly<Record<string, string>> = { "encoder-a": "Encoder A", "encoder-b": "Encoder B", origin: "Origin", "edge-e1": "Edge e1", "edge-e2": "Edge e2", audience: "Viewers" };

export class Faults {
  private readonly body = h("div", { class: "targets" });
  readonly root = h("section", { class: "panel faults", hidden: true }, h("header", {}, h("h2", {}, "Fault switches"), h("span", { class: "demo" }, "demo only"), h("span", { class: "note" }, "they break real parts; nothing that detects or decides sees them")), this.body, h("p", { class: "problem", role: "alert" }));
  private list: readonly Fault[] = [];
  private readonly pressed = new Map<string, number>();
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(private readonly changed: () => void) {
    this.timer = setInterval(() => void this.poll(), EVERY_MS);
    void this.poll();
  }

  private async poll(): Promise<void> {
    if (document.hidden) return;
    await this.run(() => ask("/v1/faults"));
  }

  private async run(question: () => Promise<unknown>): Promise<void> {
    try {
      const answer = await question();
      if (Array.isArray(answer)) this.list = answer as Fault[];
      setText(find(this.root, ".problem"), "");
    } catch (error) {
      // Outside `up` there are no switches, and none will appear later.
      if (error instanceof Absent) this.stop();
      else setText(find(this.root, ".problem"), `The switches do not answer: ${reason(error)}`);
    }
    this.changed();
  }

  draw(now: number): void {
    setAttr(this.root, "hidden", this.list.length === 0);
    const targets = [...new Set(this.list.map((one) => one.target))];
    keyed(this.body, targets, (target) => target, (target) => h("div", { class: "target" }, h("h3", {}, NAMES[target] ?? target), h("div", { class: "switches" })), (row, target) => {
      keyed(find(row, ".switches"), this.list.filter((one) => one.target === target), (one) => one.fault, (one) => this.make(one), (button, one) => this.update(button, one, now));
    });
  }

  private make(one: Fault): HTMLElement {
    const button = h("button", { type: "button", "data-fault": one.fault }, h("span", { class: "title" }), h("span", { class: "since" }));
    button.addEventListener("click", () => {
      const current = this.list.find((each) => each.target === one.target && each.fault === one.fault);
      this.pressed.set(`${one.target}/${one.fault}`, Date.now());
      void this.run(() => tell("/v1/faults", { target: one.target, fault: one.fault, on: !current?.on }));
    });
    return button;
  }

  private update(button: Element, one: Fault, now: number): void {
    const pressed = Date.now() - (this.pressed.get(`${one.target}/${one.fault}`) ?? -Infinity) < PRESSED_MS;
    setAttr(button, "aria-pressed", String(one.on));
    setAttr(button, "data-level", one.on ? "2" : null);
    setText(find(button, ".title"), one.title);
    setText(find(button, ".since"), one.on ? (one.since === null ? "on" : `on for ${span(Math.max(0, now - one.since)).replace(/\.\d/, "")}`) : pressed ? "done" : "");
  }

  private stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  close(): void {
    this.stop();
  }
}
