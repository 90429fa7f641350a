// The mock's steering: it notices the world's faults after three seconds, offers an action or takes
// it, and ends both when the fault is gone. Only the shapes match the platform.
import { ailment, on, shareOf, world } from "./world.mjs";

const SEEN_MS = 3_000;
const ACTS_MS = 4_000;
const WELL_MS = 15_000;
const CAPACITY = 150_000;
const RUNG = 600;

export const FAULTS = [
  ["encoder-a", "kill", "kill"], ["encoder-a", "freeze", "freeze picture"], ["encoder-a", "drop", "drop a segment"],
  ["encoder-b", "kill", "kill"], ["encoder-b", "freeze", "freeze picture"], ["encoder-b", "drop", "drop a segment"],
  ["origin", "kill", "kill"],
  ["edge-e1", "kill", "kill"], ["edge-e1", "slow", "slow 1.5 s", 1500], ["edge-e1", "overload", "overload"],
  ["edge-e2", "kill", "kill"], ["edge-e2", "slow", "slow 1.5 s", 1500], ["edge-e2", "overload", "overload"],
  ["audience", "stuck_tv", "one TV model cannot switch"],
];

export function faults() {
  const now = Date.now();
  return FAULTS.map(([target, fault, title, value = null]) => {
    const since = world.faults.find((one) => one.target === target && one.fault === fault && one.from <= now && now < one.to)?.from ?? null;
    return { target, fault, title, on: since !== null, since, value };
  });
}

export function setFault({ target, fault, on: wanted, value = null }) {
  const now = Date.now();
  for (const one of world.faults) if (one.target === target && one.fault === fault && now < one.to) one.to = now;
  if (wanted) world.faults.push({ target, fault, value, from: now, to: fault === "drop" ? now + 2_000 : Infinity });
  return faults();
}

const WORDS = {
  slow: ["answers slowly", "degraded", [["TTFB less hold time, p95", "1.62 s", "0.04 s"], ["Prober agrees", "1.58 s", "0.03 s"], ["Other edge, origin, encoders", "normal"]]],
  kill: ["does not answer", "broken", [["Answers in the last 5 s", "0", "640"], ["Prober agrees", "connection refused"], ["Other edge, origin, encoders", "normal"]]],
  overload: ["is full", "degraded", [["Reserved of nominal", "100 %", "34 %"], ["Refused with 503", "41 in 10 s", "0"]]],
};

const evidence = (rows) => rows.map(([what, value, was]) => ({ what, value, ...(was ? { was } : {}) }));

/** The findings for the world's faults: an incident and the action for it. */
function findings(now) {
  const found = [];
  const both = ailment("e1", now - SEEN_MS) && ailment("e2", now - SEEN_MS);
  if (both || on("origin", "kill", now - SEEN_MS)) {
    found.push({ key: "origin", cause: "The origin, or what all edges share, is slow", culprit: "origin", name: null, cohort: "viewers of both edges", viewers: world.viewers, severity: "broken", evidence: evidence([["TTFB less hold time, p95, e1 and e2", "1.60 s", "0.04 s"], ["Edges went bad within", "1.2 s"], ["Prober agrees on both", "1.57 s"]]) });
    return found;
  }
  for (const edge of ["e1", "e2"]) {
    const fault = ailment(edge, now - SEEN_MS);
    if (!fault) continue;
    const [words, severity, why] = WORDS[fault];
    const viewers = Math.round(world.viewers * shareOf(edge, now));
    const to = edge === "e1" ? "e2" : "e1";
    const moved = Math.round(0.65 * viewers);
    found.push({
      key: `edge-${edge}`, cause: `Edge ${edge} ${words}`, culprit: "edge", name: edge, cohort: `viewers of edge ${edge}`, viewers, severity, evidence: evidence(why),
      action: { kind: "shift_edge", target: edge, to, share: 0.65, viewers: moved, load_after: 0.93, title: `Move ${moved} of ${viewers} viewers from ${edge} to ${to}`, forecast: `Rebuffer ratio 3.1 % → 0.4 % in 15 s; ${viewers - moved} stay, capped at 300 kbps`, undo: "One click, or 30 s of health on its own" },
    });
  }
  for (const pipeline of ["A", "B"]) {
    const target = `encoder-${pipeline.toLowerCase()}`;
    const fault = ["kill", "freeze"].find((one) => on(target, one, now - SEEN_MS));
    if (!fault) continue;
    const words = fault === "kill" ? "sends nothing" : "sends a frozen picture";
    found.push({
      key: `encoder-${pipeline}`, cause: `Encoder ${pipeline} ${words}`, culprit: "encoder", name: pipeline, cohort: "no viewers: the other pipeline is served", viewers: 0, severity: "degraded",
      evidence: evidence(fault === "kill" ? [["Segments in the last 6 s", "0", "12"], ["Reports", "none for 4 s"]] : [["Frame strip", "stands still since 3 segments"], ["Segments", "valid, on time"]]),
      action: { kind: "mask_pipeline", target: pipeline, to: null, share: 1, viewers: 0, load_after: null, title: `Ignore pipeline ${pipeline} at the origin`, forecast: "No wait of 150 ms for it; B is served", undo: "One click, or 30 s of health on its own" },
    });
  }
  if (on("audience", "stuck_tv", now - SEEN_MS)) {
    found.push({ key: "device-tv-x900", cause: "Players on tv-x900 cannot switch bitrate", culprit: "device", name: "tv-x900", cohort: "viewers on device tv-x900", viewers: 14, severity: "watch", evidence: evidence([["Adaptation failures", "9 in 60 s", "0"], ["Other devices", "normal"], ["Edges", "normal"]]) });
  }
  return found;
}

