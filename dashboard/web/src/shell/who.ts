// Who acts: asked once, at the first action or by a click on the name in the top bar. The name is
// written to the log beside the action.

import { named, operator, setAsker, setOperator } from "../control/operator";
import { Dialog } from "../ui/dialog";
import { find, h, setAttr, setText } from "../ui/dom";

export class Who {
  readonly root = h("button", { type: "button", class: "who", "aria-haspopup": "dialog", title: "Your name, which the log shows beside your actions" }, h("span", { class: "label" }, "you "), h("b", {}));
  private readonly name = h("input", { type: "text", maxlength: "40", "aria-label": "Your name", autocomplete: "name", placeholder: "operator" });
  private readonly dialog: Dialog;
  private answered: ((given: boolean) => void) | null = null;

  constructor() {
    const keep = h("button", { type: "submit", class: "act" }, "That is me");
    const form = h("form", {}, h("p", { class: "means" }, "Your name is shown in the log beside your actions, and on incidents that you own. It is kept by this browser; there is no sign-in."), h("label", { class: "by" }, h("span", {}, "Your name"), this.name), h("div", { class: "buttons" }, keep));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      // An operator in a hurry leaves it empty and acts as "operator"; it is not asked again.
      setOperator(this.name.value);
      this.draw();
      this.answer(true);
      this.dialog.close();
    });
    this.dialog = new Dialog("Who acts?", "whoami", form);
    // Esc cancels the pending action.
    this.dialog.root.addEventListener("close", () => this.answer(false));
    this.root.addEventListener("click", () => this.open());
    setAsker(() => this.ask());
  }

  private answer(given: boolean): void {
    this.answered?.(given);
    this.answered = null;
  }

  private open(): void {
    this.name.value = named() ? operator() : "";
    this.dialog.open(this.name);
  }

  private ask(): Promise<boolean> {
    return new Promise((resolve) => {
      this.answered = resolve;
      this.open();
    });
  }

  draw(): void {
    setAttr(this.root, "data-named", named());
    setText(find(this.root, "b"), named() ? operator() : "your name?");
  }
}
