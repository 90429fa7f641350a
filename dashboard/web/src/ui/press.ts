// Which element a key press belongs to, for listeners of the whole page.

/** Whether it goes into an input or a selection field. */
export function intoField({ target }: Event): boolean {
  return target instanceof Element && target.closest("select, input, textarea, [contenteditable]") !== null;
}

/** Whether a dialog is open. It closes on Esc itself, and that press does nothing behind it. */
export function dialogIsOpen(): boolean {
  return document.querySelector("dialog[open]") !== null;
}
