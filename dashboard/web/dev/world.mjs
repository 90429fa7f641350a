// The mock's world: which faults are on since when, and how viewers are distributed over the edges.
// Everything else (rows, segments, incidents) is computed from this and a time, so that past and
// present agree.
const floor = (ms, step) => Math.floor(ms / step) * step;

export const world = {
  scenario: "calm",
  viewers: 204,
  start: floor(Date.now(), 1000) - 1_500_000,
  since: Infinity,
  /** {target, fault, from, to, value}: when each fault was on. */
  faults: [],
  /** {at, e1}: e1's share of viewers from then on. */
  shares: [{ at: 0, e1: 0.51 }],
  /** {pipeline, from, to}: when the origin ignored a pipeline. */
  masks: [],
  mode: "act",
  /** An offer whose time does not run out, for screenshots. */
  held: false,
  incidents: new Map(),
  actions: new Map(),
};

/** Scenes: which faults are on, and how far the response to them has come. */
const SCENES = {
  incident: { faults: [["edge-e1", "slow", 1500]], held: true },
  moved: { faults: [["edge-e1", "slow", 1500]] },
  advise: { faults: [["edge-e1", "slow", 1500]], mode: "advise" },
  dead: { faults: [["edge-e1", "kill", null]] },
  both: { faults: [["edge-e1", "slow", 1500], ["edge-e2", "slow", 1500]] },
  frozen: { faults: [["encoder-a", "freeze", null]] },
  encoder: { faults: [["encoder-a", "kill", null]] },
  tv: { faults: [["audience", "stuck_tv", null]] },
};

export function scene(name, ago) {
  const of = SCENES[name] ?? { faults: [] };
  world.scenario = name;
  world.viewers = ["noviewers", "deaf"].includes(name) ? 0 : 204;
  world.since = Date.now() - ago * 1000;
  world.faults = of.faults.map(([target, fault, value]) => ({ target, fault, value, from: world.since, to: Infinity }));
  world.shares = [{ at: 0, e1: 0.51 }];
  world.masks = [];
  world.mode = of.mode ?? "act";
  world.held = of.held ?? false;
  world.incidents.clear();
  world.actions.clear();
}

export const on = (target, fault, at) => world.faults.some((one) => one.target === target && one.fault === fault && one.from <= at && at < one.to);

export const masked = (pipeline, at) => world.masks.some((one) => one.pipeline === pipeline && one.from <= at && at < one.to);

/** Slow or dead at a time, by which fault; null when healthy. */
export function ailment(edge, at) {
  for (const fault of ["kill", "slow", "overload"]) if (on(`edge-${edge}`, fault, at)) return fault;
  return null;
}

/** e1's share of viewers at a time; a change takes the steering TTL to arrive. */
export function shareOf(edge, at) {
  const now = world.shares.findLast((one) => one.at <= at) ?? world.shares[0];
  const before = world.shares.findLast((one) => one.at < now.at) ?? now;
  const progress = Math.min(1, (at - now.at) / 5_000);
  const e1 = before.e1 + (now.e1 - before.e1) * progress;
  return edge === "e1" ? e1 : 1 - e1;
}

/** The same time gives the same noise however often it is requested. */
export const noise = (seed) => {
  const x = Math.sin(seed * 12.9898) * 43758.5453;
  return x - Math.floor(x);
};
