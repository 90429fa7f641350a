// The sessions found, a row each. Click a heading to sort by it, a row to see its timeline.

import { NONE, count, localTime, moment, span } from "../metrics/format";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES } from "../ui/palette";
import { OUTCOMES, STATES, type SessionRow } from "./row";

/** Rows drawn; a longer list should be narrowed. */
export const DRAWN = 200;

interface Column {
  name: string;
  title: string;
  text: (row: SessionRow, now: number) => string;
  /** What is shown over its cell. */
  hover?: (row: SessionRow) => string | null;
  /** The value it sorts by; text columns sort by what is shown. */
  key?: (row: SessionRow) => number;
  /** Shown only where there is room. */
  wide?: boolean;
}

const COLUMNS: readonly Column[] = [
  { name: "sid", title: "session", text: (row) => row.sid },
  { name: "state", title: "state", text: stateText },
  { name: "device", title: "device", text: (row) => row.device ?? NONE, wide: true },
  { name: "country", title: "country", text: (row) => row.country ?? NONE, wide: true },
  { name: "edge", title: "edge", text: (row) => `${row.edge ?? NONE} ${row.pipeline ?? ""}`.trim() },
  { name: "started", title: "started", text: (row, now) => (row.started_at === null ? NONE : moment(row.started_at, now)), hover: (row) => (row.started_at === null ? null : localTime(row.started_at)), key: (row) => row.started_at ?? 0, wide: true },
  { name: "startup", title: "startup", text: (row) => (row.startup_ms === null ? NONE : `${(row.startup_ms / 1000).toFixed(2)} s`), key: (row) => row.startup_ms ?? -1, wide: true },
  { name: "played", title: "played", text: (row) => span(row.playing_ms), key: (row) => row.playing_ms, wide: true },
  { name: "rebuffers", title: "rebuffers", text: (row) => (row.rebuffer_count === 0 ? "0" : `${row.rebuffer_count} · ${span(row.rebuffering_ms)}`), key: (row) => row.rebuffering_ms + row.rebuffer_count },
  { name: "bitrate", title: "bitrate", text: (row) => (row.avg_bitrate_kbps === null ? NONE : `${count(row.avg_bitrate_kbps)} kbps`), key: (row) => row.avg_bitrate_kbps ?? -1, wide: true },
  { name: "latency", title: "latency", text: (row) => (row.live_latency_ms === null ? NONE : span(row.live_latency_ms)), key: (row) => row.live_latency_ms ?? -1, wide: true },
  { name: "beacons", title: "beacons", text: (row) => (row.lost_events > 0 ? `${count(row.events)} · ${count(row.lost_events)} lost` : count(row.events)), key: (row) => row.events, wide: true },
];

function stateText(row: SessionRow): string {
  const level = levelOf(row);
  const word = row.ended_at === null && row.state !== null ? (STATES[row.state] ?? row.state) : (OUTCOMES[row.outcome] ?? row.outcome);
  return `${LEVEL_SHAPES[level]} ${word}`.trim();
}

/** A session that fails is broken; one that is stalling now is degraded. */
export function levelOf(row: SessionRow): 0 | 1 | 2 | 3 {
  if (row.outcome === "failed" || row.outcome === "start_failed") return 3;
  return row.ended_at === null && row.state === "r" && row.first_frame_at !== null ? 2 : 0;
}

const keyOf = ({ sid, epoch }: SessionRow): string => `${sid} ${epoch}`;

