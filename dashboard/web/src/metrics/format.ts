// Numbers as people read them. Widths are kept steady by tabular figures and a fixed number of
// decimals per size, so that a second's update moves nothing.

import type { Metric } from "../feed/types";

export interface Shown {
  value: string;
  unit: string;
}

export const NONE = "–";
const MINUS = "−";
const THOUSANDS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });

/** A whole number with separators. */
export function count(value: number): string {
  return THOUSANDS.format(Math.round(value)).replace("-", MINUS);
}

function fixed(value: number, decimals: number): string {
  return value.toFixed(decimals).replace("-", MINUS);
}

/** The decimals that leave about three figures. */
function figures(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1000) return count(value);
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** A metric's value in its unit, or a larger one. */
export function shown(metric: Pick<Metric, "unit">, value: number | null): Shown {
  if (value === null) return { value: NONE, unit: "" };
  switch (metric.unit) {
    case "ms":
      return { value: figures(value / 1000), unit: "s" };
    case "kbps":
      return value >= 1000 ? { value: fixed(value / 1000, 2), unit: "Mbps" } : { value: count(value), unit: "kbps" };
    case "%":
      return { value: Math.abs(value) >= 100 ? count(value) : fixed(value, Math.abs(value) >= 10 ? 1 : 2), unit: "%" };
    case "":
      return { value: count(value), unit: "" };
    default:
      return { value: value === 0 ? "0" : fixed(value, value >= 100 ? 0 : 1), unit: metric.unit };
  }
}

/** Value and unit together. */
export function text(metric: Pick<Metric, "unit">, value: number | null): string {
  const { value: figure, unit } = shown(metric, value);
  if (unit === "") return figure;
  return unit.startsWith("/") ? `${figure}${unit}` : `${figure} ${unit}`;
}

/** A value on an axis, without meaningless decimals. */
export function tick(metric: Pick<Metric, "unit">, value: number): string {
  // There are no half viewers.
  if (metric.unit === "" && !Number.isInteger(value)) return "";
  return text(metric, value).replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
}

/** A change from an earlier value: points for per cent, factor or share for the rest. */
export function change(metric: Pick<Metric, "unit">, now: number | null, before: number | null): string {
  if (now === null || before === null) return "";
  if (before > 0 && now / before >= 2 && now - before > 0.005) return `×${fixed(now / before, now / before >= 10 ? 0 : 1)}`;
  const difference = now - before;
  if (metric.unit === "%") return Math.abs(difference) < 0.005 ? "±0" : `${difference > 0 ? "+" : MINUS}${fixed(Math.abs(difference), 2)}`;
  if (before === 0) return now === 0 ? "±0 %" : "from 0";
  const share = Math.round((100 * difference) / before);
  return share === 0 ? "±0 %" : `${share > 0 ? "+" : MINUS}${Math.abs(share)} %`;
}

/** A span of time: `0.9 s`, `48 s`, `3 min`, `2.1 h`. */
export function span(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return NONE;
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Bytes in binary units, as operators know disks and memory. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = value;
  let at = 0;
  while (size >= 1024 && at < units.length - 1) {
    size /= 1024;
    at += 1;
  }
  return `${at === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[at]}`;
}

/** Bits per second from bytes over a span. */
export function bitRate(byteCount: number, seconds: number): string {
  const bits = (8 * byteCount) / seconds;
  if (bits >= 1e9) return `${(bits / 1e9).toFixed(2)} Gbps`;
  return bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbps` : `${Math.round(bits / 1e3)} kbps`;
}

/** `20:18:04` in UTC. */
export function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

/** `20:18:04` in UTC, and `03-31 20:18:04` where that is not now's day. */
export function moment(ms: number, nowMs: number): string {
  const [at, now] = [new Date(ms).toISOString(), new Date(nowMs).toISOString()];
  return at.slice(0, 10) === now.slice(0, 10) ? clock(ms) : `${at.slice(5, 10)} ${clock(ms)}`;
}

/** The same time where the reader is, for a title. */
export function localTime(ms: number): string {
  return `${LOCAL.format(ms)} local time`;
}

/** `20:18` in UTC. */
export function clockMinutes(ms: number): string {
  return new Date(ms).toISOString().slice(11, 16);
}
