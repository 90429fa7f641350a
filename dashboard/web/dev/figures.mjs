// Invented figures for the mock: rows of panes as a platform with 200 viewers would send them. None
// of this is built into the product.
import { ailment, noise, on, shareOf } from "./world.mjs";

const GAMMA = 1.01 / 0.99;
const bin = (value) => (value < 1 ? -1 : Math.ceil(Math.log(value) / Math.log(GAMMA)));

function bins(count, middle, spread, seed) {
  const sums = new Map();
  for (let n = 0; n < count; n += 1) {
    const u = noise(seed + n * 7.7) + noise(seed + n * 3.1) + noise(seed + n * 1.3) - 1.5;
    const index = bin(middle * Math.exp(u * spread));
    sums.set(index, (sums.get(index) ?? 0) + 1);
  }
  return [...sums].sort((a, b) => a[0] - b[0]);
}

const EDGES = ["e1", "e2"];
const RUNGS = [["600 kbps", 0.71], ["300 kbps", 0.2], ["150 kbps", 0.09]];
const COUNTRIES = [["DE", 0.4], ["FR", 0.25], ["BR", 0.2], [null, 0.15]];
const DEVICES = [["tv", 0.38], ["tv-x900", 0.07], ["phone", 0.35], ["desktop", 0.2]];

/** The pipeline served at a time: the other one while this is dead or frozen. */
const servedAt = (pane) => (["kill", "freeze"].some((fault) => on("encoder-a", fault, pane)) ? "B" : "A");

function measures(world, pane, share, seconds, stalled, seed) {
  const t = pane / 1000;
  const viewers = Math.max(0, Math.round(world.viewers * share * (1 - 0.55 * Math.exp(-(pane - world.start) / 300_000)) + 2 * share * Math.sin(t / 40)));
  const wanted = viewers * seconds * 1000;
  const rebuffer = Math.round(wanted * (stalled ? 0.09 + 0.02 * noise(seed + t) : 0.0018 * noise(seed + t)));
  const starts = Math.round(viewers * seconds * (0.004 + 0.006 * noise(seed + t * 3)) + (noise(seed + t) > 0.6 ? share : 0));
  const failed = stalled && noise(seed + t * 5) > 0.55 ? 1 : noise(seed + t * 11) > 0.9995 ? 1 : 0;
  return {
    viewers, attempts: starts + failed, starts, start_failures: failed,
    adaptation_failures: 0,
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

/** All rows of the second that starts at `pane` (ms), with the ten-second ones due then. */
export function second(world, pane) {
  const playback = [];
  if (world.viewers > 0) {
    const ill = EDGES.filter((edge) => ailment(edge, pane));
    const slow = ill.length > 0;
    const parts = EDGES.map((edge) => row(world, "delivery", pane, 1, { edge, pipeline: servedAt(pane) }, shareOf(edge, pane), ill.includes(edge)));
    const whole = row(world, "content", pane, 1, {}, 1, false);
    whole.m = {};
    for (const part of parts) for (const name in part.m) whole.m[name] = (whole.m[name] ?? 0) + part.m[name];
    whole.startup = parts.flatMap((part) => part.startup);
    whole.latency = parts.flatMap((part) => part.latency);
    playback.push(whole, ...parts);
    if ((pane / 1000) % 10 === 9) {
      const wide = pane - 9_000;
      for (const [rendition, share] of RUNGS) playback.push(row(world, "rendition", wide, 10, { rendition }, share, slow));
      for (const [country, a] of COUNTRIES) for (const [device, b] of DEVICES) playback.push(row(world, "audience", wide, 10, { country, device }, a * b, slow || (device === "tv-x900" && on("audience", "stuck_tv", pane))));
    }
  }
  return { playback, delivery: delivery(world, pane), fates: fates(world, pane) };
}

function delivery(world, pane) {
  const served = servedAt(pane);
  const one = (service, edge, pipeline, action, requests, bytes, ttfb, errors = 0) => ({ pane, service, edge, pipeline, track: "v-360", action, requests, bytes, errors, hits: Math.round(requests * 0.97), held_ms: 0, ttfb: bins(requests, ttfb, 0.6, pane / 1000), final: true });
  const players = world.viewers > 0 || world.scenario === "deaf" ? 1 : 0.01;
  const rows = EDGES.filter((edge) => ailment(edge, pane) !== "kill").map((edge) => {
    const share = shareOf(edge, pane);
    const ill = ailment(edge, pane);
    return one("edge", edge, served, "get", Math.round(players * share * (192 + 16 * noise(pane + edge.length))), Math.round(players * share * 13_600_000), ill === "slow" ? 1600 : 4, ill && noise(pane) > 0.7 ? 2 : 0);
  });
  for (const pipeline of ["A", "B"]) {
    if (!on(`encoder-${pipeline.toLowerCase()}`, "kill", pane) && (pane / 1000) % 2 === 0) rows.push(one("packager", null, pipeline, "put", 4, 204_000, 3));
  }
  if (!on("origin", "kill", pane)) rows.push(one("origin", null, served, "get", 11, 310_000, 2), one("origin", null, served, "choice", 2, 0, 1));
  rows.push(one("steering", null, null, "get", Math.round(players * 90), Math.round(players * 90_000), 1));
  return rows;
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
