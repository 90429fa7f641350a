// Viewers over time by any dimensions, of those that match the search. Nothing is requested until a
// dimension is chosen, or while the page is hidden.

import { clock, span } from "../metrics/format";
import { PATIENCE_MS } from "../sql/api";
import { ResultChart } from "../sql/chart";
import { h, setAttr, setText } from "../ui/dom";
import { query, setQuery } from "../ui/query";
import type { Term } from "./find";
import { OVER, ask, linesOf, spansWhere, type Series } from "./series";

const EACH_MS = 10_000;
/** Typing pauses for this long before its series is requested. */
const REST_MS = 600;
const MOST_DIMENSIONS = 4;
const METRICS: Readonly<Record<string, string>> = { viewers: "Viewers", rebuffer_ratio_pct: "Rebuffer ratio" };
const SPANS: readonly (readonly [number, string])[] = [[30, "30 min"], [180, "3 h"], [1440, "24 h"]];

export class OverTime {
  private readonly chart = new ResultChart();
  private readonly dimensions = h("div", { class: "flags", role: "group", "aria-label": "Over time by" });
  private readonly metrics = h("div", { class: "tabs", role: "group", "aria-label": "Metric" });
  private readonly spans = h("div", { class: "tabs", role: "group", "aria-label": "How far back" });
  private readonly note = h("span", { class: "note", role: "status" });
  private readonly body = h("div", { class: "body" }, this.chart.root);
  readonly root = h("section", { class: "panel over", "aria-label": "Viewers over time" }, h("header", {}, h("h2", {}, "Over time by"), this.dimensions, this.note, this.metrics, this.spans), this.body);
  private terms: readonly Term[] = [];
  /** What the chart shows, and its last request. */
  private shown = "";
  private wanted = "";
  private running: AbortController | null = null;
  private rest: ReturnType<typeof setTimeout> | undefined;
  private readonly timer = setInterval(() => void this.ask(), EACH_MS);

  constructor() {
    for (const [name, word] of Object.entries(OVER)) this.dimensions.append(this.button("data-over", name, word, () => this.toggle(name)));
    for (const [name, word] of Object.entries(METRICS)) this.metrics.append(this.button("data-metric", name, word, () => this.go({ show: name === "viewers" ? null : name })));
    for (const [minutes, word] of SPANS) this.spans.append(this.button("data-minutes", String(minutes), word, () => this.go({ minutes: minutes === 30 ? null : String(minutes) })));
    document.addEventListener("visibilitychange", this.seen);
  }

  private readonly seen = (): void => void this.ask();

  private button(attribute: string, value: string, word: string, act: () => void): HTMLElement {
    const button = h("button", { type: "button", [attribute]: value }, word);
    button.addEventListener("click", act);
    return button;
  }

  private get by(): string[] {
    return (query("over") ?? "").split(",").filter((name) => OVER[name]).slice(0, MOST_DIMENSIONS);
  }

  private get metric(): string {
    return METRICS[query("show") ?? ""] ? (query("show") ?? "viewers") : "viewers";
  }

  private get minutes(): number {
    return SPANS.find(([minutes]) => String(minutes) === query("minutes"))?.[0] ?? 30;
  }

  private toggle(name: string): void {
    const by = this.by;
    const next = by.includes(name) ? by.filter((one) => one !== name) : [...by, name].slice(-MOST_DIMENSIONS);
    this.go({ over: next.length > 0 ? next.join(",") : null });
  }

  private go(change: Readonly<Record<string, string | null>>): void {
    setQuery(change);
    this.draw(this.terms);
  }

  /** Shows the choice, and requests a series where it differs from before. */
  draw(terms: readonly Term[]): void {
    this.terms = terms;
    const by = this.by;
    for (const button of this.dimensions.children) setAttr(button, "aria-pressed", String(by.includes(button.getAttribute("data-over") ?? "")));
    for (const button of this.metrics.children) setAttr(button, "aria-pressed", String(button.getAttribute("data-metric") === this.metric));
    for (const button of this.spans.children) setAttr(button, "aria-pressed", String(button.getAttribute("data-minutes") === String(this.minutes)));
    setAttr(this.root, "data-closed", by.length === 0);
    const wanted = by.length === 0 ? "" : JSON.stringify([by, this.metric, this.minutes, spansWhere(terms).where]);
    if (wanted === this.wanted) return;
    const typed = this.wanted !== "" && wanted !== "" && JSON.stringify(JSON.parse(wanted).slice(0, 3)) === JSON.stringify(JSON.parse(this.wanted).slice(0, 3));
    this.wanted = wanted;
    this.running?.abort();
    clearTimeout(this.rest);
    if (wanted === "") {
      this.shown = "";
      this.say("");
      return;
    }
    setAttr(this.body, "data-old", true);
    this.rest = setTimeout(() => void this.ask(), typed ? REST_MS : 0);
  }

  private async ask(): Promise<void> {
    const wanted = this.wanted;
    if (wanted === "" || document.hidden || (this.running && !this.running.signal.aborted) || !this.root.checkVisibility()) return;
    const running = (this.running = new AbortController());
    const { where, left } = spansWhere(this.terms);
    try {
      if (this.shown === "") this.say("reading …");
      const series = await ask(this.by, this.metric, this.minutes, where, AbortSignal.any([running.signal, AbortSignal.timeout(PATIENCE_MS)]));
      if (wanted === this.wanted) this.show(series, left, wanted);
    } catch (error) {
      if (running.signal.aborted) return;
      this.say(error instanceof Error ? error.message : String(error), true);
      // A chart of another question must not stay as the answer to this one.
      if (this.shown !== wanted) this.chart.show({ kind: "none", why: "No series." });
      setAttr(this.body, "data-old", this.shown === wanted);
    } finally {
      if (this.running === running) this.running = null;
    }
  }

  private show(series: Series, left: readonly string[], wanted: string): void {
    this.shown = wanted;
    setAttr(this.body, "data-old", null);
    const any = series.total.some((value) => value !== null);
    this.chart.show(any ? linesOf(series) : { kind: "none", why: "There were no viewers in this time. Remove a word from the search, or look further back." });
    const upTo = series.from + series.total.length * series.width_s * 1000;
    const parts = [`${span(series.width_s * 1000).replace(".0", "")} panes to ${clock(upTo)} UTC`];
    if (left.length > 0) parts.push(`without "${left.join(" ")}", which is not a dimension`);
    this.say([...series.partial.map((one) => `◆ ${one}`), ...parts].join(" · "), series.partial.length > 0);
  }

  private say(text: string, warns = false): void {
    setText(this.note, warns && !text.startsWith("◆") ? `◆ ${text}` : text);
    setAttr(this.note, "title", text || null);
    setAttr(this.note, "data-level", warns ? "1" : null);
  }

  close(): void {
    clearInterval(this.timer);
    clearTimeout(this.rest);
    this.running?.abort();
    document.removeEventListener("visibilitychange", this.seen);
    this.chart.close();
  }
}
