// Dark first; light for daylight and print.

import { keep, kept } from "../ui/kept";
import { forgetPalette } from "../ui/palette";

const KEY = "tallylight-theme";

export function applyTheme(): void {
  document.documentElement.dataset["theme"] = kept(KEY) === "light" ? "light" : "dark";
  forgetPalette();
}

export function toggleTheme(): void {
  const next = document.documentElement.dataset["theme"] === "light" ? "dark" : "light";
  keep(KEY, next);
  document.documentElement.dataset["theme"] = next;
  forgetPalette();
}
