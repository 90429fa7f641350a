// Whether keys of one letter mean something. Who speaks to the machine, or brushes the keyboard,
// presses them without meaning to, so they can be switched off (WCAG 2.1.4).

const KEY = "tallylight-letters";

let on: boolean | null = null;

/** Whether they do; kept by this browser. */
export function lettersOn(): boolean {
  if (on === null) {
    try {
      on = localStorage.getItem(KEY) !== "off";
    } catch {
      on = true;
    }
  }
  return on;
}

export function setLetters(wanted: boolean): void {
  on = wanted;
  try {
    localStorage.setItem(KEY, wanted ? "on" : "off");
  } catch {
    // A browser that stores nothing keeps the choice for this page only.
  }
}

/** Whether a key is among them: digits and signs too, not the one that shows the list of keys. */
export function isLetter(key: string): boolean {
  return [...key].length === 1 && key !== "?";
}
