// A page's own URL parameters, beside the selection that all pages share.

/** Parameters that belong to one page and are dropped when it is left. */
export const PAGE_PARAMETERS: readonly string[] = ["player", "autoplay", "sid", "epoch", "find", "in", "over", "show", "minutes"];

export function query(name: string): string | null {
  return new URL(location.href).searchParams.get(name);
}

/** Sets a parameter, or removes it with null; adds a history entry unless it is only typing. */
export function setQuery(change: Readonly<Record<string, string | null>>, step: "push" | "replace" = "push"): void {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(change)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  if (url.href === location.href) return;
  if (step === "push") history.pushState(null, "", url);
  else history.replaceState(null, "", url);
}
