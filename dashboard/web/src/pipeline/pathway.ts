// The box of a CDN that is not ours: it reports nothing, so it shows only what steering knows about
// it.

import type { EdgeStatus } from "../control/types";
import type { Level } from "../metrics/evaluate";
import { NONE, count } from "../metrics/format";
import { FULL, type Box, proberRow } from "./figures";

/**
 * The text of a CDN's box at `now`, by the server's clock: the prober's times are not by this
 * page's.
 */
export function pathwayBox(edge: EdgeStatus, now: number): Box {
  const load = edge.capacity_kbps && edge.reserved_kbps !== null ? edge.reserved_kbps / edge.capacity_kbps : null;
  const full = load !== null && load > FULL;
  const sick = edge.health === "bad";
  const level: Level = sick ? (edge.prober?.ok === false ? 3 : 2) : full ? 1 : 0;
  const seen = edge.prober?.at ?? null;
  return {
    id: `edge-${edge.name}`, title: edge.name, level, word: sick ? edge.why : full ? "full" : "",
    age: seen === null ? null : Math.max(0, now - seen), blind: edge.health === "unknown",
    rows: [
      { name: "share of sessions", value: edge.share === null ? NONE : `${Math.round(100 * edge.share)} %` },
      { name: "sessions sent here", value: edge.sessions === null ? NONE : count(edge.sessions) },
      { name: "load, reckoned", value: load === null ? NONE : `${Math.round(100 * load)} %`, level: full ? 1 : 0 },
      proberRow(edge.prober),
    ],
  };
}
