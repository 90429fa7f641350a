// Example queries, and those saved in this browser.

import type { Formula, Metric } from "../feed/types";
import { keep, kept } from "../ui/kept";

export interface Saved {
  name: string;
  sql: string;
}

/** Each answers a question of an operator or an analyst. */
export const EXAMPLES: readonly Saved[] = [
  {
    name: "Viewers and rebuffer ratio, each 10 s",
    sql: `SELECT date_bin(INTERVAL '10 seconds', pane) AS at,
       avg(viewers) AS viewers,
       100.0 * sum(rebuffering_ms) / nullif(sum(watched_ms), 0) AS rebuffer_ratio_pct
FROM (SELECT pane, sum(viewers) AS viewers, sum(rebuffering_ms) AS rebuffering_ms,
             sum(starting_ms + playing_ms + rebuffering_ms + seeking_ms) AS watched_ms
      FROM playback
      WHERE cuboid = 'content' AND pane > now() - INTERVAL '30 minutes'
      GROUP BY pane)
GROUP BY at ORDER BY at`,
  },
  {
    name: "Who rebuffers: by device and edge",
    sql: `SELECT device, edge, count(*) AS sessions,
       sum(rebuffer_count) AS rebuffers,
       100.0 * sum(rebuffering_ms) / nullif(sum(playing_ms + rebuffering_ms), 0) AS rebuffer_ratio_pct
FROM live_sessions
GROUP BY device, edge
ORDER BY rebuffer_ratio_pct DESC NULLS LAST`,
  },
  {
    name: "Startup by device, p50 and p95",
    sql: `SELECT coalesce(device, 'unknown') AS device, count(*) AS starts,
       approx_percentile_cont(startup_ms, 0.5) AS p50_ms,
       approx_percentile_cont(startup_ms, 0.95) AS p95_ms
FROM sessions
WHERE startup_ms IS NOT NULL
GROUP BY 1 ORDER BY p95_ms DESC`,
  },
  {
    name: "The sessions that stalled longest",
    sql: `SELECT sid, device, edge, pipeline, started_at, startup_ms,
       rebuffer_count, rebuffering_ms, avg_bitrate_kbps, outcome
FROM sessions
WHERE rebuffer_count > 0
ORDER BY rebuffering_ms DESC
LIMIT 50`,
  },
  {
    name: "Edges: requests, errors, share of hits",
    sql: `SELECT date_bin(INTERVAL '10 seconds', pane) AS at, edge,
       sum(requests) AS requests, sum(errors) AS errors,
       100.0 * sum(hits) / nullif(sum(requests), 0) AS hit_pct
FROM delivery
WHERE service = 'edge' AND action = 'get' AND pane > now() - INTERVAL '15 minutes'
GROUP BY at, edge ORDER BY at`,
  },
  {
    name: "What became of every record",
    sql: `SELECT source, fate, reason, sum(events) AS events
FROM fates_1s
GROUP BY source, fate, reason
ORDER BY events DESC`,
  },
  {
    name: "Actions, with what they were for",
    sql: `SELECT a.at, a.title, a.state, a.by, a.outcome, i.cause
FROM actions a LEFT JOIN incidents i ON i.id = a.incident
ORDER BY a.at DESC`,
  },
  {
    name: "The newest player errors",
    sql: `SELECT ts, sid, cid, ec, sta
FROM player_events
WHERE ec IS NOT NULL OR sta = 'f'
ORDER BY ts DESC
LIMIT 100`,
  },
];

const KEY = "tallylight-queries";
const LAST = "tallylight-query";

function read<T>(key: string, otherwise: T): T {
  try {
    return (JSON.parse(kept(key) ?? "null") as T | null) ?? otherwise;
  } catch {
    return otherwise;
  }
}

const write = (key: string, value: unknown): boolean => keep(key, JSON.stringify(value));

export function savedQueries(): Saved[] {
  return read<Saved[]>(KEY, []);
}

/** False when this browser stores nothing. */
export function save(query: Saved): boolean {
  return write(KEY, [query, ...savedQueries().filter((one) => one.name !== query.name)].slice(0, 100));
}

export function forget(name: string): void {
  write(KEY, savedQueries().filter((one) => one.name !== name));
}

export function lastQuery(): string {
  return read<string>(LAST, EXAMPLES[0]?.sql ?? "");
}

export function remember(sql: string): void {
  write(LAST, sql);
}

/** A metric by its definition, over the last half hour: the same formula as in every chart. */
export function metricQuery(metric: Metric): string {
  const width = Math.max(10, metric.window_s);
  // Whole steps only: a rate over a part of one would be too low. The newest panes are still counted.
  const step = (back: string): string => `date_bin(INTERVAL '${width} seconds', now() - INTERVAL '${back}')`;
  return `-- ${metric.title}${metric.unit ? `, ${metric.unit}` : ""} · per ${metric.denominator} · from ${metric.source}
SELECT date_bin(INTERVAL '${width} seconds', pane) AS at,
       ${expression(metric.formula, width)} AS ${metric.name}
FROM ${metric.formula.kind === "gauge" ? `(SELECT pane, sum(${metric.formula.of}) AS ${metric.formula.of} FROM playback WHERE cuboid = 'content' GROUP BY pane)` : "playback"}
WHERE ${metric.formula.kind === "gauge" ? "" : "cuboid = 'content' AND "}pane >= ${step("30 minutes")} AND pane < ${step("3 seconds")}
GROUP BY at ORDER BY at`;
}

export function expression(formula: Formula, seconds: number): string {
  switch (formula.kind) {
    case "gauge":
      return `avg(${formula.of})`;
    case "rate":
      return `sum(${formula.of}) / ${seconds}.0`;
    case "ratio":
      return `${formula.scale}.0 * sum(${formula.num}) / nullif(sum(${formula.den.join(" + ")}), 0)`;
    case "quantile":
      return `sketch_quantile(sketch_merge(${formula.of}), ${formula.q})`;
  }
}
