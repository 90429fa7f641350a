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

export class ByHand {
  private readonly kind = select("kind", KINDS);
  private readonly target = select("target", []);
  private readonly to = select("to", []);
  private readonly share = h("input", { type: "range", min: "5", max: "100", step: "5", value: "50", "aria-label": "Share of its viewers" });
  private readonly preview = offerBox();
  private readonly go = h("button", { type: "button", class: "act", disabled: true }, "Do it");
  private readonly dialog: Dialog;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts requests, so that a late answer to an old one is not shown. */
  private request = 0;

  constructor(private readonly app: App) {
    const cancel = h("button", { type: "button" }, "Cancel");
    this.dialog = new Dialog(
      "Act by hand",
      "byhand",
      h("div", { class: "form" }, field("Do what", this.kind), field("Where", this.target), field("Where to", this.to), field("Share", h("span", { class: "range" }, this.share, h("output", {})))),
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
    setAttr(find(this.dialog.root, "[data-field='Where to']"), "hidden", kind !== "shift_edge");
    setAttr(find(this.dialog.root, "[data-field=Share]"), "hidden", kind !== "shift_edge" && kind !== "cap_ladder");
    setText(find(this.dialog.root, "output"), `${this.share.value} % of its viewers`);
    setAttr(this.go, "disabled", true);
    setAttr(this.preview, "data-stale", true);
    clearTimeout(this.timer);
    this.request += 1;
    this.timer = setTimeout(() => void this.ask(this.request), PREVIEW_AFTER_MS);
  }

  private async ask(request: number): Promise<void> {
    try {
      const action = await this.app.steering.manual(this.requested, true);
      if (request !== this.request) return;
      drawOffer(this.preview, this.app, action);
      setAttr(this.preview, "data-stale", null);
      setAttr(this.go, "disabled", null);
      this.dialog.complain("");
    } catch (error) {
      if (request === this.request) this.dialog.complain(`No preview, so no action: ${reason(error)}`);
    }
  }

  private async take(): Promise<void> {
    const { request } = this;
    setAttr(this.go, "disabled", true);
    try {
      await this.app.steering.manual(this.requested, false);
      this.dialog.close();
    } catch (error) {
      this.dialog.complain(failure(error));
      // A refused request may be tried again; another one waits for its own preview.
      if (request === this.request && !isUnanswered(error)) setAttr(this.go, "disabled", null);
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
