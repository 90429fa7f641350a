// The records of one session as they arrive: a tail of the log, open only while it is shown.

import { clock, count } from "../metrics/format";
import { literal } from "../sql/api";
import { h, setText } from "../ui/dom";
import { toMs } from "./row";

const KEPT = 40;
/** Between one answer and the next, which continues where the last ended. */
const AGAIN_MS = 2_000;
/**
 * A tail has a line every 15 s at least (docs/feed.md); without one for this long the connection is
 * dead.
 */
export const DEAD_MS = 45_000;

type Line = Record<string, unknown>;

/** Keys with a column of their own, or with the same value in every record. */
const APART = new Set(["tenant", "sid", "v", "received_at", "ts", "e", "mode", "source", "broken", "custom", "player", "dropped_values"]);

export class LiveRecords {
  private readonly rows = h("tbody", {});
  private readonly note = h("span", { class: "note" });
  private readonly body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Records as they come" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "received"), h("th", { scope: "col" }, "event"), h("th", { scope: "col" }, "content"))), this.rows));
  readonly root = h("details", { class: "panel records" }, h("summary", {}, h("h2", {}, "Records as they come"), this.note), this.body);
  private going: AbortController | null = null;

  constructor(private readonly sid: string) {
    this.root.addEventListener("toggle", () => (this.root.open ? void this.follow() : this.close()));
  }

  close(): void {
    this.going?.abort();
    this.going = null;
    setText(this.note, "");
  }

  private async follow(): Promise<void> {
    if (this.going) return;
    const going = new AbortController();
    this.going = going;
    let next: number | string | null = null;
    // Where an answer breaks off, what came since `next` comes again.
    const since = new Set<string>();
    setText(this.note, "waiting for its next record");
    while (!going.signal.aborted) {
      try {
        for await (const line of lines(this.sid, next, going.signal)) {
          const word = line["tail"] as TailWord | undefined;
          if (!word) {
            const text = JSON.stringify(line);
            if (!since.has(text)) this.show(line);
            since.add(text);
          } else {
            // What could not be read is tried again from there: nothing is missing yet.
            const stays = word.error !== undefined && (word.next ?? next) === next;
            if ((word.next ?? next) !== next) since.clear();
            next = word.next ?? next;
            if (stays) setText(this.note, `the log cannot be read now: ${word.error}`);
            else this.tell(gapOf(word));
          }
        }
      } catch (error) {
        if (going.signal.aborted) return;
        setText(this.note, error instanceof Error ? error.message : String(error));
      }
      await new Promise((resume) => setTimeout(resume, AGAIN_MS));
    }
  }

  private show(line: Line): void {
    setText(this.note, "live");
    const said = Object.entries(line).filter(([name]) => !APART.has(name));
    const text = said.map(([name, value]) => `${name} ${brief(value)}`).join(" · ");
    const at = toMs(line["received_at"]);
    const event = String(line["e"] ?? (line["mode"] === "request" ? "request" : ""));
    this.put(h("tr", {}, h("td", { class: "mono" }, at === null ? "" : clock(at)), h("td", { class: "mono" }, event), h("td", {}, text)));
  }

  /** A gap is shown where it is, among the records. */
  private tell(gap: string): void {
    if (gap !== "") this.put(h("tr", { "data-level": "1" }, h("td", {}), h("td", {}), h("td", {}, `◆ ${gap}`)));
  }

  private put(row: HTMLElement): void {
    this.rows.prepend(row);
    while (this.rows.children.length > KEPT) this.rows.lastElementChild?.remove();
  }
}

/** A tail's notices about itself (docs/feed.md). */
export interface TailWord {
  next?: number | string;
  skipped_entries?: number;
  lost_entries?: number;
  error?: string;
}

/** What is missing in a tail, in words; empty where nothing is. */
export function gapOf({ skipped_entries: skipped, lost_entries: lost, error }: TailWord): string {
  if (skipped) return `${count(skipped)} entries of the log were skipped: this page was too far behind. Its records in them are not shown.`;
  if (lost) return `${count(lost)} entries of the log are gone. Its records in them are not shown.`;
  return error ? `A part of the log could not be read: ${error}` : "";
}

/** Lists of `{v, ot}` as `3200 v, 128 a`; everything else unchanged. */
export function brief(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.map((one) => (one !== null && typeof one === "object" ? Object.values(one as Line).filter((part) => part !== null).join(" ") : String(one))).join(", ");
}

/** The lines of one answer; it ends after some minutes, and the next continues at `from`. */
export async function* lines(sid: string, from: number | string | null, signal: AbortSignal): AsyncGenerator<Line> {
  const asked = new URLSearchParams({ where: `sid = ${literal(sid)}` });
  if (from !== null) asked.set("from", String(from));
  const dead = new AbortController();
  const wait = (): ReturnType<typeof setTimeout> => setTimeout(() => dead.abort(new Error(`nothing came for ${DEAD_MS / 1000} s`)), DEAD_MS);
  let timer = wait();
  try {
    const answer = await fetch(`/v1/tail?${asked}`, { signal: AbortSignal.any([signal, dead.signal]) });
    if (!answer.ok || !answer.body) {
      const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
      throw new Error(problem.detail ?? `the dashboard answers ${answer.status}`);
    }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = wait();
      const parts = (rest + value).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) if (part) yield JSON.parse(part) as Line;
    }
  } finally {
    clearTimeout(timer);
  }
}
