// The mock's viewers one by one: sessions, their records for SQL, and beacons as received. Like
// everything in the mock, they are computed from the world and the time, so that pages agree.
import { ailment, noise, shareOf, world } from "./world.mjs";

const DEVICES = [["tv", "webos 24"], ["phone", "android 16"], ["desktop", "linux"], ["tv-x900", "x-os 3"]];
const COUNTRIES = ["DE", "FR", "BR", null];
const PLAYERS = ["hls.js 1.7.4", "dash.js 5.2.1", "Shaka 5.2.12"];
const RUNGS = [150, 300, 600];

const pick = (list, seed) => list[Math.floor(noise(seed) * list.length)];
const hex = (n) => Math.floor(noise(n) * 2 ** 32).toString(16).padStart(8, "0");

/** The Watch page's own beacons by sid, so that its panel shows something true. */
export const own = new Map();
const received = [];
let number = 0;

function viewer(n, now) {
  const started = now - 20_000 - Math.floor(noise(n * 3) * 1_400_000);
  const edge = noise(n * 5) < shareOf("e1", now) ? "e1" : "e2";
  const before = noise(n * 5) < 0.51 ? "e1" : "e2";
  const slow = ailment(before, now - 5_000) === "slow" && before === "e1";
  const stalls = slow ? 1 + Math.floor(noise(n * 7) * 4) : noise(n * 7) > 0.93 ? 1 : 0;
  const [device, os] = pick(DEVICES, n * 11);
  const failed = noise(n * 23) > 0.985;
  const startup = Math.round(260 + 700 * noise(n * 13) ** 3 + (noise(n * 17) > 0.96 ? 2_600 : 0));
  const stalled = stalls * (slow ? 1_700 : 700);
  const rebuffers = Array.from({ length: stalls }, (_, at) => [(slow ? Math.max(started + 5_000, world.since + 4_000 + at * 9_000) : started + 9_000 + at * 60_000) * 1000, slow ? 1_700 : 700]);
  const ended = noise(n * 29) > 0.94 ? now - 4_000 : null;
  return {
    tenant: "demo", sid: `${hex(n)}-${hex(n + 900).slice(0, 4)}`, epoch: 0, cid: "demo", device, os, player: pick(PLAYERS, n * 31), country: pick(COUNTRIES, n * 19), asn: null,
    edge, before, pipeline: "A", started_at: started * 1000, first_frame_at: (started + startup) * 1000, ended_at: failed || ended ? (ended ?? now - 3_000) * 1000 : null,
    outcome: failed ? "failed" : ended ? "played" : "playing", startup_ms: startup, msd_ms: null, playing_ms: now - started - startup - stalled, rebuffering_ms: stalled, rebuffer_count: stalls, rebuffers,
    seeking_ms: 0, avg_bitrate_kbps: slow ? 380 : 500 + Math.round(100 * noise(n * 37)), switches: Math.floor(noise(n * 41) * 5), live_latency_ms: Math.round(6_000 + 900 * noise(n * 43) + (slow ? 3_500 : 0)),
    error_code: failed ? "fragLoadError" : null, state: failed ? "f" : ended ? "q" : slow && noise(n * 47 + Math.floor(now / 3_000)) > 0.7 ? "r" : "p", events: Math.floor((now - started) / 4_000), lost_events: noise(n * 53) > 0.96 ? 2 : 0, late_events: 0, last_seen: (now - Math.floor(900 * noise(n * 59))) * 1000,
  };
}

export function sessions(url) {
  const now = Date.now();
  const sid = url.searchParams.get("sid");
  const mine = [...own.entries()].map(([id, seen]) => watching(id, seen, now));
  const all = [...mine, ...Array.from({ length: world.viewers }, (_, n) => viewer(n + 1, now))];
  return (sid ? all.filter((one) => one.sid === sid) : all).slice(0, Number(url.searchParams.get("limit") ?? 100)).map(({ before: _, ...row }) => row);
}

