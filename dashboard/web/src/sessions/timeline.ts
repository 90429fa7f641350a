// One session on one time axis. Drag to zoom in, double-click for the whole.

import { count, moment, span } from "../metrics/format";
import { find, h, setAttr, setText } from "../ui/dom";
import { palette } from "../ui/palette";
import { extent, type Past, type Point } from "./data";
import { SLOW_MS, bad, lanesOf, moves, stateWord, type Lane } from "./lanes";

const GUTTER = 92;
const AXIS = 24;
const GAP = 8;
const SPANS: readonly [string, number | null][] = [["all", null], ["5 min", 300_000], ["1 min", 60_000]];

export class Timeline {
  private readonly canvas = h("canvas", { role: "img" });
  private readonly cursor = h("div", { class: "cursor", hidden: true });
  private readonly drag = h("div", { class: "drag", hidden: true });
  private readonly box = h("div", { class: "lanes" }, this.canvas, this.cursor, this.drag);
  private readonly tabs = h("div", { class: "tabs", role: "group", "aria-label": "Time shown" });
  private readonly resize = new ResizeObserver(() => this.paint());
  readonly root = h("section", { class: "panel timeline" }, h("header", {}, h("h2", {}), h("span", { class: "note" }), this.tabs), h("p", { class: "readout", "aria-live": "off" }), this.box);
  private past: Past | null = null;
  private now = 0;
  private lanes: Lane[] = [];
  private whole: [number, number] = [0, 1];
  /** The newest ms, or a range that was dragged; null is the whole. */
  private shown: number | [number, number] | null = null;
  private range: [number, number] = [0, 1];
  private from: number | null = null;

  constructor(title = "Timeline", private readonly small = false) {
    // A small timeline is beside a player: it shows the newest minute.
    if (small) this.shown = 60_000;
    setText(find(this.root, "h2"), title);
    for (const [name, ms] of SPANS) {
      const tab = h("button", { type: "button", "data-ms": ms === null ? "" : String(ms) }, name);
      tab.addEventListener("click", () => this.zoom(ms));
      this.tabs.append(tab);
    }
    this.box.addEventListener("pointermove", (event) => this.point(event));
    this.box.addEventListener("pointerleave", () => this.leave());
    this.box.addEventListener("pointerdown", (event) => {
      this.from = event.offsetX;
      this.box.setPointerCapture(event.pointerId);
    });
    this.box.addEventListener("pointerup", (event) => this.drop(event));
    this.box.addEventListener("dblclick", () => this.zoom(null));
    this.resize.observe(this.box);
  }

  show(past: Past, now: number): void {
    [this.past, this.now] = [past, now];
    this.lanes = lanesOf(past, this.small ? 0.62 : 1);
    this.whole = extent(past, now) ?? [now - 60_000, now];
    this.paint();
  }

  private zoom(shown: number | [number, number] | null): void {
    this.shown = shown;
    this.paint();
  }

  private x(at: number): number {
    const [from, to] = this.range;
    return GUTTER + ((at - from) / (to - from)) * (this.box.clientWidth - GUTTER - 10);
  }

  private timeAt(x: number): number {
    const [from, to] = this.range;
    return from + ((x - GUTTER) / (this.box.clientWidth - GUTTER - 10)) * (to - from);
  }

  paint(): void {
    const { past, shown, whole } = this;
    const width = this.box.clientWidth;
    if (!past || width === 0) return;
    this.range = Array.isArray(shown) ? shown : shown === null ? whole : [Math.max(whole[0], whole[1] - shown), whole[1]];
    for (const tab of this.tabs.children) setAttr(tab, "aria-pressed", String(!Array.isArray(shown) && tab.getAttribute("data-ms") === (shown === null ? "" : String(shown))));
    const height = this.lanes.reduce((sum, lane) => sum + lane.height + GAP, AXIS);
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = '11px "Inter Variable", sans-serif';
    context.textBaseline = "middle";
    this.axis(context, width, height);
    let top = 0;
    for (const lane of this.lanes) {
      this.label(context, lane, top, width);
      lane.draw({ context, x: (at) => this.x(at), left: GUTTER, right: width - 10, top, height: lane.height, colours: palette() });
      top += lane.height + GAP;
    }
    this.moves(context, height);
    setAttr(this.canvas, "aria-label", this.words(past));
    setText(find(this.root, ".note"), this.words(past));
  }

  private words(past: Past): string {
    const [from, to] = this.whole;
    const slow = past.requests.filter((one) => !bad(one) && one.ttfb > SLOW_MS).length;
    const failed = past.requests.filter(bad).length;
    const parts = [span(to - from)];
    if (past.records > 0) parts.push(`${count(past.records)} records`);
    parts.push(`${count(past.requests.length)} requests`);
    if (slow > 0) parts.push(`${slow} slow`);
    if (failed > 0) parts.push(`${failed} failed`);
    return parts.join(" · ");
  }

