// Whose a press of a key is, for listeners of the whole page.

/** Whether it goes into a field that is written in or chosen from. */
export function intoField({ target }: Event): boolean {
  return target instanceof Element && target.closest("select, input, textarea, [contenteditable]") !== null;
}

/** Whether a dialog is open. It closes itself on Esc, and that press does nothing behind it. */
export function dialogIsOpen(): boolean {
  return document.querySelector("dialog[open]") !== null;
}