function watching(sid, { since, events }, now) {
  return { ...viewer(7, now), sid, device: null, os: null, country: null, outcome: "playing", ended_at: null, state: "p", started_at: since * 1000, first_frame_at: (since + 612) * 1000, startup_ms: 612, playing_ms: now - since - 612, rebuffering_ms: 0, rebuffer_count: 0, rebuffers: [], avg_bitrate_kbps: 544, switches: 1, live_latency_ms: 6_120, error_code: null, events, lost_events: 0, last_seen: (now - 700) * 1000, edge: "e1" };
}

/** Keeps what arrived, as the collector's ring does. */
export function receive(text, source = "cmcd") {
  for (const line of text.split("\n").filter(Boolean)) {
    const sid = /(?:^|,)sid="([^"]+)"/.exec(line)?.[1] ?? null;
    const sta = /(?:^|,)e=ps(?:,|$)/.test(line) && !/(?:^|,)sta=/.test(line);
    const wrong = sid === null ? [`It ${REASONS[0].happened}. ${REASONS[0].advice}`] : [];
    if (sta) wrong.push("`e=ps` without `sta` tells of no state: add `sta` to the keys that are sent.");
    if (!/(?:^|,)cid=/.test(line)) wrong.push('No `cid`: this viewer counts under content "unknown".');
    received.push({ n: ++number, at: Date.now(), source, sid, text: line, fate: sid === null ? "rejected" : "accepted", reason: sid === null ? "no_sid" : "none", wrong });
    if (received.length > 512) received.shift();
    if (sid !== null && !sid.startsWith("my-first")) {
      const seen = own.get(sid) ?? { since: Date.now(), events: 0 };
      own.set(sid, { ...seen, events: seen.events + 1 });
    }
  }
}

export function beacons(url) {
  const sid = url.searchParams.get("sid");
  const after = Number(url.searchParams.get("after") ?? 0);
  const list = received.filter((one) => one.n > after && (!sid || one.sid === null || one.sid.startsWith(sid)));
  return { now: Date.now(), newest: number, open_since: Date.now() - 60_000, beacons: list.slice(-Number(url.searchParams.get("last") ?? 20)) };
}

export function play() {
  const sid = crypto.randomUUID();
  return { sid, stream: "demo", token: "mock", hls: `/live/demo/master.m3u8?sid=${sid}`, dash: `/live/demo/manifest.mpd?sid=${sid}`, beacon: "/v1/cmcd?k=demo", steering: { hls: `/steering/hls?sid=${sid}`, dash: `/steering/dash?sid=${sid}` }, ttl_s: 5 };
}

const column = (name, type, about, unit) => ({ name, type, about, ...(unit ? { unit } : {}) });
const SID = [column("sid", "Utf8", "The player's session id"), column("cid", "Utf8", "Content id")];
const PANE = [column("pane", "Timestamp(µs, UTC)", "Start of the pane"), column("width_s", "Int32", "Width of the pane", "s"), column("cuboid", "Utf8", "Which dimensions are set")];

