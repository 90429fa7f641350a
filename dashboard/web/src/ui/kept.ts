// What this browser keeps of an operator's choices, as text. A browser that stores nothing keeps them
// for this page only.

/** What was kept under a key; null if nothing was, or cannot be read. */
export function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps a text under a key. Whether it is stored. */
export function keep(key: string, value: string): boolean {
  try {
    localStorage.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}
