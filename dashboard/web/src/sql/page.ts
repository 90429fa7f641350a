// SQL: the same tables that feed the charts, live and archived, for questions that no page answers.
// The query is kept in the URL's hash, so that a link shows a colleague the same.

import type { App, Page } from "../app";
import { find, h, setAttr, setText } from "../ui/dom";
import { SqlError, query, tables, type Table } from "./api";
import type { Editor } from "./editor";
import { lastQuery, remember, save } from "./library";
import { Result } from "./result";
import { Side } from "./side";

export class SqlPage implements Page {
  private readonly result = new Result();
  private readonly side: Side;
  private readonly host = h("div", { class: "editor" });
  private readonly runButton = h("button", { type: "button", class: "act", id: "run" }, "Run");
  private editor: Editor | null = null;
  private text = "";
  private tables: readonly Table[] = [];
  private stop: AbortController | null = null;
  private since = 0;
  /** Kept for an editor that loads after the answer. */
  private wrongAt: { line: number; column: number } | null = null;
  private theme = document.documentElement.dataset["theme"];
  private closed = false;
  private readonly moved = (): void => this.follow();
  readonly root: HTMLElement;

  constructor(private readonly app: App) {
    this.side = new Side({ insert: (text) => this.editor?.insert(text), open: (sql) => this.open(sql) });
    this.runButton.addEventListener("click", () => void this.run());
    const keep = h("button", { type: "button" }, "Save");
    const name = h("input", { type: "text", placeholder: "name to save it under", "aria-label": "Name to save the query under", maxlength: "80" });
    keep.addEventListener("click", () => this.save(name));
    const copy = h("button", { type: "button" }, "Copy link");
    copy.addEventListener("click", () => void this.copyLink());
    const bar = h("div", { class: "bar" }, this.runButton, h("span", { class: "keys" }, h("kbd", {}, "Ctrl"), " + ", h("kbd", {}, "Enter")), h("span", { class: "said", role: "status" }), name, keep, copy);
    this.root = h("div", { class: "page sql" }, this.side.root, h("div", { class: "work" }, h("section", { class: "panel query" }, this.host, bar), this.result.root));
    this.text = fromHash() ?? lastQuery();
    window.addEventListener("hashchange", this.moved);
    void this.load();
    void this.learn();
    // A link is opened to see its result; reading changes nothing.
    if (fromHash() !== null) void this.run();
  }

  private async load(): Promise<void> {
    const Editor = await editorClass();
    if (this.closed) return;
    if (!Editor) {
      this.host.replaceChildren(h("p", { class: "empty", role: "status" }, "The editor cannot be loaded: this page is older than the server, or the server does not answer. Reload it."));
      return;
    }
    this.editor = new Editor(this.host, { text: this.text, run: () => void this.run(), changed: (text) => (this.text = text) });
    this.editor.know(this.tables);
    this.editor.wrong(this.wrongAt);
    if (matchMedia("(min-width: 641px)").matches) this.editor.focus();
  }

  private async learn(): Promise<void> {
    try {
      this.tables = await tables();
      this.side.showTables(this.tables);
      this.editor?.know(this.tables);
    } catch (error) {
      this.side.fail(error instanceof SqlError && error.status === 404 ? "This dashboard has no SQL." : "The tables cannot be listed now.");
    }
  }

  private open(sql: string): void {
    this.text = sql;
    if (this.editor) this.editor.text = sql;
    // The running query is another one, and its end is no longer awaited.
    this.stop?.abort();
    this.stop = null;
    void this.run();
  }

  private follow(): void {
    const sql = fromHash();
    if (sql === null || sql === this.text) return;
    this.open(sql);
  }

  /** Runs the written query, or stops the running one. */
  private async run(): Promise<void> {
    if (this.stop) {
      this.stop.abort();
      return;
    }
    const sql = this.text.trim();
    if (sql === "") return;
    const stop = new AbortController();
    this.stop = stop;
    this.since = performance.now();
    this.mark(null);
    remember(sql);
    toHash(sql);
    this.draw();
    try {
      const answer = await query(sql, stop.signal);
      if (this.stop === stop && !this.closed) this.result.done(sql, answer);
    } catch (error) {
      const why = error instanceof SqlError ? error : new SqlError(String(error), null, 0);
      if (this.stop !== stop || this.closed) return;
      this.result.failed(why);
      this.mark(shifted(why.at, this.text));
    } finally {
      if (this.stop === stop) {
        this.stop = null;
        if (!this.closed) this.draw();
      }
    }
  }

  private mark(at: { line: number; column: number } | null): void {
    this.wrongAt = at;
    this.editor?.wrong(at);
  }

  private save(name: HTMLInputElement): void {
    const title = name.value.trim() || this.text.trim().split("\n")[0]?.slice(0, 60) || "query";
    const kept = save({ name: title, sql: this.text });
    this.say(kept ? `saved as "${title}"` : "this browser stores nothing");
    name.value = "";
    this.side.drawSaved();
  }

  private async copyLink(): Promise<void> {
    toHash(this.text);
    try {
      await navigator.clipboard.writeText(location.href);
      this.say("link copied");
    } catch {
      this.say("copy it from the address bar");
    }
  }

  private say(text: string): void {
    const said = find(this.root, ".said");
    setText(said, text);
    setTimeout(() => setText(said, ""), 4_000);
  }

  draw(): void {
    setText(this.runButton, this.stop ? "Stop" : "Run");
    setAttr(this.runButton, "data-running", this.stop !== null);
    if (this.stop) this.result.running(this.since);
    this.side.showMetrics(this.app.feed.metrics);
    const theme = document.documentElement.dataset["theme"];
    if (theme !== this.theme) this.result.restyle();
    this.theme = theme;
  }

  close(): void {
    this.closed = true;
    window.removeEventListener("hashchange", this.moved);
    this.stop?.abort();
    this.editor?.close();
    this.result.close();
  }
}

/** Null where it cannot be loaded: a server that was upgraded has it under another name. */
async function editorClass(): Promise<typeof Editor | null> {
  try {
    return (await import("./editor")).Editor;
  } catch {
    return null;
  }
}

function fromHash(): string | null {
  const found = /^#q=(.+)$/s.exec(location.hash)?.[1];
  try {
    return found === undefined ? null : decodeURIComponent(found);
  } catch {
    return null;
  }
}

function toHash(sql: string): void {
  const hash = `#q=${encodeURIComponent(sql)}`;
  if (hash === location.hash) return;
  history.pushState(null, "", `${location.pathname}${location.search}${hash}`);
}

/** The sent text is trimmed; the mark is set in the visible one. */
function shifted(at: { line: number; column: number } | null, text: string): { line: number; column: number } | null {
  if (at === null) return null;
  const lead = text.slice(0, text.length - text.trimStart().length);
  const lines = lead.split("\n");
  return { line: at.line + lines.length - 1, column: at.line === 1 ? at.column + (lines.at(-1)?.length ?? 0) : at.column };
}