export const TABLES = [
  { name: "player_events", about: "Each record of a player, with its fate.", columns: [...SID, column("ts", "Timestamp(µs, UTC)", "When it happened, by the player"), column("e", "Utf8", "Event"), column("sta", "Utf8", "State"), column("br", "List(Struct)", "Bitrate", "kbps"), column("bl", "List(Struct)", "Buffer", "ms"), column("ec", "List(Utf8)", "Error codes"), column("fate", "Utf8", "What became of it")] },
  { name: "delivery_events", about: "Each PUT and GET of the media services.", columns: [column("ts", "Timestamp(µs, UTC)", "When"), column("edge", "Utf8", "Edge"), column("pipeline", "Utf8", "Whose copy"), column("status", "Int32", "HTTP status"), column("ttfb_us", "Int64", "To the first byte", "µs")] },
  { name: "sessions", about: "Each session that ended, once.", columns: [...SID, column("device", "Utf8", "As claimed"), column("edge", "Utf8", "Newest edge"), column("started_at", "Timestamp(µs, UTC)", "First sign"), column("startup_ms", "Int64", "To the first frame", "ms"), column("rebuffering_ms", "Int64", "Time stalled", "ms"), column("rebuffer_count", "Int64", "Stalls"), column("outcome", "Utf8", "How it came out")] },
  { name: "session_spans", about: "What state each session was in, from when to when.", columns: [...SID, column("state", "Utf8", "State"), column("from", "Timestamp(µs, UTC)", "From"), column("to", "Timestamp(µs, UTC)", "To")] },
  { name: "live_sessions", about: "Sessions at this moment.", columns: [...SID, column("device", "Utf8", "As claimed"), column("edge", "Utf8", "Newest edge"), column("state", "Utf8", "State now")] },
  { name: "playback", about: "What viewers saw, summed by pane and cuboid.", columns: [...PANE, column("viewers", "Int64", "Sessions at the end of the pane"), column("playing_ms", "Int64", "Time playing", "ms"), column("rebuffering_ms", "Int64", "Time stalled", "ms")] },
  { name: "delivery", about: "What the media services served, by pane.", columns: [...PANE, column("edge", "Utf8", "Edge"), column("requests", "Int64", "Requests"), column("errors", "Int64", "Errors")] },
  { name: "fates_1s", about: "The ledger: what became of every record.", columns: [...PANE, column("source", "Utf8", "Where it came in"), column("fate", "Utf8", "Its end"), column("events", "Int64", "Records")] },
  { name: "incidents", about: "What was found to be wrong.", columns: [column("id", "Utf8", "Names it"), column("opened_at", "Timestamp(µs, UTC)", "When"), column("cause", "Utf8", "What is wrong")] },
  { name: "actions", about: "What was done about it.", columns: [column("at", "Timestamp(µs, UTC)", "When"), column("title", "Utf8", "What"), column("by", "Utf8", "Who")] },
];

const iso = (ms) => new Date(ms).toISOString().replace("Z", "000");

const REPORTERS = [["Shaka 5.2.12", 2, 41, 9120, 0], ["hls.js 1.7.4", 2, 212, 31_044, 31_020], ["dash.js 5.2.1", 2, 57, 12_400, 0], ["Media3 1.4.1", 1, 18, 2210, 2210]];
const BREACHES = [["Shaka 5.2.12", "state_missing", 812, "e=ps"], ["Shaka 5.2.12", "scalar_for_list", 9120, "br=3000"], ["dash.js 5.2.1", "decimal_for_integer", 12_400, "ltc=3456.789"], ["dash.js 5.2.1", "number_for_text", 640, "ec=25"], ["hls.js 1.7.4", "line_ends", 24, "LF after a lone record"]];
/** Some of the rules, as `GET /v1/cmcd/rules` has them. */
export const RULES = [
  { slug: "state_missing", section: "2.2", harm: "high", title: "A change of state (`e=ps`) without the state `sta`", costs: "Start-up time, rebuffering, watch time and viewers: the session's state stays what it was.", fix: "Add `sta` to the keys that the event target may send." },
  { slug: "scalar_for_list", section: "4.1", harm: "low", title: "A lone value where version 2 has a list", costs: "Nothing: it is read as a list of one.", fix: "Put the value in parentheses: `br=(3000;v)`." },
  { slug: "decimal_for_integer", section: "4.3", harm: "low", title: "A decimal where the standard has a whole number", costs: "Nothing: it is rounded.", fix: "Round before sending." },
  { slug: "number_for_text", section: "4.3", harm: "low", title: "An error code that is not a string", costs: "Nothing: it is kept as text.", fix: 'Send error codes in quotes: `ec=("25")`.' },
];

/** One of the reasons, as `GET /v1/reasons` has them. */
export const REASONS = [{ reason: "no_sid", fate: "rejected", happened: "has no usable `sid`, so it belongs to no session and is in no figure", advice: "Add `sid` to the keys that the player may send: a string in quotes, at most 64 characters, the same for the whole playback session." }];

