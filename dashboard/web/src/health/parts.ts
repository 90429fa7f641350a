// The platform's own state: how far behind, how full, how much was lost.

import type { App } from "../app";
import type { Status } from "../feed/types";
import { NONE, bytes, count, span } from "../metrics/format";
import { find, h, keyed, setAttr, setText } from "../ui/dom";

interface Fact {
  name: string;
  title: string;
  value: string;
  note: string;
  level: 0 | 1 | 2 | 3;
  /** 0..1 draws a bar. */
  filled?: number;
}

const GIB = 2 ** 30;

export class Parts {
  readonly root = h("section", { class: "panel parts", "aria-label": "State of the platform" });

  constructor(private readonly app: App) {}

  draw(): void {
    const { feed } = this.app;
    const facts = list(feed.status, feed.freshness(), feed.connected(), feed.silence(), feed.missedDeltas);
    keyed(this.root, facts, (fact) => fact.name, (fact) => h("div", { class: "part", "data-part": fact.name, title: fact.title }, h("span", { class: "title" }, fact.name), h("span", { class: "value" }), h("span", { class: "meter" }, h("i", {})), h("span", { class: "behind" })), (element, fact) => {
      setText(find(element, ".value"), fact.value);
      setText(find(element, ".behind"), fact.note);
      setAttr(element, "data-level", fact.level ? String(fact.level) : null);
      setAttr(find(element, ".meter"), "data-on", fact.filled !== undefined);
      find(element, ".meter i").style.width = `${100 * Math.min(1, fact.filled ?? 0)}%`;
    });
  }
}

function list(status: Status | null, freshness: number | null, connected: boolean, silence: number, missed: number): Fact[] {
  const log = status?.log;
  const number = (value: number | null | undefined): string => (value === null || value === undefined ? NONE : count(value));
  const lag = status?.lag_entries ?? 0;
  const disk = status?.disk_free_bytes ?? null;
  const lost = status?.lost_events ?? 0;
  const damaged = (status?.lost_entries ?? 0) + (log?.quarantined_entries ?? 0);
  const replaying = status?.marks?.["replaying"] === 1;
  // A dashboard in a process of its own knows no marks.
  const unreadable = status?.marks?.["bad_parts"];
  const audited = status?.marks?.["audit_hours"];
  const drift = status?.marks?.["audit_drift"] ?? 0;
  const late = status?.marks?.["audit_late"] ?? 0;
  const short = status !== null && status.reporting < status.partitions;
  const facts: (Fact | null)[] = [
    { name: "feed", title: "The connection of this page", value: connected ? "connected" : status ? "silent" : "connecting", note: connected ? (missed > 0 ? `${count(missed)} updates missed` : "no update missed") : status ? `for ${span(silence)}` : "", level: !connected ? 3 : missed > 0 ? 1 : 0 },
    { name: "event → screen", title: "Age of the newest event in these figures", value: freshness === null ? NONE : span(freshness), note: "slowest partition", level: freshness !== null && freshness > 5_000 ? 2 : 0 },
    { name: "partitions", title: "A sum without all partitions is partial", value: status ? `${status.reporting} of ${status.partitions}` : NONE, note: "report", level: short ? 3 : 0 },
    { name: "lag", title: "Entries in the log that are not in the figures yet", value: number(status?.lag_entries), note: replaying ? "catching up after a restart" : "log entries", level: replaying ? 1 : lag > 100 ? 2 : 0 },
    { name: "sessions", title: "Sessions held in memory, open and closing", value: number(status?.sessions), note: "held in memory", level: 0 },
    { name: "lost beacons", title: "Missing by sequence number: sent by players, never received", value: number(status?.lost_events), note: "missing by sequence", level: lost > 0 ? 1 : 0 },
    { name: "lost log entries", title: "Damaged, or dropped before they were read", value: number(status?.lost_entries), note: `${number(log?.quarantined_entries)} in quarantine`, level: damaged > 0 ? 3 : 0 },
    status && unreadable === undefined ? null : { name: "unreadable parts", title: "Parts of log entries that could not be read: their records are in no figure", value: number(unreadable), note: "since the start", level: (unreadable ?? 0) > 0 ? 3 : 0 },
    status && audited === undefined ? null : { name: "audit", title: "Rows of history that are not what the beacons say, found by computing finished hours once more. Late rows waited for a repair when their hour was checked", value: audited ? (drift > 0 ? `${count(drift)} rows drift` : "no drift") : NONE, note: audited ? `${count(audited)} hours checked · ${count(late)} rows were late` : "no finished hour yet", level: drift > 0 ? 3 : 0 },
    { name: "log", title: "The oldest segment is dropped when the cap is reached", value: bytes(log?.bytes), note: `of ${bytes(log?.cap_bytes)} · ${number(log?.dropped_entries)} dropped`, level: 0, ...(log?.bytes && log.cap_bytes ? { filled: log.bytes / log.cap_bytes } : {}) },
    { name: "disk free", title: "On the disk of the data folder", value: bytes(disk), note: "at the data folder", level: disk !== null && disk < GIB ? 3 : disk !== null && disk < 5 * GIB ? 1 : 0 },
    { name: "memory", title: "Resident memory of the process that the dashboard runs in", value: bytes(status?.memory_bytes), note: "process of the dashboard", level: 0 },
  ];
  return facts.filter((fact) => fact !== null);
}
