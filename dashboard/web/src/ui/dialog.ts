// A dialog that closes on Esc and on a click beside it, and returns the focus.

import { h } from "./dom";

export class Dialog {
  readonly root: HTMLDialogElement;
  private readonly problem = h("p", { class: "problem", role: "alert" });

  constructor(title: string, name: string, ...content: (Node | string)[]) {
    const close = h("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => this.close());
    this.root = h("dialog", { class: `dialog ${name}`, "aria-label": title }, h("header", {}, h("h2", {}, title), close), ...content, this.problem);
    this.root.addEventListener("click", (event) => {
      if (event.target === this.root && isBeside(event, this.root)) this.close();
    });
    this.root.addEventListener("close", () => this.root.remove());
  }

  get isOpen(): boolean {
    return this.root.open;
  }

  /** Opens it with the focus on `first`. */
  open(first: HTMLElement): void {
    if (this.root.open) return;
    this.complain("");
    document.body.append(this.root);
    this.root.showModal();
    first.focus();
  }

  close(): void {
    this.root.close();
  }

  /** Shows an error; an empty text removes it. */
  complain(text: string): void {
    this.problem.textContent = text;
  }
}

/** A click into the dialog's own padding has the same target as one beside it. */
function isBeside({ clientX: x, clientY: y }: MouseEvent, dialog: Element): boolean {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return x < left || x > right || y < top || y > bottom;
}