  private label(context: CanvasRenderingContext2D, lane: Lane, top: number, width: number): void {
    const colours = palette();
    context.fillStyle = colours.text2;
    context.fillText(lane.name, 12, top + (lane.scale ? 10 : lane.height / 2));
    context.fillStyle = colours.text3;
    if (lane.scale) context.fillText(lane.scale, 12, top + 25);
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(GUTTER, top + lane.height + 0.5);
    context.lineTo(width - 10, top + lane.height + 0.5);
    context.stroke();
  }

  private axis(context: CanvasRenderingContext2D, width: number, height: number): void {
    const [from, to] = this.range;
    const wanted = (to - from) / Math.max(2, (width - GUTTER) / 110);
    const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400].map((one) => one * 1000).find((one) => one >= wanted) ?? 86_400_000;
    const colours = palette();
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      const x = Math.round(this.x(at)) + 0.5;
      context.strokeStyle = colours.line;
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x, height - AXIS);
      context.stroke();
      context.fillStyle = colours.text2;
      context.textAlign = x > width - 40 ? "right" : "center";
      context.fillText(moment(at, this.now), x, height - AXIS / 2);
    }
    context.textAlign = "left";
    context.fillStyle = colours.text3;
    context.fillText("UTC", 12, height - AXIS / 2);
  }

  /** Where steering, or a failover, moved this viewer. */
  private moves(context: CanvasRenderingContext2D, height: number): void {
    const colours = palette();
    for (const { at, from, to } of moves(this.past?.requests ?? [])) {
      const x = this.x(at);
      if (x < GUTTER) continue;
      context.strokeStyle = colours.text2;
      context.setLineDash([3, 3]);
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x, height - AXIS);
      context.stroke();
      context.setLineDash([]);
      context.fillStyle = colours.text;
      const text = `${from} → ${to}`;
      const wide = context.measureText(text).width;
      const left = x + wide + 10 > this.box.clientWidth ? x - wide - 5 : x + 5;
      context.fillStyle = colours.panel;
      context.fillRect(left - 2, 27, wide + 4, 14);
      context.fillStyle = colours.text;
      context.fillText(text, left, 34);
    }
  }

  private point(event: PointerEvent): void {
    const x = Math.max(GUTTER, event.offsetX);
    setAttr(this.cursor, "hidden", false);
    this.cursor.style.left = `${x}px`;
    setText(find(this.root, ".readout"), this.at(this.timeAt(x)));
    if (this.from === null) return;
    setAttr(this.drag, "hidden", false);
    this.drag.style.left = `${Math.min(this.from, x)}px`;
    this.drag.style.width = `${Math.abs(x - this.from)}px`;
  }

  private drop(event: PointerEvent): void {
    const { from } = this;
    this.from = null;
    setAttr(this.drag, "hidden", true);
    if (from === null || Math.abs(event.offsetX - from) < 6) return;
    const [a, b] = [this.timeAt(Math.max(GUTTER, Math.min(from, event.offsetX))), this.timeAt(Math.max(from, event.offsetX))];
    if (b - a > 1_000) this.zoom([a, b]);
  }

  private leave(): void {
    setAttr(this.cursor, "hidden", true);
    setText(find(this.root, ".readout"), "");
  }

  /** Everything at one time, in a line. */
  private at(time: number): string {
    const { past } = this;
    if (!past) return "";
    const before = <T extends { at: number }>(list: readonly T[]): T | undefined => list.findLast((one) => one.at <= time);
    const value = (list: readonly Point[], words: (value: number) => string): string | null => {
      const found = before(list);
      return found && time - found.at < 35_000 ? words(found.value) : null;
    };
    const state = past.spans.findLast(({ from, to }) => from <= time && time <= to)?.state;
    const request = before(past.requests);
    return [
      `${moment(time, this.now)} UTC`,
      state === undefined ? null : stateWord(state),
      value(past.bitrate, (one) => `${count(one)} kbps`),
      value(past.buffer, (one) => `buffer ${span(one)}`),
      value(past.latency, (one) => `latency ${span(one)}`),
      request && time - request.at < 10_000 ? `${request.track || "a request"}${request.k === null ? "" : ` K ${request.k}`} from ${request.edge}${request.pipeline ? `, pipeline ${request.pipeline}` : ""}: ${request.status}, first byte ${Math.round(request.ttfb)} ms` : null,
    ]
      .filter((one) => one !== null)
      .join(" · ");
  }

  close(): void {
    this.resize.disconnect();
  }
}
