// The shape of a result: which columns hold times, numbers or names, and which chart fits it.

import { clock } from "../metrics/format";
import { toMs } from "../sessions/row";
import type { Row } from "./api";

export type ColumnKind = "time" | "number" | "text" | "nested" | "empty";

export interface Field {
  name: string;
  kind: ColumnKind;
}

const ISO = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/;

function kindOf(value: unknown): ColumnKind {
  if (value === null || value === undefined) return "empty";
  if (typeof value === "number") return "number";
  if (typeof value === "object") return "nested";
  return typeof value === "string" && ISO.test(value) ? "time" : "text";
}

/** Columns in the order of their first appearance: a null may be left out of a row. */
export function fieldsOf(rows: readonly Row[]): Field[] {
  const fields = new Map<string, ColumnKind>();
  for (const row of rows) {
    for (const name in row) {
      const known = fields.get(name) ?? "empty";
      const kind = kindOf(row[name]);
      if (known === "empty") fields.set(name, kind);
      else if (kind !== "empty" && kind !== known) fields.set(name, "text");
    }
  }
  return [...fields].map(([name, kind]) => ({ name, kind }));
}

/** A value as the table shows it. */
export function shownAs(value: unknown, kind: ColumnKind): string {
  if (value === null || value === undefined) return "NULL";
  if (kind === "time") {
    const ms = toMs(value);
    return ms === null ? String(value) : `${new Date(ms).toISOString().slice(0, 10)} ${clock(ms)}.${String(Math.floor(ms) % 1000).padStart(3, "0")}`;
  }
  if (typeof value === "object") return JSON.stringify(value);
  if (typeof value === "number" && !Number.isInteger(value)) return String(rounded(value));
  return String(value);
}

/** Only decimals are rounded: a whole part with digits replaced by zeros would look exact. */
function rounded(value: number): number {
  return Number(Math.abs(value) < 1 ? value.toPrecision(7) : value.toFixed(6));
}

export interface LineChart {
  kind: "lines";
  /** What all lines have in common, as `requests by edge`; empty when their names say it. */
  what: string;
  /** Unix s. */
  x: number[];
  lines: { name: string; y: (number | null)[] }[];
  left: number;
  /** Rows that are not drawn, as another has their time and name. */
  hidden?: number;
  /** The unit of all lines, which then share one scale from 0 on. */
  unit?: string;
}

export interface BarChart {
  kind: "bars";
  value: string;
  /** No value where it is not known. */
  bars: { name: string; value: number | null }[];
  left: number;
}

export type ChartShape = LineChart | BarChart | { kind: "none"; why: string };

/** Lines that can share a scale: those whose largest values are within a factor of 12. */
export function scalesOf(shape: LineChart): LineChart["lines"][] {
  if (shape.unit !== undefined) return [shape.lines];
  const top = (line: LineChart["lines"][number]): number => line.y.reduce<number>((most, value) => Math.max(most, Math.abs(value ?? 0)), 0);
  const groups: { most: number; lines: LineChart["lines"] }[] = [];
  for (const line of shape.lines) {
    const most = top(line);
    const group = groups.find((one) => Math.max(one.most, most) <= 12 * Math.max(Math.min(one.most, most), 1e-12));
    if (group) group.lines.push(line);
    else groups.push({ most, lines: [line] });
  }
  // More than three charts, one below the other, are too low to read.
  return groups.length <= 3 ? groups.map(({ lines: own }) => own) : [shape.lines];
}

const MOST_LINES = 6;
const MOST_BARS = 30;

/** Columns that a chart can show; a wider answer is a table of records. */
const CHARTED = 6;

/** Whether a result is at first shown as lines rather than as a table: where none hide others. */
export function opensAsChart(shape: ChartShape, fields: readonly Field[]): boolean {
  return shape.kind === "lines" && shape.x.length > 2 && fields.length <= CHARTED && !shape.hidden;
}

/** A time column makes lines; without one, names and a number make bars. */
export function chartOf(rows: readonly Row[], fields: readonly Field[]): ChartShape {
  const time = fields.find((field) => field.kind === "time");
  const numbers = fields.filter((field) => field.kind === "number");
  const names = fields.filter((field) => field.kind === "text").map((field) => field.name);
  const first = numbers[0];
  if (rows.length === 0) return { kind: "none", why: "The result has no rows." };
  if (!first) return { kind: "none", why: "A chart needs a column of numbers." };
  if (time && rows.length > 1) return lines(rows, time.name, numbers.map((field) => field.name), names);
  const value = numbers.at(-1) ?? first;
  const bars = rows.slice(0, MOST_BARS).map((row) => ({ name: barName(row, names, numbers.length > 1 ? first.name : null), value: numberOf(row[value.name]) }));
  return { kind: "bars", value: value.name, bars, left: rows.length - bars.length };
}

const numberOf = (value: unknown): number | null => (typeof value === "number" ? value : null);
const nameOf = (row: Row, names: readonly string[]): string => names.map((name) => String(row[name] ?? "unknown")).join(" · ");

function barName(row: Row, names: readonly string[], number: string | null): string {
  if (names.length > 0) return nameOf(row, names);
  return number === null ? "" : String(row[number] ?? "unknown");
}

/** One line per number column, or per name when columns of names accompany the first number. */
function lines(rows: readonly Row[], time: string, numbers: readonly string[], names: readonly string[]): LineChart {
  const named = names.length > 0;
  const found = new Map<string, Map<number, number | null>>();
  const times = new Set<number>();
  let hidden = 0;
  for (const row of rows) {
    const at = toMs(row[time]);
    if (at === null) continue;
    times.add(at);
    let again = false;
    for (const number of named ? numbers.slice(0, 1) : numbers) {
      const line = named ? nameOf(row, names) : number;
      let points = found.get(line);
      if (!points) found.set(line, (points = new Map()));
      if (points.has(at)) again = true;
      else points.set(at, numberOf(row[number]));
    }
    if (again) hidden += 1;
  }
  const x = [...times].sort((a, b) => a - b);
  const weight = (points: Map<number, number | null>): number => [...points.values()].reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0);
  const order = named ? [...found].sort((a, b) => weight(b[1]) - weight(a[1])) : [...found];
  return {
    kind: "lines",
    what: named ? `${numbers[0] ?? ""} by ${names.join(", ")}` : "",
    x: x.map((at) => at / 1000),
    lines: order.slice(0, MOST_LINES).map(([line, points]) => ({ name: line, y: x.map((at) => points.get(at) ?? null) })),
    left: Math.max(0, order.length - MOST_LINES),
    hidden,
  };
}
