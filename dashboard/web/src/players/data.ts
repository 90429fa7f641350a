// Which player breaks which rule of CMCD how often, from the column `broken` of player_events.

import { literal, queryPatiently as query, staleness, type Row } from "../sql/api";
import { SERVICES } from "../stream/tally";

export interface Rule {
  slug: string;
  section: string;
  harm: "high" | "middle" | "low";
  title: string;
  costs: string;
  fix: string;
}

export interface Breach {
  rule: Rule;
  records: number;
  /** The record as sent, without session ids, URLs and texts. */
  example: string;
  last: number;
}

export interface Player {
  /** Name and version, with the version of CMCD: one page of a report. */
  key: string;
  name: string;
  cmcd: number;
  sessions: number;
  records: number;
  conformant: number;
  /** Records that break a rule which spoils a figure or loses data. */
  harmed: number;
  last: number;
  breaches: Breach[];
}

/** Why the collector refuses a record. */
export interface Reason {
  reason: string;
  happened: string;
  advice: string;
}

export interface Refusal {
  reason: string;
  source: string;
  records: number;
  /** What happened and what to do; empty for a reason of a newer collector. */
  words: string;
}

export interface Report {
  at: number;
  players: Player[];
  refused: Refusal[];
  /** Whether there are more players or breaches than are listed. */
  cut: boolean;
  /** What the records lack, in words. */
  stale: string | null;
}

const PLAYERS = 200;
const BREACHES = 1_000;
// The collector leaves the source out where the mode implies it. Reports of edges and CDNs do not
// say which player it was.
const FROM = "received_at > now() - INTERVAL '1 hour' AND coalesce(source, '') NOT IN ('events', 'edge', 'otlp')";

/** The query of this page, so that everyone can run it in SQL. */
export const QUERIES = {
  players: `SELECT coalesce(player, 'unknown') AS name, coalesce(v, 1) AS cmcd,
       count(*) AS records, count(DISTINCT sid) AS sessions,
       sum(CASE WHEN broken IS NULL THEN 1 ELSE 0 END) AS conformant,
       max(received_at) AS last
FROM player_events WHERE ${FROM}
GROUP BY 1, 2 ORDER BY records DESC LIMIT ${PLAYERS}`,
  breaches: `SELECT name, cmcd, b['k'] AS rule, count(*) AS records,
       max(b['v']) AS example, max(received_at) AS last
FROM (SELECT coalesce(player, 'unknown') AS name, coalesce(v, 1) AS cmcd, received_at,
             unnest(broken) AS b
      FROM player_events WHERE broken IS NOT NULL AND ${FROM})
GROUP BY 1, 2, 3 ORDER BY records DESC LIMIT ${BREACHES}`,
  refused: `SELECT reason, source, sum(events) AS records
FROM fates_1s
WHERE fate = 'rejected' AND source NOT IN (${SERVICES.map(literal).join(", ")}) AND pane > now() - INTERVAL '1 hour'
GROUP BY 1, 2 ORDER BY records DESC LIMIT 50`,
};

/** Records that break any of these rules: one record may break several. */
function harmedQuery(rules: readonly Rule[]): string {
  const slugs = rules.filter(({ harm }) => harm !== "low").map(({ slug }) => literal(slug));
  return `SELECT name, cmcd, count(DISTINCT n) AS harmed
FROM (SELECT name, cmcd, n, unnest(broken) AS b
      FROM (SELECT coalesce(player, 'unknown') AS name, coalesce(v, 1) AS cmcd, broken,
                   row_number() OVER () AS n
            FROM player_events WHERE broken IS NOT NULL AND ${FROM}))
WHERE b['k'] IN (${slugs.join(", ")}) GROUP BY 1, 2`;
}

const HARMS = ["high", "middle", "low"] as const;
const number = (value: unknown): number => Number(value ?? 0);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const time = (value: unknown): number => (typeof value === "string" ? Date.parse(value) : number(value));
const keyOf = (row: Row): string => `${text(row["name"])}\u0001${number(row["cmcd"])}`;

/** The level of colour and shape: low ones are grey. */
export function levelOf(rule: Rule): 0 | 1 | 2 {
  return rule.harm === "high" ? 2 : rule.harm === "middle" ? 1 : 0;
}

/**
 * Players with their breaches, by harm: rules that spoil a figure come first, then those broken in
 * more records.
 */
export function assemble(players: readonly Row[], breaches: readonly Row[], harmed: readonly Row[], rules: readonly Rule[]): Player[] {
  const harmedBy = new Map(harmed.map((row) => [keyOf(row), number(row["harmed"])]));
  const byKey = new Map<string, Breach[]>();
  for (const row of breaches) {
    const slug = text(row["rule"]);
    // A rule of a newer collector is shown by its name.
    const rule = rules.find((one) => one.slug === slug) ?? { slug, section: "", harm: "low", title: slug, costs: "", fix: "" };
    const list = byKey.get(keyOf(row)) ?? [];
    list.push({ rule, records: number(row["records"]), example: text(row["example"]), last: time(row["last"]) });
    byKey.set(keyOf(row), list);
  }
  const all = players.map((row): Player => {
    const list = byKey.get(keyOf(row)) ?? [];
    list.sort((a, b) => HARMS.indexOf(a.rule.harm) - HARMS.indexOf(b.rule.harm) || b.records - a.records);
    return { key: keyOf(row), name: text(row["name"]), cmcd: number(row["cmcd"]), sessions: number(row["sessions"]), records: number(row["records"]), conformant: number(row["conformant"]), harmed: harmedBy.get(keyOf(row)) ?? 0, last: time(row["last"]), breaches: list };
  });
  const spoiled = (player: Player, harm: string): number => Math.max(0, ...player.breaches.filter(({ rule }) => rule.harm === harm).map(({ records }) => records));
  return all.sort((a, b) => {
    for (const harm of HARMS) {
      const more = spoiled(b, harm) - spoiled(a, harm);
      if (more !== 0) return more;
    }
    return b.records - a.records;
  });
}

async function list<T>(path: string, signal: AbortSignal): Promise<T[]> {
  return (await (await fetch(path, { signal })).json()) as T[];
}

function refusal(row: Row, reasons: readonly Reason[]): Refusal {
  const known = reasons.find(({ reason }) => reason === row["reason"]);
  return { reason: text(row["reason"]), source: text(row["source"]), records: number(row["records"]), words: known ? `It ${known.happened}. ${known.advice}` : "" };
}

export async function report(signal: AbortSignal): Promise<Report> {
  const known = await list<Rule>("/v1/cmcd/rules", signal);
  const reasons = await list<Reason>("/v1/reasons", signal);
  // One after the other: the server answers few at once, and queries of people come first.
  const players = await query(QUERIES.players, signal);
  const breaches = await query(QUERIES.breaches, signal);
  const harmed = breaches.rows.length === 0 ? null : await query(harmedQuery(known), signal);
  const refused = await query(QUERIES.refused, signal);
  return {
    at: Date.now(),
    players: assemble(players.rows, breaches.rows, harmed?.rows ?? [], known),
    refused: refused.rows.map((row) => refusal(row, reasons)),
    cut: players.rows.length === PLAYERS || breaches.rows.length === BREACHES,
    stale: staleness([...new Set([players, breaches, refused].flatMap(({ filesAlone }) => filesAlone))]),
  };
}
