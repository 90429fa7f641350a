// Whether single-letter keys are active. Speech input, or a hand brushing the keyboard, presses
// them unintentionally, so they can be switched off (WCAG 2.1.4).

import { keep, kept } from "../ui/kept";

const KEY = "tallylight-letters";

let on: boolean | null = null;

/** Whether they are; kept by this browser. */
export function lettersOn(): boolean {
  on ??= kept(KEY) !== "off";
  return on;
}

export function setLetters(wanted: boolean): void {
  on = wanted;
  keep(KEY, wanted ? "on" : "off");
}

/** Whether a key is among them, including digits and signs, but not the key that shows the list. */
export function isLetter(key: string): boolean {
  return [...key].length === 1 && key !== "?";
}
