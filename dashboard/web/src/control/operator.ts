// Who acts: a name for the log, kept by this browser. There is no sign-in yet, so it is what
// the operator says.

const KEY = "tallylight-operator";
const NOBODY = "operator";

let name: string | null = null;

export function operator(): string {
  if (name === null) {
    try {
      name = localStorage.getItem(KEY);
    } catch {
      // A browser that stores nothing keeps the name for this page only.
    }
  }
  return name ?? NOBODY;
}

export function setOperator(given: string): void {
  name = given.trim().slice(0, 40) || NOBODY;
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // As above.
  }
}
