// The lamp. Four situations look alike as a flat line and must never look alike on screen: there
// are no viewers, we are blind, we are off the air, all is well.

import type { FeedState } from "../feed/state";
import { scheduleSilence, type Answering, type SegmentsPoll, type Strip } from "./segments";

export type Tally = "on-air" | "off-air" | "blind" | "no-viewers";

export interface TallyState {
  tally: Tally;
  word: string;
  /** Why, in a short phrase. */
  cause: string;
}

/** The evidence for the decision. */
export interface Evidence {
  everConnected: boolean;
  connected: boolean;
  silenceMs: number;
  /** The processor reads what was in the log before it started; its figures are from the past. */
  replaying: boolean;
  partitions: number;
  reporting: number;
  /** Viewers now; null is unknown. */
  viewers: number | null;
  /** Edge requests per second lately. */
  edgeRequests: number;
  /** Players' records of the last half minute that were accepted, and those that were not. */
  beacons: number;
  refused: number;
  /** Null before the first answer, and while the schedule is silent. */
  slate: boolean | null;
  scheduleSilentMs: number | null;
  /** Steering, which passes the schedule on, does not answer. */
  steeringFails: boolean;
  /** Whether the programme is ours; where it is not, players' reports are the only evidence. */
  media: boolean | null;
}

/** Our own pictures make half a request a second per open page; this many means players. */
const PLAYERS_FETCH = 5;
/** The fates of a record that was read; any other was rejected or shed, and is no evidence. */
const TAKEN: readonly string[] = ["accepted", "duplicate", "late"];
/** Sources of records that do not come from players. */
export const SERVICES: readonly string[] = ["events", "otlp_metrics"];
/** The schedule is polled every 2 s; three misses in a row are not a hiccup. */
const SCHEDULE_LOST_MS = 6_000;

/** Blindness comes first: what we cannot see we must not call calm. */
export function tallyOf(e: Evidence): TallyState {
  const blind = (cause: string): TallyState => ({ tally: "blind", word: "BLIND", cause });
  if (!e.everConnected) return blind("connecting to the feed");
  if (!e.connected) return blind(`feed silent for ${Math.round(e.silenceMs / 1000)} s`);
  if (e.replaying) return blind("catching up after a restart");
  if (e.reporting < e.partitions) return blind(`${e.partitions - e.reporting} of ${e.partitions} partitions do not report`);
  if (e.beacons === 0 && e.edgeRequests >= PLAYERS_FETCH) return blind(e.refused > 0 ? "players fetch, but their beacons are not taken" : "players fetch, but no beacons arrive");
  if (e.media === false) {
    return e.viewers ? { tally: "on-air", word: "ON AIR", cause: "" } : { tally: "no-viewers", word: "NO VIEWERS", cause: "no player reports" };
  }
  if (e.scheduleSilentMs !== null && e.scheduleSilentMs > SCHEDULE_LOST_MS) {
    return { tally: "off-air", word: "OFF AIR", cause: "the origin's schedule does not answer" };
  }
  if (e.slate === null) return blind(e.steeringFails ? "steering does not answer, so the schedule is not known" : "waiting for the schedule");
  if (e.slate) return { tally: "off-air", word: "OFF AIR", cause: "slate instead of the programme" };
  if (e.viewers === 0) return { tally: "no-viewers", word: "NO VIEWERS", cause: "on air, no viewers" };
  return { tally: "on-air", word: "ON AIR", cause: "" };
}

/** Whether the programme is replaced: the newest two segments of all video are slate. */
export function onSlate(strip: Strip | null): boolean | null {
  if (!strip || strip.tracks.length === 0) return null;
  const videos = strip.tracks.filter((track) => track.startsWith("v"));
  const tracks = videos.length > 0 ? videos : strip.tracks;
  return tracks.every((track) => {
    const settled = strip.ks.map((k) => strip.at(track, k)).filter((one) => one && one.state !== "pending");
    const newest = settled.slice(-2);
    return newest.length > 0 && newest.every((one) => one?.state === "slate" || one?.state === "missing");
  });
}

/** Gathers the evidence. */
export function evidence(state: FeedState, segments: SegmentsPoll, viewers: number | null, media: boolean | null, steering: Answering): Evidence {
  const to = state.delivery.newest;
  const span = 10_000;
  let edgeRequests = 0;
  for (const total of state.delivery.totals(to - span, to).values()) {
    if (total.service === "edge") edgeRequests += total.requests;
  }
  // Beacons are batched by players for up to half a minute.
  let beacons = 0;
  let refused = 0;
  for (const row of state.fates.between(to - 3 * span, Infinity)) {
    if (SERVICES.includes(row.source)) continue;
    if (TAKEN.includes(row.fate)) beacons += row.events;
    else refused += row.events;
  }
  // Players may also report where our own services do; panes tell the two apart.
  for (const [pane, rows] of state.playback.cuboid("content")?.panes ?? []) {
    if (pane >= to - 3 * span) for (const row of rows.values()) beacons += row.m?.["events"] ?? 0;
  }
  return {
    // A snapshot in parts is incomplete until its last part, the first with a sequence number.
    everConnected: state.status !== null && state.seq > 0,
    connected: state.connected(),
    silenceMs: state.silence(),
    replaying: state.status?.marks?.["replaying"] === 1,
    partitions: state.status?.partitions ?? 0,
    reporting: state.status?.reporting ?? 0,
    viewers,
    edgeRequests: edgeRequests / (span / 1000),
    beacons,
    refused,
    // What was on air before the schedule fell silent says nothing of now.
    slate: segments.failedSince !== null && Date.now() - segments.failedSince > SCHEDULE_LOST_MS ? null : onSlate(segments.strip),
    scheduleSilentMs: scheduleSilence(segments, state, steering),
    steeringFails: steering.failedSince !== null,
    media,
  };
}
