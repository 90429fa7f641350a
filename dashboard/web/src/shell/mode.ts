// The mode of steering: shown in the top bar at all times, changed in a dialog that first says what
// the change would mean right now.

import type { App } from "../app";
import { failure } from "../control/api";
import type { Mode } from "../control/types";
import { MODES, MODE_WORDS } from "../control/words";
import { NONE } from "../metrics/format";
import { Dialog } from "../ui/dialog";
import { find, h, setAttr, setText } from "../ui/dom";
import { choose, rove } from "../ui/rove";

export class ModeSwitch {
  readonly root = h("button", { type: "button", class: "mode", "aria-haspopup": "dialog" }, h("span", { class: "label" }, "steering "), h("b", {}));
  private readonly choices = h("div", { class: "choices", role: "radiogroup", "aria-label": "Mode" });
  private readonly means = h("p", { class: "means" });
  private readonly now = h("p", { class: "means now" });
  private readonly go = h("button", { type: "button", class: "act" });
  private readonly dialog: Dialog;
  private wanted: Mode = "observe";
  /** While a request is under way. */
  private setting = false;

  constructor(private readonly app: App) {
    for (const mode of MODES) {
      const choice = h("button", { type: "button", role: "radio", "data-mode": mode }, h("b", {}, mode), h("span", {}, MODE_WORDS[mode].does));
      choice.addEventListener("click", () => this.want(mode));
      this.choices.append(choice);
    }
    rove(this.choices, "radios");
    const cancel = h("button", { type: "button" }, "Cancel");
    this.dialog = new Dialog("Mode of steering", "modes", this.choices, this.means, this.now, h("div", { class: "buttons" }, this.go, cancel));
    cancel.addEventListener("click", () => this.dialog.close());
    this.go.addEventListener("click", () => void this.set());
    this.root.addEventListener("click", () => this.open());
  }

  open(): void {
    const { status } = this.app.steering;
    if (!status) return;
    this.want(status.mode);
    this.dialog.open(find(this.choices, `[data-mode=${status.mode}]`));
  }

  private want(mode: Mode): void {
    this.wanted = mode;
    this.drawDialog();
  }

  private drawDialog(): void {
    const mode = this.app.steering.status?.mode ?? null;
    choose(this.choices, "radios", (choice) => choice.getAttribute("data-mode") === this.wanted);
    for (const choice of this.choices.children) setAttr(choice, "data-current", choice.getAttribute("data-mode") === mode);
    const same = mode === this.wanted;
    setText(this.means, MODE_WORDS[this.wanted].means);
    setText(this.now, this.consequence());
    setText(this.go, same ? `It is ${this.wanted}` : `Set to ${this.wanted}`);
    setAttr(this.go, "disabled", same || this.setting);
  }

  /** What the chosen mode would do to the actions that are open right now. */
  private consequence(): string {
    const actions = this.app.feed.records.allActions();
    const offered = actions.filter((one) => one.state === "offered");
    const taken = actions.filter((one) => one.state === "taken" && one.kind !== "set_mode");
    const force = taken.length === 0 ? "Nothing is in force." : `These stay in force: ${taken.map((one) => one.title).join("; ")}.`;
    if (offered.length === 0) return `No action is offered right now. ${force}`;
    const titles = offered.map((one) => one.title).join("; ");
    const then = { observe: "is withdrawn", advise: "waits for a click", act: "is taken automatically within seconds" }[this.wanted];
    return `Right now: ${titles}, ${then}. ${force}`;
  }

  private async set(): Promise<void> {
    if (this.setting) return;
    this.setting = true;
    this.drawDialog();
    try {
      await this.app.steering.setMode(this.wanted);
      this.dialog.close();
    } catch (error) {
      this.dialog.complain(failure(error, "set"));
    } finally {
      this.setting = false;
      this.drawDialog();
    }
  }

  draw(): void {
    const { steering } = this.app;
    const lost = steering.lost();
    setText(find(this.root, "b"), lost ? "no answer" : (steering.status?.mode ?? NONE));
    setAttr(this.root, "data-level", lost && !steering.absent ? "3" : null);
    setAttr(this.root, "disabled", steering.status === null || lost);
    setAttr(this.root, "title", lost ? `Steering does not answer: ${steering.why}` : "Mode of steering: observe, advise or act (m)");
    if (this.dialog.isOpen) this.drawDialog();
  }
}
