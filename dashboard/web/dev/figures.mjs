// Invented figures for the mock: rows of panes as a platform with 200 viewers would send
// them. Nothing of this is built into the product.
const GAMMA = 1.01 / 0.99;
const bin = (value) => (value < 1 ? -1 : Math.ceil(Math.log(value) / Math.log(GAMMA)));

/** The same pane has the same noise however often it is made. */
const noise = (seed) => {
  const x = Math.sin(seed * 12.9898) * 43758.5453;
  return x - Math.floor(x);
};

function bins(count, middle, spread, seed) {
  const sums = new Map();
  for (let n = 0; n < count; n += 1) {
    const u = noise(seed + n * 7.7) + noise(seed + n * 3.1) + noise(seed + n * 1.3) - 1.5;
    const index = bin(middle * Math.exp(u * spread));
    sums.set(index, (sums.get(index) ?? 0) + 1);
  }
  return [...sums].sort((a, b) => a[0] - b[0]);
}

const EDGES = [["e1", 0.68], ["e2", 0.32]];
const RUNGS = [["600 kbps", 0.71], ["300 kbps", 0.2], ["150 kbps", 0.09]];
const COUNTRIES = [["DE", 0.4], ["FR", 0.25], ["BR", 0.2], [null, 0.15]];
const DEVICES = [["tv", 0.45], ["phone", 0.35], ["desktop", 0.2]];

/** Whether this pane lies in the incident: edge e1 is slow in the last 70 s before `until`. */
const bad = (world, pane) => world.scenario === "incident" && pane > world.since;

function measures(world, pane, share, seconds, stalled, seed) {
  const t = pane / 1000;
  const viewers = Math.max(0, Math.round(world.viewers * share * (1 - 0.55 * Math.exp(-(pane - world.start) / 300_000)) + 2 * share * Math.sin(t / 40)));
  const wanted = viewers * seconds * 1000;
  const rebuffer = Math.round(wanted * (stalled ? 0.09 + 0.02 * noise(seed + t) : 0.0018 * noise(seed + t)));
  const starts = Math.round(viewers * seconds * (0.004 + 0.006 * noise(seed + t * 3)) + (noise(seed + t) > 0.6 ? share : 0));
  const failed = stalled && noise(seed + t * 5) > 0.55 ? 1 : noise(seed + t * 11) > 0.9995 ? 1 : 0;
  return {
    viewers, attempts: starts + failed, starts, start_failures: failed,
    exits_before_start: noise(seed + t * 2) > 0.996 ? 1 : 0, failures: noise(seed + t * 13) > 0.9997 ? 1 : 0,
    starting_ms: starts * 420, playing_ms: wanted - rebuffer, rebuffering_ms: rebuffer, seeking_ms: 0,
    rebuffer_count: Math.round(rebuffer / 900), bitrate_kbps_ms: (wanted - rebuffer) * (stalled ? 380 : 540 + Math.round(10 * noise(t))), bitrate_ms: wanted - rebuffer,
    events: Math.round(viewers * seconds * 0.2), lost_events: noise(seed + t * 17) > 0.998 ? 1 : 0,
  };
}

function row(world, cuboid, pane, seconds, cell, share, stalled) {
  const seed = JSON.stringify(cell).length + share * 100;
  const m = measures(world, pane, share, seconds, stalled, seed);
  for (const name of Object.keys(m)) if (m[name] === 0) delete m[name];
  return {
    cuboid, pane, cell: { content: "demo", ...cell }, m,
    startup: bins(m.starts ?? 0, stalled ? 2400 : 380, 0.5, pane / 1000 + seed),
    latency: bins(Math.round((m.viewers ?? 0) * seconds * 0.2), stalled ? 11_000 : 6_200, 0.12, pane / 777 + seed),
    final: false, partial: world.scenario === "partition" && pane > world.since,
  };
}

/** Every row of the second that starts at `pane` (ms), with the ten-second ones due then. */
export function second(world, pane) {
  const playback = [];
  if (world.viewers > 0) {
    const slow = bad(world, pane);
    const parts = EDGES.map(([edge, share]) => row(world, "delivery", pane, 1, { edge, pipeline: "A" }, share, slow && edge === "e1"));
    const whole = row(world, "content", pane, 1, {}, 1, false);
    whole.m = {};
    for (const part of parts) for (const name in part.m) whole.m[name] = (whole.m[name] ?? 0) + part.m[name];
    whole.startup = parts.flatMap((part) => part.startup);
    whole.latency = parts.flatMap((part) => part.latency);
    playback.push(whole, ...parts);
    if ((pane / 1000) % 10 === 9) {
      const wide = pane - 9_000;
      for (const [rendition, share] of RUNGS) playback.push(row(world, "rendition", wide, 10, { rendition }, share, slow));
      for (const [country, a] of COUNTRIES) for (const [device, b] of DEVICES) playback.push(row(world, "audience", wide, 10, { country, device }, a * b, slow));
    }
  }
  return { playback, delivery: delivery(world, pane), fates: fates(world, pane) };
}

function delivery(world, pane) {
  const slow = bad(world, pane);
  const one = (service, edge, action, requests, bytes, ttfb, errors = 0) => ({ pane, service, edge, pipeline: "A", track: "v-360", action, requests, bytes, errors, hits: Math.round(requests * 0.97), held_ms: 0, ttfb: bins(requests, ttfb, 0.6, pane / 1000), final: true });
  const players = world.viewers > 0 || world.scenario === "deaf" ? 1 : 0.01;
  return [
    one("packager", null, "put", 2, 90_000, 3),
    one("origin", null, "get", 3, 110_000, 2),
    one("edge", "e1", "get", Math.round(players * (130 + 12 * noise(pane))), Math.round(players * 9_300_000), slow ? 1600 : 4, slow && noise(pane) > 0.7 ? 2 : 0),
    one("edge", "e2", "get", Math.round(players * (62 + 6 * noise(pane + 1))), Math.round(players * 4_300_000), 4),
    one("steering", null, "get", Math.round(players * 90), Math.round(players * 90_000), 1),
  ];
}

function fates(world, pane) {
  const row = (fate, events, reason = "none", source = "cmcd") => ({ pane, tenant: "demo", source, fate, reason, events });
  if (world.viewers === 0) return [row("accepted", 2, "none", "events")];
  const rows = [row("accepted", 40 + Math.round(8 * noise(pane))), row("accepted", 9, "none", "events")];
  if (noise(pane * 3) > 0.8) rows.push(row("duplicate", 1 + Math.round(2 * noise(pane))));
  if (noise(pane * 5) > 0.95) rows.push(row("late", 1));
  if (noise(pane * 7) > 0.97) rows.push(row("rejected", 1, noise(pane) > 0.5 ? "no_sid" : "bad_ts"));
  return rows;
}
