// Dark first; light for daylight and print.

import { forgetPalette } from "../ui/palette";

const KEY = "tallylight-theme";

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function applyTheme(): void {
  document.documentElement.dataset["theme"] = stored() === "light" ? "light" : "dark";
  forgetPalette();
}

export function toggleTheme(): void {
  const next = document.documentElement.dataset["theme"] === "light" ? "dark" : "light";
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // A browser that stores nothing keeps the choice for this page only.
  }
  document.documentElement.dataset["theme"] = next;
  forgetPalette();
}