function open(one, now) {
  const { key, action, ...rest } = one;
  // A scene may have begun a while ago; then its incident did too.
  const symptom = Math.max(...world.faults.filter((fault) => fault.from <= now && now < fault.to).map((fault) => fault.from));
  now = Math.min(now, symptom + SEEN_MS);
  const id = `${key}-${Math.floor(now / 1000)}`;
  world.incidents.set(key, { tenant: "demo", id, opened_at: now, symptom_at: symptom, closed_at: null, ...rest, owner: null, state: "open", notes: [], updated_at: now });
  if (!action || world.mode === "observe") return;
  const acts = world.mode === "act" ? now + ACTS_MS : null;
  world.actions.set(`${id}-1`, { tenant: "demo", id: `${id}-1`, incident: id, at: now, ...action, evidence: rest.evidence, undo_of: null, state: "offered", acts_at: acts, outcome: null, by: "steering", updated_at: now });
}

/** Puts an action into force, or takes it back. */
function apply(action, now, back) {
  if (action.kind === "shift_edge" || action.kind === "return_edge") {
    const e1 = shareOf("e1", now);
    const away = action.target === "e1" ? e1 * (1 - action.share) : e1 + (1 - e1) * action.share;
    world.shares.push({ at: now, e1: back || action.kind === "return_edge" ? 0.51 : away });
  }
  if (action.kind === "mask_pipeline") {
    if (back) for (const mask of world.masks) mask.to = Math.min(mask.to, now);
    else world.masks.push({ pipeline: action.target, from: now, to: Infinity });
  }
}

export function setAction(id, { do: what, by }) {
  const action = world.actions.get(id);
  const now = Date.now();
  if (!action) return null;
  if (what === "take") Object.assign(action, { state: "taken", at: by ? now : action.acts_at, by: by ?? "steering", acts_at: null });
  if (what === "dismiss") Object.assign(action, { state: "dismissed", by, outcome: `Held by ${by}` });
  if (what === "undo") Object.assign(action, { state: "undone", outcome: `Undone by ${by}` });
  if (what !== "dismiss") apply(action, what === "take" ? action.at : now, what === "undo");
  action.updated_at = now;
  return action;
}