/** A series by any dimensions, as the mock's viewers would have made it. */
export function series(url) {
  const now = Date.now();
  const by = (url.searchParams.get("by") ?? "").split(",").filter(Boolean);
  const minutes = Number(url.searchParams.get("minutes") ?? 30);
  const width_s = [10, 60, 300, 600].find((width) => (minutes * 60) / width <= 200);
  const count = (minutes * 60) / width_s;
  const from = (Math.floor(now / 1000 / width_s) - count) * width_s * 1000;
  const cells = new Map();
  for (const one of sessions(new URL("http://mock/?limit=300"))) {
    const is = Object.fromEntries(by.map((name) => [name, name === "bitrate_kbps" ? String(one.avg_bitrate_kbps) : (one[name] ?? null)]));
    const key = JSON.stringify(is);
    if (!cells.has(key)) cells.set(key, { is, mine: [] });
    cells.get(key).mine.push(one);
  }
  const ratio = url.searchParams.get("metric") === "rebuffer_ratio_pct";
  const at = (n) => from + (n + 1) * width_s * 1000;
  const there = (mine, n) => mine.filter((one) => one.started_at / 1000 < at(n) && (one.ended_at ?? Infinity) / 1000 >= at(n)).length;
  const known = at(0) > world.start ? 0 : Math.ceil((world.start - from) / width_s / 1000);
  const values = (mine, seed) => Array.from({ length: count }, (_, n) => (n < known ? null : ratio ? 0.6 * noise(seed + n) + (at(n) > world.since && seed % 2 ? 6 : 0) : there(mine, n)));
  const all = [...cells.values()].sort((a, b) => b.mine.length - a.mine.length);
  const most = Number(url.searchParams.get("cells") ?? 10);
  const rest = all.slice(most).flatMap(({ mine }) => mine);
  return { by, metric: ratio ? "rebuffer_ratio_pct" : "viewers", unit: ratio ? "%" : "", width_s, from, settled_up_to: now - 125_000, total: values(all.flatMap(({ mine }) => mine), 5), cells: all.slice(0, most).map(({ is, mine }, n) => ({ is, values: values(mine, 100 * n + 3) })), __other__: rest.length > 0 ? { cells: all.length - most, values: values(rest, 77) } : null, partial: world.scenario === "partition" ? ["1 of 4 partitions have not reported for 5 s; what their viewers did since is missing or out of date"] : [] };
}

/** Understands the few queries that the pages send; all others get a plain table. */
export function sql(text) {
  const now = Date.now();
  const sid = /sid = '([^']+)'/.exec(text)?.[1];
  const wrong = /\b(SELEC|FORM|wrong_\w+)\b/.exec(text);
  if (wrong) {
    const before = text.slice(0, wrong.index).split("\n");
    return { error: { type: "urn:tallylight:problem:sql", title: "The query is not right", status: 400, detail: `SQL error: Expected: an SQL statement, found: ${wrong[1]} at Line: ${before.length}, Column: ${before.at(-1).length + 1}. Correct it there; GET /v1/sql/tables lists what can be asked.` } };
  }
  const row = sid ? sessions(new URL(`http://mock/?sid=${sid}`))[0] : null;
  if (sid) return { rows: row ? of(text, row, now) : [] };
  if (/unnest\(broken\)/.test(text)) return { rows: BREACHES.map(([player, rule, records, example]) => ({ name: player, cmcd: 2, rule, records, example, last: iso(now - 4000) })) };
  if (/conformant/.test(text)) return { rows: REPORTERS.map(([player, cmcd, sessions, records, conformant]) => ({ name: player, cmcd, sessions, records, conformant, last: iso(now - 2000) })) };
  if (/fate = 'rejected'/.test(text)) return { rows: [{ reason: "no_sid", source: "cmcd", records: 38 }] };
  if (/FROM sessions/i.test(text)) return { rows: sessions(new URL("http://mock/?limit=200")).map((one) => ({ ...one, started_at: iso(one.started_at / 1000), rebuffers: undefined, state: undefined })) };
  if (/date_bin/i.test(text)) return { rows: Array.from({ length: 180 }, (_, n) => ({ at: iso(now - (180 - n) * 10_000), viewers: Math.round(world.viewers * (0.7 + 0.3 * (1 - Math.exp(-n / 40))) + 3 * noise(n)), rebuffer_ratio_pct: Number((0.1 + 0.2 * noise(n * 3) + (world.scenario === "incident" && n > 172 ? 8 : 0)).toFixed(3)) })) };
  const rows = DEVICES.flatMap(([device]) => ["e1", "e2"].map((edge, at) => ({ device, edge, sessions: Math.round(20 + 40 * noise(device.length + at)), rebuffers: Math.round(9 * noise(device.length * 3 + at)), rebuffer_ratio_pct: Number((0.4 * noise(device.length * 7 + at)).toFixed(3)) })));
  return { rows: rows.sort((a, b) => b.rebuffer_ratio_pct - a.rebuffer_ratio_pct), truncated: /CROSS JOIN/i.test(text) ? 10_000 : null };
}

