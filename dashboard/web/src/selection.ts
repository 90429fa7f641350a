// The selection is kept in the URL: a link shows a colleague the same, and Back works.

import { pageAt, pathOf, type Place } from "./pages";
import { PAGE_PARAMETERS } from "./ui/query";

export interface Selection {
  page: Place;
  metric: string;
  by: string;
  /** Restricts the page to one content; null is all. */
  content: string | null;
  /** Time span of the chart, minutes. */
  span: 5 | 30;
}

export const DEFAULT_METRIC = "viewers";
export const DEFAULT_BY = "edge";
export const DIMENSIONS: readonly string[] = ["content", "rendition", "edge", "pipeline", "device", "country", "player", "os", "asn"];

/** The label of a dimension whose own name would not be understood. */
export const DIMENSION_WORDS: Readonly<Record<string, string>> = { os: "OS", asn: "network" };

/** Where a dimension's value comes from, for those that are not measured. */
export const DIMENSION_SOURCES: Readonly<Record<string, string>> = {
  device: "as the player claims it, else by its User-Agent",
  country: "as the player claims it, else by its address",
  player: "as it names itself, else by its User-Agent",
  os: "as the player claims it, else by its User-Agent",
  asn: "the autonomous system of the viewer's address",
};

export const dimensionWord = (dimension: string): string => DIMENSION_WORDS[dimension] ?? dimension;

export function parse(url: URL): Selection {
  const get = (name: string): string | null => url.searchParams.get(name);
  const by = get("by") ?? DEFAULT_BY;
  return {
    page: pageAt(url.pathname),
    metric: get("metric") ?? DEFAULT_METRIC,
    by: DIMENSIONS.includes(by) ? by : DEFAULT_BY,
    content: get("content"),
    span: get("span") === "5" ? 5 : 30,
  };
}

/** The URL of a selection; defaults are left out, and other parameters stay. */
export function urlOf(selection: Selection, current: URL): string {
  const url = new URL(current);
  if (pageAt(url.pathname) !== selection.page) for (const name of PAGE_PARAMETERS) url.searchParams.delete(name);
  // An unknown path is shown as it was written.
  if (selection.page !== "lost") url.pathname = pathOf(selection.page);
  const set = (name: string, value: string | null): void => {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  };
  set("metric", selection.metric === DEFAULT_METRIC ? null : selection.metric);
  set("by", selection.by === DEFAULT_BY ? null : selection.by);
  set("content", selection.content);
  set("span", selection.span === 30 ? null : "5");
  return url.pathname + url.search;
}

/** Holds the selection and reports changes, ours and the browser's. */
export class SelectionStore {
  current: Selection = parse(new URL(location.href));

  constructor(private readonly changed: () => void) {
    window.addEventListener("popstate", () => {
      this.current = parse(new URL(location.href));
      this.changed();
    });
  }

  go(change: Partial<Selection>): void {
    const before = urlOf(this.current, new URL(location.href));
    // On Watch it would be what the player claims to show, which only a link says (docs/pages.md).
    const claim = change.page === "watch" && this.current.page !== "watch" ? { content: null } : {};
    this.current = { ...this.current, ...change, ...claim };
    const after = urlOf(this.current, new URL(location.href));
    if (after !== before) history.pushState(null, "", after);
    this.changed();
  }
}
