// The text of each box of the topology, from the feed's delivery rows, the schedule and steering.
// This module draws nothing.

import type { App } from "../app";
import { levelOfIncident } from "../control/records";
import type { EdgeStatus, Incident } from "../control/types";
import type { DeliveryTotal } from "../feed/delivery";
import type { Level } from "../metrics/evaluate";
import { NONE, bitRate, count, span } from "../metrics/format";
import { scheduleSilence } from "../stream/segments";
import type { Strip } from "../stream/strip";
import { onTime, spareOf, stateOf, type PipelineState } from "./judge";

export interface Row {
  name: string;
  value: string;
  level?: Level;
}

export interface Box {
  id: string;
  title: string;
  level: Level;
  /** What departs from normal, in one or two words; empty when nothing does. */
  word: string;
  rows: Row[];
  /** Age of its last report, ms; null when it never reported. */
  age: number | null;
  /** Whether the figures are old or missing. */
  blind: boolean;
}

/** The time over which rates are taken. */
export const RATE_MS = 10_000;
/** A part without reports for this long is silent; packagers report each segment. */
const SILENT_MS = { packager: 7_000, origin: 7_000, edge: 5_000 } as const;
const SLOW_MS = 500;
/** The load at which one more viewer may be refused. */
export const FULL = 0.95;

/** One reading of the delivery rows, shared by all boxes of a drawing. */
export class Delivery {
  private readonly totals: Map<string, DeliveryTotal>;

  constructor(private readonly app: App) {
    // The newest second may still be growing.
    const to = app.feed.delivery.newest;
    this.totals = app.feed.delivery.byReporter(to - RATE_MS, to);
  }

  of(service: string, name: string, action: string): DeliveryTotal | undefined {
    return this.totals.get(`${service}|${name}|${action}`);
  }

  /** Names that report as this service. */
  names(service: string): string[] {
    const found = [...this.totals.keys()].map((key) => key.split("|")).filter(([one]) => one === service);
    return [...new Set(found.map(([, name]) => name ?? ""))].filter((name) => name !== "").sort();
  }

  /** The encoders' names: those whose copies the origin expects, and those that report. */
  pipelines(): string[] {
    return union(this.app.segments.strip?.pipelines ?? [], this.names("packager"));
  }

  /** The edges' names, or those of the CDNs that steering sends players to. */
  edges(): string[] {
    return union(this.app.steering.status?.edges.map((one) => one.name) ?? [], this.names("edge"));
  }

  age(service: string, name = ""): number | null {
    const last = this.app.feed.delivery.lastReport(service, name);
    return last === null ? null : Math.max(0, this.app.feed.now() - last);
  }
}

function union(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].sort();
}

