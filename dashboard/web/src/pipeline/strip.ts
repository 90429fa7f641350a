// The segment strip: a row per track and pipeline, a column per K. Columns keep their position
// while the schedule's two lines move through them: what is closed (now) and what is due. When the
// now-line reaches the end, all columns move on by one step.

import type { App } from "../app";
import { clock } from "../metrics/format";
import { copyOf, type Segment, type Strip } from "../stream/strip";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { kText } from "./figures";
import { COPY_WORDS } from "./judge";

interface Shape {
  columns: number;
  step: number;
}

const WIDE: Shape = { columns: 90, step: 15 };
const NARROW: Shape = { columns: 36, step: 6 };

const STEPS: Readonly<Record<string, readonly [dx: number, dy: number]>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export interface Chosen {
  track: string;
  k: number;
}

export class SegmentStrip {
  private readonly rows = h("div", { class: "striprows", role: "grid", "aria-label": "Segments by track and pipeline", tabindex: "0" });
  private readonly nowLine = h("div", { class: "line now" }, h("span", {}, "now"));
  private readonly dueLine = h("div", { class: "line due" }, h("span", {}, "due"));
  private readonly axis = h("div", { class: "axis" });
  private readonly narrow = matchMedia("(max-width: 640px)");
  readonly root: HTMLElement;
  private drawn: unknown[] = [];
  private frame = 0;

  constructor(
    private readonly app: App,
    private readonly choose: (chosen: Chosen) => void,
  ) {
    const lines = h("div", { class: "lines", "aria-hidden": "true" }, this.dueLine, this.nowLine);
    this.root = h("section", { class: "panel segstrip" }, h("header", {}, h("h2", {}, "Segments"), h("span", { class: "note" }, "one cell for each segment, track and pipeline; click one"), legend()), h("div", { class: "stripbody" }, this.rows, lines), this.axis, h("p", { class: "empty", hidden: true }));
    this.rows.addEventListener("click", (event) => this.pick(event.target));
    this.rows.addEventListener("keydown", (event) => this.key(event));
    const move = (): void => {
      this.moveLines();
      this.frame = requestAnimationFrame(move);
    };
    this.frame = requestAnimationFrame(move);
  }

  private get shape(): Shape {
    return this.narrow.matches ? NARROW : WIDE;
  }

  /** The first K shown. */
  private first(strip: Strip): number {
    const { columns, step } = this.shape;
    const now = Math.floor((Date.now() + strip.clockOffset) / strip.lengthMs);
    // Two columns stay free at the end, so that the line's label has room.
    return (Math.floor((now + 2) / step) + 1) * step - columns;
  }

  draw(chosen: Chosen | null): void {
    const strip = this.app.segments.strip;
    const empty = find(this.root, ".empty");
    setAttr(empty, "hidden", strip !== null);
    setText(empty, this.app.segments.failedSince === null ? "Loading the schedule." : "The origin's schedule does not answer: are the origin and steering running?");
    setAttr(this.root, "data-stale", this.app.segments.failedSince !== null);
    if (!strip) return;
    const first = this.first(strip);
    const state = [strip, first, chosen?.track, chosen?.k, this.shape];
    if (state.every((one, at) => one === this.drawn[at])) return;
    this.drawn = state;
    const { columns, step } = this.shape;
    const columnKs = Array.from({ length: columns }, (_, at) => first + at);
    const lanes = strip.tracks.flatMap((track) => strip.pipelines.map((pipeline, at) => ({ track, pipeline, head: at === 0 })));
    keyed(this.rows, lanes, (lane) => `${lane.track}/${lane.pipeline}`, lane, (row, { track, pipeline }) => {
      const cells = find(row, ".lane");
      keyed(cells, columnKs.map((_, at) => at), String, () => h("i", { role: "gridcell" }), (cell, at) => {
        const k = first + at;
        this.cell(cell, strip, strip.at(track, k), track, pipeline, k);
        setAttr(cell, "data-chosen", chosen?.k === k && chosen.track === track);
      });
    });
    const marks = columnKs.filter((_, at) => at % step === 0);
    keyed(this.axis, marks, (k) => String(k - first), () => h("span", {}), (mark, k) => setText(mark, clock(k * strip.lengthMs)));
    this.axis.style.gridTemplateColumns = `repeat(${marks.length}, minmax(0, 1fr))`;
  }

