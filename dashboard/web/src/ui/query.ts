// A page's own parameters of the URL, beside the selection that all pages share.

/** What belongs to one page and goes when it is left. */
export const PAGE_PARAMETERS: readonly string[] = ["player", "autoplay", "sid", "epoch", "find", "in", "over", "show", "minutes"];

export function query(name: string): string | null {
  return new URL(location.href).searchParams.get(name);
}

/** Sets, or with null takes away; a step of its own for Back unless it is only typing. */
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
