// The result of a query: table and chart, how long it took, whether it is complete, and files.

import { bytes, count, span } from "../metrics/format";
import { find, h, setAttr, setText } from "../ui/dom";
import { FORMATS, download, staleness, type Answer, type SqlError } from "./api";
import { ResultChart } from "./chart";
import { chartOf, fieldsOf, opensAsChart, type Field } from "./shape";
import { resultTable } from "./table";

type Tab = "table" | "chart";

export class Result {
  private readonly chart = new ResultChart();
  private readonly body = h("div", { class: "body" }, h("p", { class: "empty" }, "The result is shown here."));
  private readonly tabs = h("div", { class: "tabs", role: "group", "aria-label": "Show the result as" });
  private readonly files = h("span", { class: "files" });
  readonly root: HTMLElement;
  private tab: Tab = "table";
  private chosen = false;
  private answer: Answer | null = null;
  private fields: readonly Field[] = [];
  private sql = "";

  constructor() {
    for (const tab of ["table", "chart"] as const) {
      const button = h("button", { type: "button", "data-tab": tab }, tab === "table" ? "Table" : "Chart");
      button.addEventListener("click", () => {
        this.chosen = true;
        this.show(tab);
      });
      this.tabs.append(button);
    }
    for (const { name, type, suffix } of FORMATS) {
      const button = h("button", { type: "button", "data-format": suffix, title: `The whole answer as ${name}, made by the server` }, name);
      button.addEventListener("click", () => void this.file(button, type, suffix));
      this.files.append(button);
    }
    this.root = h("section", { class: "panel result" }, h("header", {}, h("h2", {}, "Result"), h("span", { class: "note", role: "status" }), this.files, this.tabs), this.body);
    this.controls(false);
  }

  private controls(on: boolean): void {
    setAttr(this.tabs, "hidden", !on);
    setAttr(this.files, "hidden", !on);
  }

  private say(text: string, level: "1" | "3" | null = null): void {
    const note = find(this.root, "header .note");
    setText(note, text);
    setAttr(note, "data-level", level);
  }

  running(since: number): void {
    this.say(`running for ${span(performance.now() - since)}`);
    setAttr(this.root, "data-running", true);
  }

  done(sql: string, answer: Answer): void {
    this.sql = sql;
    this.answer = answer;
    this.fields = fieldsOf(answer.rows);
    setAttr(this.root, "data-running", null);
    setAttr(this.root, "data-failed", null);
    const rows = `${count(answer.rows.length)} ${answer.rows.length === 1 ? "row" : "rows"}`;
    const took = answer.took < 1_000 ? `${Math.round(answer.took)} ms` : span(answer.took);
    const missing = [answer.truncated === null ? null : `cut to ${count(answer.truncated)} rows, there are more`, staleness(answer.filesAlone)].filter((one) => one !== null);
    if (missing.length === 0) this.say(`${rows} · ${took}`);
    else this.say(`◆ ${missing.join(" · ")} · ${took}`, "1");
    this.controls(answer.rows.length > 0);
    const shape = chartOf(answer.rows, this.fields);
    // A result over time is shown as a line, unless the viewer prefers the table.
    if (!this.chosen) this.tab = opensAsChart(shape, this.fields) ? "chart" : "table";
    this.show(this.tab);
  }

  failed(error: SqlError): void {
    this.answer = null;
    setAttr(this.root, "data-running", null);
    setAttr(this.root, "data-failed", true);
    this.controls(false);
    // The message says where the error is.
    this.say("");
    const what = error.status === 404 ? "SQL is not served by this dashboard; see that it is the newest version." : error.message;
    this.body.replaceChildren(h("div", { class: "wrong", role: "alert" }, h("p", {}, h("span", { class: "shape", "aria-hidden": "true" }, "■"), what)));
  }

  private show(tab: Tab): void {
    this.tab = tab;
    const { answer } = this;
    if (!answer) return;
    for (const button of this.tabs.children) setAttr(button, "aria-pressed", String(button.getAttribute("data-tab") === tab));
    if (answer.rows.length === 0) {
      this.body.replaceChildren(h("p", { class: "empty" }, "No rows. The query is fine; nothing matches it."));
      return;
    }
    if (tab === "table") {
      this.body.replaceChildren(resultTable(answer.rows, this.fields));
      return;
    }
    this.body.replaceChildren(this.chart.root);
    this.chart.show(chartOf(answer.rows, this.fields));
  }

  /** Colours are read from the style sheet when a chart is made. */
  restyle(): void {
    if (this.tab === "chart") this.show("chart");
  }

  private async file(button: HTMLButtonElement, type: string, suffix: string): Promise<void> {
    button.disabled = true;
    try {
      const { file, truncated, filesAlone } = await download(this.sql, type);
      const link = h("a", { href: URL.createObjectURL(file), download: `tallylight-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${suffix}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      const missing = [truncated ? "cut at the limit" : null, staleness(filesAlone)].filter((one) => one !== null);
      this.say(`${missing.map((one) => `◆ ${one} · `).join("")}${bytes(file.size)} as ${suffix}`, missing.length > 0 ? "1" : null);
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error), "3");
    } finally {
      button.disabled = false;
    }
  }

  close(): void {
    this.chart.close();
  }
}