export function manual({ kind, target, to = null, share = 1, by, preview }) {
  const now = Date.now();
  const all = Math.round(world.viewers * (kind === "shift_edge" ? shareOf(target, now) : 1));
  const viewers = kind.endsWith("pipeline") ? 0 : Math.round(all * share);
  const titles = { shift_edge: `Move ${viewers} of ${all} viewers from ${target} to ${to}`, return_edge: `Bring the viewers of ${target} back`, cap_ladder: `Cap ${viewers} viewers of ${target} at 300 kbps`, mask_pipeline: `Ignore pipeline ${target} at the origin`, unmask_pipeline: `Let the origin choose pipeline ${target} again` };
  const row = { tenant: "demo", id: `manual-${now}`, incident: null, at: now, kind, target, to, share, viewers, load_after: to ? Math.min(1.2, ((1 - shareOf(target, now)) * world.viewers + viewers) * RUNG / CAPACITY) : null, title: titles[kind], evidence: [], forecast: kind.endsWith("pipeline") ? "Viewers notice nothing" : "In force at each player within the steering TTL of 5 s", undo: "One click", undo_of: null, state: preview ? "offered" : "taken", acts_at: null, outcome: null, by, updated_at: now };
  if (!preview) {
    world.actions.set(row.id, row);
    apply(row, now, false);
  }
  return row;
}

export function setIncident(id, { do: what, by, note }) {
  const incident = [...world.incidents.values()].find((one) => one.id === id);
  const now = Date.now();
  if (!incident) return null;
  if (what === "acknowledge") Object.assign(incident, { owner: by, state: "acknowledged" });
  if (what === "note") incident.notes.push({ at: now, by, text: note });
  if (what === "close") Object.assign(incident, { state: "closed", closed_at: now });
  incident.updated_at = now;
  return incident;
}

/** Each second: open, act, end. Returns what changed, for the feed. */
export function tick() {
  const now = Date.now();
  const found = findings(now);
  for (const one of found) if ((world.incidents.get(one.key)?.state ?? "closed") === "closed") open(one, now);
  for (const action of world.actions.values()) {
    if (action.state !== "offered" || action.acts_at === null) continue;
    if (world.held) action.acts_at = now + ACTS_MS;
    else if (action.acts_at <= now) setAction(action.id, { do: "take" });
  }
  for (const [key, incident] of world.incidents) {
    const well = found.every((one) => one.key !== key);
    incident.wellSince = well ? (incident.wellSince ?? now) : null;
    if (!well || incident.state === "closed" || now - incident.wellSince < WELL_MS) continue;
    Object.assign(incident, { state: "closed", closed_at: now, updated_at: now });
    for (const action of world.actions.values()) {
      if (action.incident !== incident.id || !["taken", "offered"].includes(action.state)) continue;
      if (action.state === "taken") apply(action, now, true);
      Object.assign(action, { state: action.state === "taken" ? "ended" : "dismissed", outcome: "Healthy for 30 s: viewers brought back; rebuffer ratio 0.2 %", updated_at: now });
    }
  }
}

export const records = () => ({ incidents: [...world.incidents.values()].map(({ wellSince: _, ...row }) => row), actions: [...world.actions.values()].sort((a, b) => b.at - a.at) });

export function steering() {
  const now = Date.now();
  const edges = ["e1", "e2"].map((name) => {
    const fault = ailment(name, now);
    const share = shareOf(name, now);
    const ttfb = fault === "kill" ? null : fault === "slow" ? 1580 : 4;
    return { name, health: fault ? "bad" : "good", why: fault ? WORDS[fault][0] : "prober and rows agree", share, viewers: Math.round(world.viewers * share), capacity_kbps: CAPACITY, reserved_kbps: Math.round(fault === "overload" ? CAPACITY * 0.99 : world.viewers * share * RUNG), ttfb_ms: ttfb, prober: { ok: fault !== "kill", ttfb_ms: ttfb, at: now - 600, error: null } };
  });
  const pipelines = ["A", "B"].map((name) => {
    const bad = ["kill", "freeze"].find((fault) => on(`encoder-${name.toLowerCase()}`, fault, now));
    return { name, health: bad ? "bad" : "good", why: bad === "kill" ? "no segments" : bad ? "frozen picture" : "all copies valid", masked: world.masks.some((mask) => mask.pipeline === name && now < mask.to) };
  });
  return { mode: world.mode, ttl_s: 5, now, streams: ["demo"], sessions_of: ["demo"], public_url: null, beacon: "/v1/cmcd?k=demo", edges, pipelines, feed: { connected: true, age_ms: 240 }, ...records() };
}
