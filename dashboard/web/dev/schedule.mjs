// The mock's segments: the outcome of each copy of each K, from the faults of the world.
import { masked, on, world } from "./world.mjs";

export const TRACKS = ["v-360", "v-270", "v-180", "audio"];
const FRAMES = { audio: 94 };

/** One pipeline's copy of K, closed at `close` (ms). */
function copy(pipeline, track, k, close, now) {
  const target = `encoder-${pipeline.toLowerCase()}`;
  const arrived = close + (pipeline === "A" ? 310 : 340) + ((k * 7 + track.length) % 5) * 4;
  const frames = FRAMES[track] ?? 50;
  const bytes = (track === "audio" ? 24_000 : 60_000 + 1000 * (k % 9)) + (pipeline === "B" ? 120 : 0);
  const state = (name, why) => ({ pipeline, arrived_at: arrived * 1000, state: name, ...(why ? { why } : {}), bytes, frames });
  const absent = (name) => ({ pipeline, arrived_at: null, state: name, bytes: 0, frames: 0 });
  if (on(target, "kill", close) || on(target, "drop", close)) return absent(now < close + 1000 ? "pending" : "missing");
  if (now < arrived) return absent("pending");
  if (on(target, "freeze", close) && track !== "audio") return state("frozen", "the frame strip stands still");
  if (pipeline === "A" && k % 53 === 11) return { ...state("late"), arrived_at: (close + 1_240) * 1000 };
  if (pipeline === "A" && k % 71 === 30 && track === "v-270") return state("defective", "49 frames, 50 expected");
  return state("on_time");
}

function segment(track, k, now) {
  const close = (k + 1) * 2000;
  const due = (close + 1000) * 1000;
  const copies = ["A", "B"].map((pipeline) => copy(pipeline, track, k, close, now));
  const off = world.scenario === "offair" && close > world.since;
  if (off) for (const one of copies) Object.assign(one, { state: "missing", arrived_at: null, bytes: 0, frames: 0 });
  const good = copies.filter((one) => one.state === "on_time" && !masked(one.pipeline, close));
  const served = good[0];
  const pending = !served && now < close + 1000;
  const state = pending ? "pending" : served ? "on_time" : "slate";
  const wait = served?.pipeline === "B" ? 150_000 : 9_000;
  return { track, k, state, pipeline: pending ? null : (served?.pipeline ?? "slate"), published_at: pending ? null : served ? served.arrived_at + wait : due + 500_000, due, bytes: served?.bytes ?? 0, copies };
}

export function segments(last) {
  const now = Date.now();
  const end = Math.floor(now / 2000);
  const list = [];
  for (let k = end - last; k < end; k += 1) for (const track of TRACKS) list.push(segment(track, k, now));
  return { stream: "demo", now: now * 1000, grid: { num: 2, den: 1 }, margin: 1_000_000, tracks: TRACKS, masked: ["A", "B"].filter((one) => masked(one, now)), inputs: [{ pipeline: "B", like: "A", compared: 900, equal: 900 }], segments: list };
}

/** The pipeline that served the K that closed last. */
export function servedNow() {
  const now = Date.now();
  return segment("v-360", Math.floor(now / 2000) - 2, now).pipeline;
}
