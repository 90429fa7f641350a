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
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(7)));
  return String(value);
}

export interface LineChart {
  kind: "lines";
  /** What all lines have in common, as `requests by edge`; empty when their names say it. */
  what: string;
  /** Unix s. */
  x: number[];
  lines: { name: string; y: (number | null)[] }[];
  left: number;
  /** The unit of all lines, which then share one scale from 0 on. */
  unit?: string;
}

export interface BarChart {
  kind: "bars";
  value: string;
  bars: { name: string; value: number }[];
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

/** Whether a result is at first shown as a line rather than as a table. */
export function opensAsChart(shape: ChartShape, fields: readonly Field[]): boolean {
  return shape.kind === "lines" && shape.x.length > 2 && fields.length <= CHARTED;
}

/** A time column makes lines; without one, names and a number make bars. */
export function chartOf(rows: readonly Row[], fields: readonly Field[]): ChartShape {
  const time = fields.find((field) => field.kind === "time");
  const numbers = fields.filter((field) => field.kind === "number");
  const names = fields.filter((field) => field.kind === "text");
  const first = numbers[0];
  if (rows.length === 0) return { kind: "none", why: "The result has no rows." };
  if (!first) return { kind: "none", why: "A chart needs a column of numbers." };
  if (time && rows.length > 1) return lines(rows, time.name, numbers.map((field) => field.name), names[0]?.name ?? null);
  const label = names.map((field) => field.name);
  const value = numbers.at(-1) ?? first;
  const sorted = rows.map((row) => ({ name: barName(row, label, numbers.length > 1 ? first.name : null), value: Number(row[value.name] ?? 0) }));
  return { kind: "bars", value: value.name, bars: sorted.slice(0, MOST_BARS), left: Math.max(0, sorted.length - MOST_BARS) };
}

function barName(row: Row, labels: readonly string[], number: string | null): string {
  if (labels.length > 0) return labels.map((label) => String(row[label] ?? "unknown")).join(" · ");
  return number === null ? "" : String(row[number] ?? "unknown");
}

/** One line per number column, or per name when a column of names accompanies the first number. */
function lines(rows: readonly Row[], time: string, numbers: readonly string[], name: string | null): LineChart {
  const found = new Map<string, Map<number, number | null>>();
  const times = new Set<number>();
  for (const row of rows) {
    const at = toMs(row[time]);
    if (at === null) continue;
    times.add(at);
    for (const number of name === null ? numbers : numbers.slice(0, 1)) {
      const line = name === null ? number : String(row[name] ?? "unknown");
      let points = found.get(line);
      if (!points) found.set(line, (points = new Map()));
      const value = row[number];
      points.set(at, typeof value === "number" ? value : null);
    }
  }
  const x = [...times].sort((a, b) => a - b);
  const weight = (points: Map<number, number | null>): number => [...points.values()].reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0);
  const order = name === null ? [...found] : [...found].sort((a, b) => weight(b[1]) - weight(a[1]));
  return {
    kind: "lines",
    what: name === null ? "" : `${numbers[0] ?? ""} by ${name}`,
    x: x.map((at) => at / 1000),
    lines: order.slice(0, MOST_LINES).map(([line, points]) => ({ name: line, y: x.map((at) => points.get(at) ?? null) })),
    left: Math.max(0, order.length - MOST_LINES),
  };
}
