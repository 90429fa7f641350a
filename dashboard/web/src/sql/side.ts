// Beside the editor: what can be queried (tables, metrics), examples, and saved queries.

import type { Metric } from "../feed/types";
import { h, setText } from "../ui/dom";
import type { Table } from "./api";
import { EXAMPLES, forget, metricQuery, savedQueries, type Saved } from "./library";

export interface SideOptions {
  /** Inserts a name at the cursor. */
  insert: (text: string) => void;
  /** Replaces the query and runs it. */
  open: (sql: string) => void;
}

export class Side {
  private readonly saved = h("ul", { class: "queries" });
  private readonly tables = h("div", { class: "tables" });
  private readonly metrics = h("ul", { class: "queries metrics" });
  private readonly note = h("p", { class: "empty" }, "Loading the tables.");
  readonly root: HTMLElement;
  private metricNames = "";

  constructor(private readonly options: SideOptions) {
    const examples = h("ul", { class: "queries" });
    for (const one of EXAMPLES) examples.append(h("li", {}, this.opener(one)));
    const filter = h("input", { type: "search", placeholder: "Find a table or column", "aria-label": "Find a table or column" });
    filter.addEventListener("input", () => this.find(filter.value.trim().toLowerCase()));
    this.root = h(
      "aside",
      { class: "panel side", "aria-label": "Tables and queries" },
      section("Saved", this.saved, true),
      section("Examples", examples, true),
      section("Tables", h("div", {}, filter, this.note, this.tables), true),
      section("Metrics", h("div", {}, h("p", { class: "about" }, "The definitions behind every chart, as SQL."), this.metrics), false),
    );
    this.drawSaved();
  }

  private opener({ name, sql }: Saved): HTMLElement {
    const button = h("button", { type: "button", title: sql }, name);
    button.addEventListener("click", () => this.options.open(sql));
    return button;
  }

  drawSaved(): void {
    const list = savedQueries();
    this.saved.replaceChildren();
    if (list.length === 0) this.saved.append(h("li", { class: "about" }, "None yet: Save keeps a query in this browser."));
    for (const one of list) {
      const away = h("button", { type: "button", class: "away", "aria-label": `Forget ${one.name}`, title: "Forget" }, "×");
      away.addEventListener("click", () => {
        forget(one.name);
        this.drawSaved();
      });
      this.saved.append(h("li", {}, this.opener(one), away));
    }
  }

  showTables(tables: readonly Table[]): void {
    setText(this.note, tables.length === 0 ? "No tables." : "");
    this.tables.replaceChildren(...tables.map((table) => this.table(table)));
  }

  /** Why there are no tables. */
  fail(why: string): void {
    setText(this.note, why);
  }

  private table({ name, about, columns }: Table): HTMLElement {
    const list = h("ul", { class: "columns-of" });
    for (const column of columns) {
      const button = h("button", { type: "button", title: column.about }, h("span", { class: "mono" }, column.name), h("span", { class: "type" }, column.unit ? `${column.type}, ${column.unit}` : column.type));
      button.addEventListener("click", () => this.options.insert(column.name));
      list.append(h("li", { "data-find": `${name}.${column.name}`.toLowerCase() }, button));
    }
    const look = h("button", { type: "button", class: "look", title: `SELECT * FROM ${name} LIMIT 100` }, "look");
    look.addEventListener("click", (event) => {
      event.preventDefault();
      this.options.open(`SELECT * FROM ${name} LIMIT 100`);
    });
    return h("details", { "data-find": name.toLowerCase() }, h("summary", {}, h("span", { class: "mono" }, name), h("span", { class: "type" }, String(columns.length))), h("div", { class: "about" }, about, " ", look), list);
  }

  private find(text: string): void {
    for (const table of this.tables.querySelectorAll("details")) {
      let any = false;
      for (const column of table.querySelectorAll("li")) {
        const fits = (column.getAttribute("data-find") ?? "").includes(text);
        column.hidden = !fits;
        any ||= fits;
      }
      table.hidden = !any;
      table.open = text !== "" && any;
    }
  }

  showMetrics(metrics: readonly Metric[]): void {
    const names = metrics.map(({ name }) => name).join();
    if (names === this.metricNames) return;
    this.metricNames = names;
    this.metrics.replaceChildren(...metrics.map((metric) => h("li", {}, this.opener({ name: metric.title, sql: metricQuery(metric) }))));
  }
}

function section(title: string, content: HTMLElement, open: boolean): HTMLElement {
  return h("details", { class: "section", open }, h("summary", {}, h("h2", {}, title)), content);
}
