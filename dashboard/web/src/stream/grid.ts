// Segments drawn: a row per track, a column per K, one shape per state.

import { clock } from "../metrics/format";
import { h, keyed, setAttr } from "../ui/dom";
import type { Segment, Strip } from "./segments";

export const STATE_WORDS: Readonly<Record<string, string>> = {
  on_time: "on time",
  late: "late",
  slate: "slate",
  pending: "pending",
  missing: "missing",
};

/** A segment in words: its state, its pipeline, and when it came and was due. */
function words(one: Segment): string {
  const pipeline = one.pipeline === null ? "" : ` from ${one.pipeline}`;
  const late = one.publishedAt !== null && one.due !== null ? one.publishedAt - one.due : null;
  const lag = late === null ? "" : `, ${(Math.abs(late) / 1000).toFixed(2)} s ${late > 0 ? "after" : "before"} due`;
  const due = one.due === null ? "" : `, due ${clock(one.due)} UTC`;
  return `${one.track} K ${one.k}: ${STATE_WORDS[one.state] ?? one.state}${pipeline}${lag}${due}`;
}

export class SegmentGrid {
  readonly root = h("div", { class: "segments", id: "segments" });

  draw(strip: Strip | null, last: number): void {
    const [oldest, newest] = [strip?.ks[0] ?? 0, strip?.ks.at(-1) ?? 0];
    keyed(this.root, strip?.tracks ?? [], (track) => track, (track) => h("div", { class: "track" }, h("span", { class: "name" }, track), h("span", { class: "cells" })), (row, track) => {
      const cells = row.lastElementChild;
      if (!cells) return;
      // A column keeps its place, from the first segment on; what is in it moves to the left.
      const columns = Array.from({ length: last }, (_, at) => at);
      keyed(cells, columns, String, () => h("i", {}), (cell, at) => {
        const k = newest - (last - 1 - at);
        const one = strip?.at(track, k) ?? null;
        const isEmpty = k < oldest;
        setAttr(cell, "data-k", isEmpty ? null : String(k));
        setAttr(cell, "data-track", track);
        setAttr(cell, "data-state", isEmpty ? null : (one?.state ?? "missing"));
        setAttr(cell, "title", isEmpty ? null : one ? words(one) : `${track} K ${k}: not known`);
      });
    });
  }
}

/** The meaning of the shapes. */
export function segmentLegend(): HTMLElement {
  const list = h("ul", { class: "seg-legend" });
  for (const state of ["on_time", "late", "slate", "pending"]) {
    list.append(h("li", {}, h("i", { "data-state": state }), STATE_WORDS[state] ?? state));
  }
  return list;
}
