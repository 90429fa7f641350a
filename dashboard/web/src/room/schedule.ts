// A small schedule for the Control room: a row per pipeline and one for what was served. Each
// segment shows the state of its worst track.

import type { App } from "../app";
import { COPY_LEVELS, COPY_WORDS } from "../pipeline/judge";
import { kText } from "../pipeline/figures";
import { copyOf, type Copy, type Segment, type Strip } from "../stream/strip";
import { find, h, keyed, setAttr } from "../ui/dom";

const SHOWN = 40;

export class MiniSchedule {
  private readonly rows = h("div", { class: "minirows" });
  readonly root = h("a", { class: "panel card schedule", href: "/pipeline", title: "Segments by pipeline; opens the Pipeline page" }, this.rows);
  private drawn: Strip | null = null;

  constructor(private readonly app: App) {
    this.root.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      app.selection.go({ page: "pipeline" });
    });
  }

  draw(): void {
    const { strip, failedSince } = this.app.segments;
    setAttr(this.root, "data-stale", failedSince !== null);
    if (!strip || strip === this.drawn) return;
    this.drawn = strip;
    const ks = strip.ks.slice(-SHOWN);
    keyed(this.rows, [...strip.pipelines, "served"], (name) => name, (name) => h("div", { class: "minirow" }, h("span", {}, name), h("span", { class: "lane" })), (row, name) => {
      keyed(find(row, ".lane"), ks.map((k, at) => ({ k, at })), ({ at }) => String(at), () => h("i", {}), (cell, { k }) => {
        const segments = strip.tracks.flatMap((track) => strip.at(track, k) ?? []);
        if (name === "served") drawServed(cell, segments, k);
        else drawCopy(cell, segments, name, k);
      });
    });
  }
}

function drawCopy(cell: Element, segments: readonly Segment[], pipeline: string, k: number): void {
  let worst: Copy | null = null;
  for (const one of segments) {
    const copy = copyOf(one, pipeline);
    if (copy && (!worst || COPY_LEVELS[copy.state] > COPY_LEVELS[worst.state])) worst = copy;
  }
  const state = worst?.state ?? (segments.some((one) => one.state === "pending") ? "pending" : "unknown");
  setAttr(cell, "data-copy", state);
  setAttr(cell, "data-served", segments.some((one) => one.pipeline === pipeline));
  setAttr(cell, "title", `${pipeline}, K ${kText(k)}: ${worst ? COPY_WORDS[worst.state] : "not known"}`);
}

function drawServed(cell: Element, segments: readonly Segment[], k: number): void {
  const slate = segments.some((one) => one.state === "slate" || one.state === "missing");
  const whose = [...new Set(segments.flatMap((one) => one.pipeline ?? []))].sort();
  setAttr(cell, "data-copy", whose.length === 0 && !slate ? "pending" : "on_time");
  setAttr(cell, "data-slate", slate);
  setAttr(cell, "data-whose", slate ? "slate" : whose.join("+"));
  setAttr(cell, "title", `K ${kText(k)}: ${slate ? "slate" : whose.length > 0 ? `served from ${whose.join(" and ")}` : "not served yet"}`);
}
