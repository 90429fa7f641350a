// A manual action: the request, then its forecast, then the click.

import type { App } from "../app";
import { Dialog } from "../ui/dialog";
import { find, h, setAttr, setText } from "../ui/dom";
import { failure, isUnanswered, reason } from "./api";
import { drawOffer, offerBox } from "./offer";
import type { Action, ActionKind } from "./types";

const KINDS: readonly (readonly [ActionKind, string])[] = [
  ["shift_edge", "Move viewers from an edge to another"],
  ["return_edge", "Bring an edge's viewers back"],
  ["cap_ladder", "Keep an edge's viewers on low rungs"],
  ["mask_pipeline", "Ignore a pipeline at the origin"],
  ["unmask_pipeline", "Let the origin use a pipeline again"],
];
const PREVIEW_AFTER_MS = 250;
/** What it would do changes while an operator ponders. */
const PREVIEW_EVERY_MS = 2_000;

export class ByHand {
  private readonly kind = select("kind", KINDS);
  private readonly target = select("target", []);
  private readonly to = select("to", []);
  private readonly share = h("input", { type: "range", min: "5", max: "100", step: "5", value: "50", "aria-label": "Share of its viewers" });
  private readonly toField = field("Where to", this.to);
  private readonly shareField = field("Share", h("span", { class: "range" }, this.share, h("output", {})));
  private readonly preview = offerBox();
  private readonly go = h("button", { type: "button", class: "act", disabled: true }, "Do it");
  private readonly dialog: Dialog;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts requests, so that a late answer to an old one is not shown. */
  private request = 0;
  /** What the last preview complained of; null before the first of a request. */
  private complaint: string | null = null;
  /** Whether the click is under way, or was not answered: it may have been done. */
  private clicked = false;

  constructor(private readonly app: App) {
    const cancel = h("button", { type: "button" }, "Cancel");
    this.dialog = new Dialog(
      "Act by hand",
      "byhand",
      h("div", { class: "form" }, field("Do what", this.kind), field("Where", this.target), this.toField, this.shareField),
      this.preview,
      h("div", { class: "buttons" }, this.go, cancel),
    );
    cancel.addEventListener("click", () => this.dialog.close());
    for (const input of [this.kind, this.target, this.to, this.share]) input.addEventListener("input", () => this.changed());
    this.go.addEventListener("click", () => void this.take());
  }

  open(): void {
    this.changed();
    this.dialog.open(this.kind);
  }

  private get requested(): Pick<Action, "kind" | "target" | "to" | "share"> {
    const kind = this.kind.value as ActionKind;
    const some = kind === "shift_edge" || kind === "cap_ladder";
    return { kind, target: this.target.value, to: kind === "shift_edge" ? this.to.value : null, share: some ? Number(this.share.value) / 100 : 1 };
  }

  private changed(): void {
    const kind = this.kind.value as ActionKind;
    const status = this.app.steering.status;
    const edges = status?.edges.map((one) => one.name) ?? [];
    const pipelines = status?.pipelines.map((one) => one.name) ?? [];
    options(this.target, kind.endsWith("pipeline") ? pipelines : edges);
    options(this.to, edges.filter((name) => name !== this.target.value));
    setAttr(this.toField, "hidden", kind !== "shift_edge");
    setAttr(this.shareField, "hidden", kind !== "shift_edge" && kind !== "cap_ladder");
    setText(find(this.shareField, "output"), `${this.share.value} % of its viewers`);
    setAttr(this.go, "disabled", true);
    setAttr(this.preview, "data-stale", true);
    clearTimeout(this.timer);
    [this.complaint, this.clicked] = [null, false];
    this.request += 1;
    this.timer = setTimeout(() => void this.ask(this.request), PREVIEW_AFTER_MS);
  }

  /** Draws the forecast, again and again while the dialog is open. */
  private async ask(request: number): Promise<void> {
    if (!this.dialog.isOpen) return;
    let problem = "";
    try {
      const action = await this.app.steering.manual(this.requested, true);
      if (request !== this.request) return;
      drawOffer(this.preview, this.app, action);
    } catch (error) {
      if (request !== this.request) return;
      problem = `No preview, so no action: ${reason(error)}`;
    }
    setAttr(this.preview, "data-stale", problem !== "");
    setAttr(this.go, "disabled", problem !== "" || this.clicked);
    // The answer to a click stays, and what was said is not said again.
    if (problem !== this.complaint && !this.clicked) this.dialog.complain(problem);
    this.complaint = problem;
    this.timer = setTimeout(() => void this.ask(request), PREVIEW_EVERY_MS);
  }

  private async take(): Promise<void> {
    const { request } = this;
    this.clicked = true;
    setAttr(this.go, "disabled", true);
    try {
      await this.app.steering.manual(this.requested, false);
      this.dialog.close();
    } catch (error) {
      this.dialog.complain(failure(error));
      // A refused request may be tried again; another one waits for its own preview.
      if (request !== this.request || isUnanswered(error)) return;
      this.clicked = false;
      setAttr(this.go, "disabled", null);
    }
  }
}

function select(name: string, list: readonly (readonly [string, string])[]): HTMLSelectElement {
  return h("select", { name }, ...list.map(([value, text]) => h("option", { value }, text)));
}

function options(of: HTMLSelectElement, names: readonly string[]): void {
  if (names.join("\n") === [...of.options].map((one) => one.value).join("\n")) return;
  of.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
}

function field(name: string, input: HTMLElement): HTMLElement {
  return h("label", { "data-field": name }, h("span", {}, name), input);
}