export class SessionList {
  private readonly body = h("tbody", {});
  private readonly head = h("tr", {});
  private readonly empty = h("p", { class: "empty" });
  readonly root = h("section", { class: "panel found" }, h("header", {}, h("h2", {}, "Sessions"), h("span", { class: "note", role: "status" })), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Sessions found" }, h("table", {}, h("thead", {}, this.head), this.body)), this.empty);
  private readonly newer = h("button", { type: "button", class: "newer", "data-none": true });
  private sort: { name: string; down: boolean } = { name: "started", down: true };
  /**
   * The drawn rows, in their order. Rows keep their position until another order is requested:
   * nothing moves under a pointer, and sessions that have gone remain visible as gone.
   */
  private order: SessionRow[] = [];
  private orderOf = "";

  constructor(
    private readonly now: () => number,
    private readonly open: (row: SessionRow) => void,
    private readonly changed: () => void,
  ) {
    find(this.root, "header").append(this.newer);
    this.newer.addEventListener("click", () => {
      this.orderOf = "";
      this.changed();
    });
    for (const { name, title, wide } of COLUMNS) {
      const button = h("button", { type: "button" }, title);
      button.addEventListener("click", () => {
        this.sort = { name, down: this.sort.name === name ? !this.sort.down : true };
        this.changed();
      });
      this.head.append(h("th", { scope: "col", "data-col": name, "data-wide": wide ?? false }, button));
    }
  }

  /** `search` names the request: another one is another list. */
  draw(rows: readonly SessionRow[], search: string, note: string, nothing: string, chosen: string | null): void {
    setText(find(this.root, "header .note"), note);
    setText(this.empty, rows.length === 0 ? nothing : "");
    for (const cell of this.head.children) setAttr(cell, "aria-sort", cell.getAttribute("data-col") === this.sort.name ? (this.sort.down ? "descending" : "ascending") : null);
    const now = new Map(rows.map((row) => [keyOf(row), row]));
    const asked = `${search} ${this.sort.name} ${this.sort.down}`;
    if (asked !== this.orderOf || this.order.length === 0) {
      this.order = this.sorted(rows).slice(0, DRAWN);
      this.orderOf = asked;
    }
    this.order = this.order.map((row) => now.get(keyOf(row)) ?? row);
    const shown = new Set(this.order.map(keyOf));
    const fresh = this.order.length < DRAWN ? rows.filter((row) => !shown.has(keyOf(row))).length : 0;
    setAttr(this.newer, "data-none", fresh === 0);
    setText(this.newer, `${count(fresh)} more arrived`);
    keyed(this.body, this.order, keyOf, (row) => this.make(row), (tr, row) => this.write(tr, row, chosen, now.has(keyOf(row))));
  }

  private sorted(rows: readonly SessionRow[]): SessionRow[] {
    const column = COLUMNS.find(({ name }) => name === this.sort.name);
    const key = column?.key;
    const order = this.sort.down ? -1 : 1;
    return [...rows].sort((a, b) => order * (key ? key(a) - key(b) : (column?.text(a, 0) ?? "").localeCompare(column?.text(b, 0) ?? "")) || a.sid.localeCompare(b.sid));
  }

  private make(row: SessionRow): HTMLElement {
    const tr = h("tr", {});
    for (const { name, wide } of COLUMNS) {
      const cell = h("td", { "data-col": name, "data-wide": wide ?? false });
      if (name === "sid") cell.append(h("a", { href: `/sessions?sid=${encodeURIComponent(row.sid)}`, class: "mono" }, row.sid));
      tr.append(cell);
    }
    tr.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.open(row);
    });
    return tr;
  }

  private write(tr: Element, row: SessionRow, chosen: string | null, there: boolean): void {
    setAttr(tr, "data-gone", !there);
    setAttr(tr, "title", there ? null : "No longer in this list; sort again to take it away.");
    const level = levelOf(row);
    setAttr(tr, "data-level", level ? String(level) : null);
    setAttr(tr, "aria-selected", row.sid === chosen ? "true" : null);
    for (const { name, text, hover } of COLUMNS) {
      if (name === "sid") continue;
      const cell = find(tr, `[data-col="${name}"]`);
      setText(cell, text(row, this.now()));
      if (hover) setAttr(cell, "title", hover(row));
    }
  }
}
