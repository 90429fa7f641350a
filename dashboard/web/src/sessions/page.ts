// Sessions: from a predicate to the viewers that match it, and from a viewer to everything that
// happened to it.

import type { App, Page } from "../app";
import { count } from "../metrics/format";
import { SqlError, query as runSql, staleness } from "../sql/api";
import { find, h, setAttr, setText } from "../ui/dom";
import { dialogIsOpen, intoField } from "../ui/press";
import { query, setQuery } from "../ui/query";
import { Detail } from "./detail";
import { FLAGS, NAMES, condition, fits, parseFind, unknownWords, wordOf, type Term } from "./find";
import { DRAWN, SessionList } from "./list";
import { OverTime } from "./over";
import { MOST, NEWEST, liveFor, sessionRow, type SessionRow } from "./row";

const LIVE_MS = 2_000;
/** History is queried when typing pauses for this long. */
const REST_MS = 400;

export class SessionsPage implements Page {
  private readonly list: SessionList;
  private readonly input = h("input", { type: "search", id: "find", placeholder: "session id, or device:tv edge:e1 rebuffered", "aria-label": "Find sessions", autocomplete: "off", spellcheck: "false", list: "find-words" });
  private readonly flags = h("div", { class: "flags", role: "group", "aria-label": "Frequent searches" });
  private readonly source = h("div", { class: "tabs", role: "group", "aria-label": "Where to look" });
  private readonly words = h("datalist", { id: "find-words" });
  private offered = "";
  private readonly unknown = h("p", { class: "unknown", role: "status", "data-level": "1", hidden: true });
  private readonly over = new OverTime();
  readonly root: HTMLElement;
  private live: SessionRow[] = [];
  /** Whether more are open than were returned. */
  private more = false;
  private past: SessionRow[] | null = null;
  /** What history lacks, in words. */
  private stale: string | null = null;
  private failed = "";
  private history = query("in") === "history";
  private asking = false;
  /** Counts answers from history: each is a list of its own. */
  private asked = 0;
  /** The search that the list from history answers; null before the first answer. */
  private answered: string | null = null;
  /** Set while the search is being typed. */
  private rest: ReturnType<typeof setTimeout> | null = null;
  private detail: Detail | null = null;
  private closed = false;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly app: App) {
    this.list = new SessionList(() => app.feed.now(), (row) => this.open(row.sid), () => this.draw());
    this.input.value = query("find") ?? "";
    this.input.addEventListener("input", () => {
      setQuery({ find: this.input.value.trim() || null }, "replace");
      this.stopResting();
      this.rest = setTimeout(() => {
        this.rest = null;
        this.draw();
      }, REST_MS);
      this.draw();
    });
    this.input.addEventListener("keydown", (event) => event.key === "Enter" && this.history && void this.ask());
    for (const [name, { about }] of Object.entries(FLAGS)) {
      const button = h("button", { type: "button", "data-flag": name, title: about }, name.replace("-", " "));
      button.addEventListener("click", () => this.toggle(name));
      this.flags.append(button);
    }
    for (const where of ["live", "history"] as const) {
      const tab = h("button", { type: "button", "data-in": where }, where === "live" ? "Live" : "History");
      tab.addEventListener("click", () => this.look(where === "history"));
      this.source.append(tab);
    }
    const finder = h("section", { class: "panel finder", role: "search" }, this.input, this.words, this.flags, this.source, this.unknown);
    this.root = h("div", { class: "page sessions" }, finder, this.over.root, h("div", { class: "both" }, this.list.root));
    document.addEventListener("keydown", this.key);
    this.timer = setInterval(() => !this.history && void this.ask(), LIVE_MS);
    void this.ask();
  }

  private readonly key = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && this.detail && !intoField(event) && !dialogIsOpen()) this.open(null);
  };

  private open(sid: string | null): void {
    setQuery({ sid });
    this.draw();
  }

  private search(text: string): void {
    this.input.value = text;
    setQuery({ find: text || null });
    this.stopResting();
    this.draw();
  }

  private toggle(flag: string): void {
    const terms = parseFind(this.input.value);
    const others = terms.filter((term) => !isFlag(term, flag));
    this.search((others.length < terms.length ? others : [...terms, { name: "is", value: flag }]).map(wordOf).join(" "));
  }

  private look(history: boolean): void {
    setQuery({ in: history ? "history" : null });
    this.turn(history);
    this.draw();
  }

  private turn(history: boolean): void {
    [this.history, this.past, this.answered] = [history, null, null];
    void this.ask();
  }

  private stopResting(): void {
    if (this.rest !== null) clearTimeout(this.rest);
    this.rest = null;
  }

  /**
   * Asks for what the URL names and was not answered yet: Back changes it without a click here, and
   * a hidden page asks nothing.
   */
  private keepUp(): void {
    const history = query("in") === "history";
    if (history !== this.history) this.turn(history);
    else if (history && this.rest === null && this.answered !== this.input.value.trim()) void this.ask();
  }

  private async ask(): Promise<void> {
    if (this.asking || document.hidden) return;
    this.asking = true;
    const text = this.input.value.trim();
    const where = this.history;
    this.stopResting();
    try {
      if (where) {
        const { rows, stale } = await fromHistory(text);
        if (!this.history) return;
        [this.past, this.stale] = [rows, stale];
        this.asked += 1;
        this.answered = text;
      } else {
        const { rows, more } = await liveFor(parseFind(text));
        [this.live, this.more] = [rows, more];
        this.offer();
      }
      this.failed = "";
    } catch (error) {
      this.failed = error instanceof SqlError && error.status === 404 ? "History is not served by this dashboard." : error instanceof Error ? error.message : String(error);
      if (where && this.history) [this.past, this.answered] = [[], text];
    } finally {
      this.asking = false;
      // Asks again where the search was changed while this was pending.
      if (!this.closed) this.draw();
    }
  }

  /** Suggestions that match a viewer who is present now. */
  private offer(): void {
    const words = new Set<string>();
    for (const [name, field] of Object.entries(NAMES)) for (const row of this.live) if (words.size < 200) words.add(wordOf({ name, value: String(row[field] ?? "unknown") }));
    const sorted = [...words].sort();
    if (sorted.join("\n") === this.offered) return;
    this.offered = sorted.join("\n");
    this.words.replaceChildren(...sorted.map((value) => h("option", { value })));
  }

  draw(): void {
    const wanted = (query("find") ?? "").trim();
    if (this.input.value.trim() !== wanted) this.input.value = wanted;
    this.keepUp();
    const terms = parseFind(this.input.value);
    for (const button of this.flags.children) setAttr(button, "aria-pressed", String(terms.some((term) => isFlag(term, button.getAttribute("data-flag")))));
    for (const tab of this.source.children) setAttr(tab, "aria-pressed", String((tab.getAttribute("data-in") === "history") === this.history));
    const sid = query("sid");
    const found = this.history ? (this.past ?? []) : this.live.filter((row) => fits(row, terms));
    const search = `${this.history ? `history ${this.asked}` : "live"} ${terms.map(({ name, value }) => `${name}:${value}`).join(" ")}`;
    const old = this.history && this.answered !== this.input.value.trim();
    this.list.draw(found, search, old && this.past !== null ? "searching …" : this.note(found.length), old ? "" : this.nothing(terms), sid);
    setAttr(this.list.root, "data-old", old);
    this.drawUnknown(terms);
    this.over.draw(terms);
    this.follow(sid);
    this.detail?.draw(this.live, this.more);
  }

  private note(found: number): string {
    if (this.failed) return `◆ ${this.failed}`;
    const drawn = found > DRAWN ? `, ${DRAWN} drawn` : "";
    if (this.history && this.past === null) return "reading history";
    const stale = this.stale === null ? "" : ` · ◆ ${this.stale}`;
    if (this.history) return (found < MOST ? `${count(found)} that ended or are stored${drawn}` : `${NEWEST}${drawn}`) + stale;
    return this.more ? `${count(found)} found${drawn} in ${NEWEST} · every 2 s` : `${count(found)} of ${count(this.live.length)} open or just ended${drawn} · every 2 s`;
  }

  /** Words with an unknown name: they match no session, which says nothing about viewers. */
  private drawUnknown(terms: readonly Term[]): void {
    const words = unknownWords(terms);
    setText(this.unknown, words.length === 0 ? "" : `◆ ${words.join(" ")}`);
    setAttr(this.unknown, "hidden", words.length === 0);
  }

  private nothing(terms: readonly Term[]): string {
    if (this.failed || (this.history && this.past === null)) return "";
    if (unknownWords(terms).length > 0) return "Nothing was searched for: the search has an unknown word.";
    if (this.more && !this.history && terms.some((one) => one.name === "sid")) return "No session that is open or just ended has this id. If it is whole, look in History.";
    if (terms.length > 0 && this.more && !this.history) return "None of the newest 1,000 matches, and there are more. Enter a whole session id, or query the table live_sessions on the SQL page.";
    if (terms.length > 0) return "No session matches. Remove a word from the search, or look in the other tab.";
    return this.history ? "Nothing in history yet: sessions are stored when they end." : "Nobody is watching. Open Watch to be the first, or Connect to bring your own player.";
  }

  private follow(sid: string | null): void {
    if ((this.detail?.sid ?? null) === sid) return;
    this.detail?.close();
    this.detail?.root.remove();
    this.detail = sid === null ? null : new Detail(sid, { now: () => this.app.feed.now(), close: () => this.open(null), list: (text) => this.searchLive(text), changed: () => this.draw() });
    if (this.detail) find(this.root, ".both").append(this.detail.root);
    setAttr(this.root, "data-open", this.detail !== null);
  }

  private searchLive(text: string): void {
    if (this.history) this.look(false);
    setQuery({ sid: null });
    this.search(text);
  }

  close(): void {
    clearInterval(this.timer);
    this.stopResting();
    this.closed = true;
    document.removeEventListener("keydown", this.key);
    this.over.close();
    this.detail?.close();
  }
}

const isFlag = ({ name, value }: Term, flag: string | null): boolean => name === "is" && value === flag;

async function fromHistory(text: string): Promise<{ rows: SessionRow[]; stale: string | null }> {
  const where = condition(parseFind(text));
  const { rows, filesAlone } = await runSql(`SELECT * FROM sessions WHERE ${where} ORDER BY started_at DESC LIMIT ${MOST}`);
  return { rows: rows.map(sessionRow), stale: staleness(filesAlone) };
}