/** Rows of one session, as each table has them. */
function of(text, row, now) {
  const from = Math.max(row.started_at / 1000, now - 600_000);
  const to = row.ended_at === null ? now : row.ended_at / 1000;
  const stalls = row.rebuffers.map(([at, ms]) => [at / 1000, ms]);
  const stalled = (at) => stalls.some(([since, ms]) => since <= at && at < since + ms);
  const rows = [];
  if (/FROM session_spans/.test(text)) {
    const first = row.first_frame_at / 1000;
    rows.push({ state: "starting", from: iso(row.started_at / 1000), to: iso(first) });
    let at = first;
    for (const [since, ms] of stalls.sort((a, b) => a[0] - b[0])) {
      rows.push({ state: "playing", from: iso(at), to: iso(since) }, { state: "rebuffering", from: iso(since), to: iso(since + ms) });
      at = since + ms;
    }
    rows.push({ state: "playing", from: iso(at), to: iso(to) });
  }
  if (/FROM player_events/.test(text)) {
    for (let at = from; at < to; at += 4_000) {
      const bad = stalls.some(([since]) => Math.abs(at - since) < 9_000);
      rows.push({ ts: iso(at), e: "t", sta: stalled(at) ? "r" : "p", br: [{ v: bad ? RUNGS[1] : noise(Math.floor(at / 60_000)) > 0.8 ? RUNGS[1] : RUNGS[2], ot: "v" }], bl: [{ v: Math.round((bad ? 400 : 4_200) + 1_600 * noise(at)), ot: null }], ltc: row.live_latency_ms + Math.round(300 * noise(at * 3)) });
    }
    if (row.outcome === "failed") rows.push({ ts: iso(to - 400), e: "e", sta: "f", ec: [row.error_code] });
  }
  if (/FROM delivery_events/.test(text)) {
    for (let at = Math.ceil(from / 2_000) * 2_000; at < to; at += 2_000) {
      const moved = world.shares.length > 1 && at > world.shares.at(-1).at + 5_000;
      const edge = moved ? row.edge : viewerEdge(row, at);
      const slow = ailment(edge, at) === "slow";
      for (const track of ["v-360", "audio"]) rows.push({ ts: iso(at + 150), service: "edge", action: "get", edge, pipeline: at % 94_000 < 4_000 ? "B" : "A", track, k: Math.floor(at / 2_000), status: slow && noise(at) > 0.93 ? 503 : 200, bytes: 60_000, ttfb_us: Math.round((slow ? 1_400_000 : 4_000) + 200_000 * noise(at) ** 4), held_us: 0 });
    }
  }
  return rows.reverse();
}

const viewerEdge = (row, at) => (world.shares.length > 1 || at < world.since ? (row.sid < "8" ? "e1" : "e2") : row.edge);