const perSecond = (requests: number | undefined): string => (requests === undefined ? NONE : `${(requests / (RATE_MS / 1000)).toFixed(requests >= 1000 ? 0 : 1)} /s`);
/** Times of a tenth of a second and less are shown in ms, where their digits are. */
const seconds = (ms: number | null | undefined): string => (ms === null || ms === undefined ? NONE : ms < 1 ? "<1 ms" : ms < 100 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`);
const silent = (age: number | null, limit: number): boolean => age === null || age > limit;

/** The word for a part whose reports have stopped. */
const quiet = (age: number | null): string => (age === null ? "no report yet" : `no report for ${span(age)}`);

/**
 * Without the feed, and until its first snapshot is complete, every part is silent to us, which
 * says nothing about the part.
 */
function unlessDeaf(app: App, box: Box, culprit: Incident["culprit"], name: string | null): Box {
  const heard = app.feed.connected() && app.feed.seq > 0;
  return heard || !box.blind ? judged(app, box, culprit, name) : { ...box, level: 0, word: "not known" };
}

/**
 * Where steering has opened an incident, its severity is the part's, so that the page agrees with
 * itself.
 */
function judged(app: App, box: Box, culprit: Incident["culprit"], name: string | null): Box {
  const incident = app.feed.records.open().find((one) => one.culprit === culprit && (name === null || one.name === name));
  return incident && box.level > 0 ? { ...box, level: levelOfIncident(incident) } : box;
}

export function sourceBox(strip: Strip | null, now: number): Box {
  const k = strip ? Math.floor(now / strip.lengthMs) : null;
  const frames = strip ? newestFrames(strip) : null;
  const rate = frames !== null && strip ? `${((1000 * frames) / strip.lengthMs).toFixed(0)} fps` : NONE;
  return {
    id: "source", title: "Source", level: 0, word: "", age: null, blind: strip === null,
    rows: [
      { name: "picture", value: rate },
      { name: "segment", value: strip ? `${(strip.lengthMs / 1000).toFixed(0)} s` : NONE },
      { name: "K now", value: k === null ? NONE : kText(k) },
    ],
  };
}

/** Segment numbers are long; groups of three are read and compared more easily. */
export function kText(k: number): string {
  return String(k).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

function newestFrames(strip: Strip): number | null {
  const track = strip.tracks.find((name) => name.startsWith("v"));
  for (const k of [...strip.ks].reverse()) {
    const copies = (track === undefined ? undefined : strip.at(track, k))?.copies ?? [];
    for (const one of copies) if (one.frames !== null && one.state === "on_time") return one.frames;
  }
  return null;
}

export function encoderBox(app: App, delivery: Delivery, pipeline: string): Box {
  const strip = app.segments.strip;
  const age = delivery.age("packager", pipeline);
  const put = delivery.of("packager", pipeline, "put");
  const state: PipelineState = strip ? stateOf(strip, pipeline) : { level: 0, word: "" };
  const health = app.steering.pipeline(pipeline);
  const gone = silent(age, SILENT_MS.packager);
  // What the schedule said before it fell silent is no longer current.
  const heard = app.segments.failedSince === null && !gone ? strip : null;
  const spare = heard ? spareOf(heard, pipeline) : null;
  const kept = heard ? onTime(heard, pipeline) : null;
  const masked = health?.masked ?? strip?.masked.includes(pipeline) ?? false;
  const level = gone && age !== null ? 3 : state.level;
  const word = gone ? quiet(age) : state.word || (masked ? "ignored by the origin" : "");
  return unlessDeaf(app, {
    id: `encoder-${pipeline}`, title: `Encoder ${pipeline}`, level: masked && level === 0 ? 1 : level, word, age, blind: gone,
    rows: [
      { name: "arrives", value: spare === null ? NONE : `close + ${(spare / 1000).toFixed(2)} s` },
      { name: "on time", value: kept === null || kept.of === 0 ? NONE : `${kept.kept} of ${kept.of}`, level: kept !== null && kept.kept < kept.of && state.level > 0 ? state.level : 0 },
      { name: "sends", value: put ? bitRate(put.bytes, RATE_MS / 1000) : NONE },
      ...equalRows(heard, pipeline),
    ],
  }, "encoder", pipeline);
}

/** Whether both encoders were fed the same; shown on the one that is compared. */
function equalRows(strip: Strip | null, pipeline: string): Row[] {
  const one = strip?.inputs.find((each) => each.pipeline === pipeline);
  if (!one) return [];
  return [{ name: `input like ${one.like}`, value: one.compared === 0 ? NONE : `${one.equal} of ${one.compared}`, level: one.equal < one.compared ? 2 : 0 }];
}

export function originBox(app: App, delivery: Delivery): Box {
  const strip = app.segments.strip;
  const age = delivery.age("origin");
  const get = delivery.of("origin", "", "get");
  const gone = silent(age, SILENT_MS.origin);
  const { failedSince } = app.segments;
  const unheard = failedSince !== null && Date.now() - failedSince > SILENT_MS.origin;
  const lost = (scheduleSilence(app.segments, app.feed, app.steering) ?? 0) > SILENT_MS.origin;
  const served = strip && !unheard ? servedCounts(strip) : null;
  const slate = served?.recentSlate ?? false;
  const others = served ? [...served.by].filter(([name]) => name !== "slate").map(([name, n]) => `${name} ${n}`).join(" · ") : NONE;
  return unlessDeaf(app, {
    id: "origin", title: "Origin", level: (gone && age !== null) || lost || slate ? 3 : 0, age, blind: gone || unheard,
    word: gone ? quiet(age) : lost ? "schedule does not answer" : unheard ? "schedule not known" : slate ? "slate served" : "",
    rows: [
      { name: "served", value: others },
      { name: "slate", value: served ? count(served.by.get("slate") ?? 0) : NONE, level: slate ? 3 : 0 },
      { name: "PUT → readable p95", value: served?.readable === null || served === null ? NONE : `${Math.round(served.readable)} ms` },
      { name: "GET", value: perSecond(get?.requests) },
      { name: "errors", value: get ? count(get.errors) : NONE, level: (get?.errors ?? 0) > 0 ? 1 : 0 },
    ],
  }, "origin", null);
}

/** What the synthetic client saw that requests from this edge only. */
export function proberRow(prober: EdgeStatus["prober"]): Row {
  if (!prober || prober.at === null) return { name: "prober", value: NONE };
  if (prober.ok) return { name: "prober", value: seconds(prober.ttfb_ms) };
  if (typeof prober.error === "number") return { name: "prober", value: `error ${prober.error}`, level: 3 };
  return { name: "prober", value: prober.ttfb_ms === null ? "no answer" : seconds(prober.ttfb_ms), level: prober.ttfb_ms === null ? 3 : 2 };
}

interface Served {
  by: Map<string, number>;
  /** p95 of the time from a copy's arrival until it is readable. */
  readable: number | null;
  recentSlate: boolean;
}

function servedCounts(strip: Strip): Served {
  const by = new Map(strip.pipelines.map((name) => [name, 0]));
  const waits: number[] = [];
  let newestSlate = -1;
  for (const k of strip.ks) {
    for (const track of strip.tracks) {
      const one = strip.at(track, k);
      if (!one || one.pipeline === null) continue;
      by.set(one.pipeline, (by.get(one.pipeline) ?? 0) + 1);
      if (one.state === "slate") newestSlate = k;
      const arrived = one.copies.find((copy) => copy.pipeline === one.pipeline)?.arrivedAt ?? null;
      if (arrived !== null && one.publishedAt !== null) waits.push(Math.max(0, one.publishedAt - arrived));
    }
  }
  waits.sort((a, b) => a - b);
  const newest = strip.ks.at(-1) ?? 0;
  return { by, readable: waits[Math.floor(0.95 * (waits.length - 1))] ?? null, recentSlate: newestSlate >= 0 && newest - newestSlate < 5 };
}

export function edgeBox(app: App, delivery: Delivery, name: string): Box {
  const age = delivery.age("edge", name);
  const get = delivery.of("edge", name, "get");
  const known = app.steering.edge(name);
  // An edge of ours reports its load each second, even without requests. A silent one counts as
  // idle only where the prober learned from the edge itself that it has no sessions.
  const answers = known?.prober?.ok === true;
  const idle = silent(age, SILENT_MS.edge) && answers && known?.sessions === 0;
  const gone = silent(age, SILENT_MS.edge) && !idle;
  const ttfb = get?.ttfb.quantile(0.95) ?? null;
  const slow = ttfb !== null && ttfb > SLOW_MS;
  const errors = get && get.requests > 0 ? get.errors / get.requests : null;
  const load = known?.capacity_kbps && known.reserved_kbps !== null ? known.reserved_kbps / known.capacity_kbps : null;
  const refuses = errors !== null && errors > 0.01;
  const sick = known?.health === "bad";
  const level: Level = gone && age !== null ? (answers ? 2 : 3) : slow || refuses || sick ? 2 : load !== null && load > FULL ? 1 : 0;
  const word = gone ? quiet(age) : idle ? "idle" : slow ? "slow" : refuses ? "errors" : sick ? (known?.why ?? "bad") : level === 1 ? "full" : "";
  return unlessDeaf(app, {
    id: `edge-${name}`, title: `Edge ${name}`, level, word, age, blind: gone,
    rows: [
      { name: "requests", value: idle ? "0 /s" : perSecond(gone ? undefined : get?.requests) },
      { name: "cache / errors", value: gone || !get || errors === null ? NONE : `${((100 * get.hits) / get.requests).toFixed(1)} / ${(100 * errors).toFixed(1)} %`, level: refuses ? 2 : 0 },
      { name: "TTFB less hold p95", value: gone ? NONE : seconds(ttfb), level: slow ? 2 : 0 },
      { name: "load of nominal", value: load === null ? NONE : `${Math.round(100 * load)} %`, level: load !== null && load > FULL ? 1 : 0 },
      proberRow(known?.prober ?? null),
    ],
  }, "edge", name);
}
