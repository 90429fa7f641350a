// `GET /v1/series`: a metric over time by any dimensions, of the viewers that match a search.

import { literal } from "../sql/api";
import type { LineChart } from "../sql/shape";
import { wordOf, type Term } from "./find";

export interface Series {
  by: readonly string[];
  metric: string;
  unit: string;
  width_s: number;
  /** Start of the first pane, Unix ms. */
  from: number;
  total: readonly (number | null)[];
  cells: readonly { is: Readonly<Record<string, string | null>>; values: readonly (number | null)[] }[];
  __other__: { cells: number; values: readonly (number | null)[] } | null;
  partial: readonly string[];
}

/** Dimensions of a span of viewing, with the page's names for them. */
export const OVER: Readonly<Record<string, string>> = {
  device: "device",
  os: "system",
  player: "player",
  country: "country",
  asn: "network",
  edge: "edge",
  pipeline: "pipeline",
  bitrate_kbps: "bitrate",
  cid: "content",
};

/** Words of a search that apply to a span of viewing, by column. */
const COLUMNS: Readonly<Record<string, string>> = { device: "device", os: "os", player: "player", country: "country", asn: "asn", edge: "edge", pipeline: "pipeline", content: "cid" };

/** Lines of the chart beside the one of all others. */
const NAMED = 5;

/** The search as a condition on spans, and the words that do not apply to them. */
export function spansWhere(terms: readonly Term[]): { where: string; left: string[] } {
  const parts: string[] = [];
  const left: string[] = [];
  for (const { name, value } of terms) {
    const column = COLUMNS[name];
    if (name === "sid" && !value.includes(":")) parts.push(`starts_with(lower(sid), ${literal(value.toLowerCase())})`);
    else if (column && value.toLowerCase() === "unknown") parts.push(`${column} IS NULL`);
    else if (column) parts.push(`lower(CAST(${column} AS VARCHAR)) = ${literal(value.toLowerCase())}`);
    else left.push(wordOf({ name, value }));
  }
  return { where: parts.join(" AND "), left };
}

/** A chart begins with the known data, and grows; it has at least this many panes. */
const FEWEST_PANES = 12;

/** The lines that a chart draws, in the order of the answer: most viewers first. */
export function linesOf(series: Series): LineChart {
  const known = series.total.findIndex((one) => one !== null);
  const start = Math.max(0, Math.min(known, series.total.length - FEWEST_PANES));
  const x = series.total.slice(start).map((_, at) => series.from / 1000 + (start + at) * series.width_s);
  const value = (name: string, of: string | null | undefined): string => (of === null || of === undefined ? "unknown" : name === "bitrate_kbps" ? `${of} kbps` : of);
  const lines = series.cells.map(({ is, values }) => ({ name: series.by.map((name) => value(name, is[name])).join(" · "), y: values.slice(start) }));
  const other = series.__other__;
  if (other) lines.push({ name: `${other.cells} ${other.cells === 1 ? "other" : "others"} together`, y: other.values.slice(start) });
  return { kind: "lines", what: "", x, lines, left: 0, unit: series.unit };
}

/** Requests the series; the error is a sentence for the page. */
export async function ask(by: readonly string[], metric: string, minutes: number, where: string, signal: AbortSignal): Promise<Series> {
  const parameters = new URLSearchParams({ by: by.join(","), metric, minutes: String(minutes), cells: String(NAMED) });
  if (where !== "") parameters.set("where", where);
  const answer = await fetch(`/v1/series?${parameters}`, { signal });
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text) as Series;
  let detail = `The dashboard answers ${answer.status}.`;
  try {
    detail = (JSON.parse(text) as { detail?: string }).detail ?? detail;
  } catch {
    // Not a problem document of ours: only the status is shown.
  }
  throw new Error(detail);
}
