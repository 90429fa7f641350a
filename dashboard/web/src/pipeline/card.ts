// The card of one segment: what each pipeline sent, and what was served.

import type { App } from "../app";
import { NONE, clock, count } from "../metrics/format";
import { copyOf, type Segment, type Strip } from "../stream/strip";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES } from "../ui/palette";
import { kText } from "./figures";
import { COPY_LEVELS, COPY_WORDS } from "./judge";
import type { Chosen } from "./strip";

interface Line {
  who: string;
  arrived: string;
  frames: string;
  bytes: string;
  verdict: string;
  level: 0 | 1 | 2 | 3;
}

/** A segment that was not chosen, and why it is shown. */
interface News extends Chosen {
  what: string;
}

export class SegmentCard {
  private readonly body = h("tbody", {});
  private readonly follow = h("button", { type: "button", class: "small" }, "Follow");
  readonly root: HTMLElement;

  constructor(
    private readonly app: App,
    unpin: () => void,
  ) {
    this.follow.addEventListener("click", unpin);
    this.root = h(
      "section",
      { class: "panel segcard" },
      h("header", {}, h("h2", {}), h("span", { class: "note" }), this.follow),
      h("table", {}, h("thead", {}, h("tr", {}, ...["", "arrived", "frames", "bytes", "verdict"].map((name) => h("th", { scope: "col" }, name)))), this.body),
      h("p", { class: "why" }),
    );
  }

  /** Shows the chosen segment, or without a choice the newest that departs from normal. */
  draw(chosen: Chosen | null): void {
    const strip = this.app.segments.strip;
    const news = strip && !chosen ? newsworthy(strip) : null;
    const shown = chosen ?? news;
    setAttr(this.follow, "hidden", chosen === null);
    if (!strip || !shown) {
      setText(find(this.root, "h2"), "Segment");
      setText(find(this.root, ".note"), "none known yet");
      this.body.replaceChildren();
      return;
    }
    const { track, k } = shown;
    const [from, to] = [k * strip.lengthMs, (k + 1) * strip.lengthMs];
    setText(find(this.root, "h2"), `Segment K ${kText(k)}`);
    setText(find(this.root, ".note"), `${track} · ${clock(from)} – ${clock(to)} UTC${news ? ` · ${news.what}` : ""}`);
    const one = strip.at(track, k);
    const lines = one ? linesOf(strip, one) : [];
    keyed(this.body, lines, (line) => line.who, (line) => h("tr", {}, h("th", { scope: "row" }, line.who), h("td", { class: "arrived" }), h("td", { class: "frames" }), h("td", { class: "bytes" }), h("td", { class: "verdict" }, h("span", { class: "shape" }), h("span", {}))), (tr, line) => {
      setAttr(tr, "data-level", line.level ? String(line.level) : null);
      for (const name of ["arrived", "frames", "bytes"] as const) setText(find(tr, `.${name}`), line[name]);
      setText(find(tr, ".shape"), LEVEL_SHAPES[line.level]);
      setText(find(tr, ".verdict span:last-child"), line.verdict);
    });
    const why = one?.copies.flatMap((copy) => (copy.why ? [`${copy.pipeline}: ${copy.why}.`] : [])).join(" ") ?? "";
    setText(find(this.root, ".why"), one ? why : to > Date.now() + strip.clockOffset ? "It is not closed yet." : "The origin lists it no more.");
  }
}

function linesOf(strip: Strip, one: Segment): Line[] {
  const close = (one.k + 1) * strip.lengthMs;
  const after = (at: number | null): string => (at === null ? "never" : `close ${at >= close ? "+" : "−"} ${(Math.abs(at - close) / 1000).toFixed(2)} s`);
  const lines: Line[] = strip.pipelines.map((pipeline) => {
    const copy = copyOf(one, pipeline);
    const waiting = copy === null || copy.state === "pending";
    return {
      who: pipeline,
      arrived: waiting ? NONE : after(copy.arrivedAt),
      frames: copy?.frames ? count(copy.frames) : NONE,
      bytes: copy?.bytes ? count(copy.bytes) : NONE,
      verdict: copy ? COPY_WORDS[copy.state] : "not known",
      level: copy ? COPY_LEVELS[copy.state] : 0,
    };
  });
  const slate = one.state === "slate" || one.state === "missing";
  const arrived = one.copies.find((copy) => copy.pipeline === one.pipeline)?.arrivedAt ?? null;
  const wait = arrived !== null && one.publishedAt !== null ? Math.round(one.publishedAt - arrived) : null;
  const waited = wait === null ? "" : wait < 1 ? ", at once" : `, ${wait} ms later`;
  lines.push({ who: "served", arrived: one.publishedAt === null ? NONE : after(one.publishedAt), frames: NONE, bytes: one.bytes ? count(one.bytes) : NONE, verdict: one.state === "pending" ? "not yet" : slate ? "slate" : `${one.pipeline ?? NONE}${waited}`, level: slate ? 3 : one.state === "late" ? 1 : 0 });
  return lines;
}

/** The newest segment of note; when all is well, the newest settled one. */
function newsworthy(strip: Strip): News | null {
  let plain: News | null = null;
  for (const k of [...strip.ks].reverse()) {
    for (const track of strip.tracks) {
      const one = strip.at(track, k);
      if (!one || one.state === "pending") continue;
      plain ??= { track, k, what: "the newest" };
      if (one.state !== "on_time" || one.copies.some((copy) => COPY_LEVELS[copy.state] > 0)) return { track, k, what: "the newest of note" };
    }
  }
  return plain;
}