  private cell(cell: Element, strip: Strip, one: Segment | undefined, track: string, pipeline: string, k: number): void {
    const copy = one ? copyOf(one, pipeline) : null;
    const ahead = k > (strip.ks.at(-1) ?? 0);
    const state = copy?.state ?? (one?.state === "pending" ? "pending" : ahead ? "ahead" : "unknown");
    setAttr(cell, "data-k", String(k));
    setAttr(cell, "data-track", track);
    setAttr(cell, "data-copy", state);
    setAttr(cell, "data-served", one?.pipeline === pipeline);
    setAttr(cell, "data-slate", one?.state === "slate");
    const word = copy ? COPY_WORDS[copy.state] : ahead ? "not closed yet" : "not known";
    const served = one?.state === "slate" ? ", slate served" : one?.pipeline === pipeline ? ", served" : "";
    setAttr(cell, "title", `${track} ${pipeline}, K ${kText(k)}: ${word}${served}`);
  }

  /** The lines move between drawings too, so that they do not jump. */
  private moveLines(): void {
    const strip = this.app.segments.strip;
    if (!strip) return;
    const now = Date.now() + strip.clockOffset;
    const place = (at: number): string => `translateX(${(100 * (at / strip.lengthMs - this.first(strip))) / this.shape.columns}%)`;
    this.nowLine.style.transform = place(now);
    this.dueLine.style.transform = place(now - strip.marginMs);
  }

  private pick(target: EventTarget | null): void {
    const cell = target instanceof Element ? target.closest<HTMLElement>("[data-k]") : null;
    if (cell) this.choose({ track: cell.dataset["track"] ?? "", k: Number(cell.dataset["k"]) });
  }

  /** Arrows move the choice, since hundreds of cells are too many stops for Tab. */
  private key(event: KeyboardEvent): void {
    const strip = this.app.segments.strip;
    const step = STEPS[event.key];
    if (!strip || !step) return;
    const [dx, dy] = step;
    event.preventDefault();
    const [track, k] = [this.drawn[2], this.drawn[3]];
    const at = typeof track === "string" ? strip.tracks.indexOf(track) : 0;
    const next = strip.tracks[Math.min(Math.max(at + dy, 0), strip.tracks.length - 1)] ?? "";
    this.choose({ track: next, k: (typeof k === "number" ? k : (strip.ks.at(-1) ?? 0)) + dx });
  }

  close(): void {
    cancelAnimationFrame(this.frame);
  }
}

function lane({ track, pipeline, head }: { track: string; pipeline: string; head: boolean }): HTMLElement {
  return h("div", { class: "striprow", role: "row", "data-head": head }, h("span", { class: "track", role: "rowheader" }, head ? track : ""), h("span", { class: "pipe", role: "rowheader" }, pipeline), h("span", { class: "lane", role: "presentation" }));
}

const LEGEND: readonly (readonly [copy: string, word: string, served: boolean, slate: boolean])[] = [
  ["on_time", "served", true, false],
  ["on_time", "standby", false, false],
  ["late", "late", false, false],
  ["defective", "defective", false, false],
  ["frozen", "frozen", false, false],
  ["missing", "missing", false, false],
  ["missing", "slate served", false, true],
];

function legend(): HTMLElement {
  const list = h("ul", { class: "seg-legend" });
  for (const [copy, word, served, slate] of LEGEND) list.append(h("li", {}, h("i", { "data-copy": copy, "data-served": served, "data-slate": slate }), word));
  return list;
}
