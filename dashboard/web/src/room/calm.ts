// What the Incidents panel shows while no incident is open. It uses the same parts, pictures and
// metrics as the tiles, so that one page never contradicts itself.

import type { Incident } from "../control/types";
import type { Level } from "../metrics/evaluate";
import { span, text } from "../metrics/format";
import type { Value } from "../metrics/reading";

/** A part, or the picture of one, that departs from normal. */
export interface Departing {
  title: string;
  word: string;
  level: Level;
}

/** Metrics look back this far at most: until then they still show an incident that is over. */
const LOOK_BACK_MS = 60_000;

/** Names what departs from normal, or says that nothing does. */
export function calmWords(values: readonly Value[], parts: readonly Departing[], last: Incident | null, now: number): string {
  const limited = values.filter((value) => value.metric.limits);
  const judged = limited.filter((value) => value.value !== null && !value.small);
  const departing = judged.filter((value) => value.level > 0);
  const few = limited.length - judged.length;
  const rest = few > 0 ? `; ${few} ${few === 1 ? "has" : "have"} too few samples to judge` : "";
  const sentences = parts.length === 0 ? ["All parts report"] : [`${parts.map(({ title, word }) => `${title}: ${word}`).join(", ")}. No incident is open for ${parts.length === 1 ? "it" : "them"}`];
  if (departing.length > 0) {
    const names = departing.map((value) => `${value.metric.title} ${text(value.metric, value.value)}`).join(", ");
    sentences.push(`${names} ${departing.length === 1 ? "departs" : "depart"} from normal${why(parts, last, now)}${rest}`);
  } else if (parts.length > 0) sentences.push(`${judged.length} of ${limited.length} metrics with limits are within them${rest}`);
  else sentences[0] += `, nothing departs from normal: ${judged.length} of ${limited.length} metrics with limits are within them${rest}`;
  return `${sentences.join(". ")}.`;
}

function why(parts: readonly Departing[], last: Incident | null, now: number): string {
  if (last?.closed_at && now - last.closed_at < LOOK_BACK_MS) return `, as their window still holds "${last.cause}", over ${span(now - last.closed_at)} ago`;
  return parts.length === 0 ? ", and no part is found at fault" : "";
}
