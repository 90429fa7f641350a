// Players: which of them comply with CMCD, which rules they break, what that costs, and how to fix
// it.

import type { App, Page } from "../app";
import { NONE, clock, count } from "../metrics/format";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES } from "../ui/palette";
import { type Breach, type Player, QUERIES, type Report, levelOf, report } from "./data";

const EVERY_MS = 30_000;
const HEADS = ["player", "CMCD", "sessions", "records", "harmful", "harmless", "breaks", "last"];

const ABOUT: Readonly<Record<string, string>> = { harmful: "Share of records that break a rule which spoils a figure or loses data", harmless: "Share of records that break none but harmless rules: every figure is right" };

export class PlayersPage implements Page {
  private readonly stop = new AbortController();
  private readonly timer = setInterval(() => void this.load(), EVERY_MS);
  private report: Report | null = null;
  private failed = "";
  /** A report may take longer than the interval between two. */
  private loading = false;
  private chosen: string | null = null;
  private readonly rows = h("tbody", {});
  private readonly list = h("ul", { class: "breaches" });
  private readonly refusals = h("tbody", {});
  private readonly note = h("span", { class: "note" });
  private readonly empty = h("p", { class: "empty" });
  private readonly title = h("h2", {}, "Rules broken");
  private readonly share = h("span", { class: "note" });
  private readonly none = h("p", { class: "empty" });
  private readonly refused = h("p", { class: "empty" });
  readonly root = h(
    "div",
    { class: "page players" },
    h(
      "section",
      { class: "panel" },
      h("header", {}, h("h2", {}, "Players"), this.note),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Players" }, h("table", {}, h("thead", {}, h("tr", {}, ...HEADS.map((name) => h("th", { scope: "col", "data-of": name, title: ABOUT[name] ?? null }, name)))), this.rows)),
      this.empty,
    ),
    h("section", { class: "panel", "aria-live": "polite" }, h("header", {}, this.title, this.share), this.list, this.none),
    h(
      "section",
      { class: "panel" },
      h("header", {}, h("h2", {}, "Refused records"), h("span", { class: "note" }, "last hour · in no figure, and of no known player")),
      h("table", {}, h("thead", {}, h("tr", {}, ...["reason", "source", "records", "what to do"].map((name) => h("th", { scope: "col" }, name)))), this.refusals),
      this.refused,
    ),
    h("p", { class: "how" }, "A page names its player in ", h("code", {}, "com.tallylight-player"), "; otherwise the User-Agent identifies it. ", h("a", { href: `/sql#q=${encodeURIComponent(QUERIES.breaches)}` }, "The same as SQL")),
  );

  constructor(_app: App) {
    void this.load();
  }

  private async load(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    try {
      this.report = await report(this.stop.signal);
      this.failed = "";
    } catch (error) {
      if (this.stop.signal.aborted) return;
      this.failed = error instanceof Error ? error.message : String(error);
    } finally {
      this.loading = false;
    }
    this.draw();
  }

  draw(): void {
    const { report } = this;
    setText(this.note, report ? `last hour · as of ${clock(report.at)}${report.cut ? " · the most frequent only" : ""}${report.stale === null ? "" : ` · ◆ ${report.stale}`}` : "");
    const players = report?.players ?? [];
    setText(this.empty, this.failed ? `Not known: ${this.failed}` : report === null ? "Asking …" : players.length === 0 ? "No player has sent CMCD in the last hour." : "");
    keyed(this.rows, players, (player) => player.key, (player) => this.row(player), (tr, player) => fill(tr, player, this.choice(players)));
    const chosen = players.find(({ key }) => key === this.choice(players));
    this.drawBreaches(chosen);
    const refused = report?.refused ?? [];
    keyed(this.refusals, refused, ({ reason, source }) => `${reason} ${source}`, ({ reason, source, words }) => h("tr", {}, h("th", { scope: "row" }, reason.replaceAll("_", " ")), h("td", { class: "word" }, source), h("td", { class: "number" }), h("td", { class: "word long" }, ...coded(words))), (tr, { records }) => setText(find(tr, ".number"), count(records)));
    setText(this.refused, report && refused.length === 0 ? "None." : "");
  }

  /** The clicked player, else the first, which does the most harm. */
  private choice(players: readonly Player[]): string | null {
    return players.some(({ key }) => key === this.chosen) ? this.chosen : (players[0]?.key ?? null);
  }

  private row(player: Player): HTMLElement {
    const name = h("button", { type: "button", class: "pick" }, player.name);
    name.addEventListener("click", () => {
      this.chosen = player.key;
      this.draw();
    });
    return h("tr", {}, h("th", { scope: "row" }, name), ...HEADS.slice(1).map((head) => h("td", { "data-of": head })));
  }

  private drawBreaches(player: Player | undefined): void {
    setText(this.title, player ? `Rules broken by ${player.name}` : "Rules broken");
    setText(this.share, player ? `CMCD ${player.cmcd} · ${count(player.harmed)} of ${count(player.records)} records break one that spoils a figure or loses data, ${count(Math.max(0, player.records - player.conformant - player.harmed))} only a harmless one` : "");
    const breaches = player?.breaches ?? [];
    setText(this.none, player && breaches.length === 0 ? "None: every record of the last hour keeps to the standard." : "");
    keyed(this.list, breaches, ({ rule }) => `${player?.key} ${rule.slug}`, card, (li, breach) => {
      setText(find(li, ".share"), `${share(breach.records, player?.records ?? 0)} of records`);
      setText(find(li, ".when"), `${count(breach.records)} · last ${clock(breach.last)}`);
      const code = li.querySelector(".example");
      if (code) setText(code, breach.example);
    });
  }

  close(): void {
    clearInterval(this.timer);
    this.stop.abort();
  }
}

function share(part: number, whole: number): string {
  if (whole === 0) return NONE;
  const percent = (100 * part) / whole;
  return `${percent > 0 && percent < 0.1 ? "< 0.1" : percent.toFixed(percent > 99 && percent < 100 ? 2 : percent === 100 ? 0 : 1)} %`;
}

function fill(tr: Element, player: Player, chosen: string | null): void {
  const cell = (of: string, text: string): void => setText(find(tr, `[data-of="${of}"]`), text);
  cell("CMCD", `v${player.cmcd}`);
  cell("sessions", count(player.sessions));
  cell("records", count(player.records));
  cell("harmful", share(player.harmed, player.records));
  cell("harmless", share(Math.max(0, player.records - player.conformant - player.harmed), player.records));
  cell("breaks", breaks(player));
  cell("last", clock(player.last));
  const worst = player.breaches[0];
  setAttr(find(tr, '[data-of="breaks"]'), "data-level", worst && levelOf(worst.rule) > 0 ? String(levelOf(worst.rule)) : null);
  const button = find(tr, "button");
  setAttr(button, "aria-pressed", player.key === chosen ? "true" : "false");
  setAttr(tr, "data-chosen", player.key === chosen);
}

/** `▲ 1 · ◆ 2 · 3 harmless`: how many rules, by harm. */
function breaks(player: Player): string {
  const of = (level: number): number => player.breaches.filter(({ rule }) => levelOf(rule) === level).length;
  const words = [2, 1].filter((level) => of(level) > 0).map((level) => `${LEVEL_SHAPES[level as 1 | 2]} ${of(level)}`);
  if (of(0) > 0) words.push(`${of(0)} harmless`);
  return words.join(" · ") || "none";
}

/** Text in which backticks mark code. */
function coded(text: string): (Node | string)[] {
  return text.split("`").map((part, at) => (at % 2 === 1 ? h("code", {}, part) : part));
}

function card({ rule, example }: Breach): HTMLElement {
  const level = levelOf(rule);
  const line = (name: string, text: string): HTMLElement | null => (text === "" ? null : h("p", {}, h("b", {}, name), " ", ...coded(text)));
  return h(
    "li",
    { "data-level": level > 0 ? String(level) : null },
    h("div", { class: "head" }, h("h3", {}, ...coded(`${LEVEL_SHAPES[level]} ${rule.title}`.trim())), h("span", { class: "share" })),
    line("Costs", rule.costs),
    line("Do", rule.fix),
    h("p", { class: "facts" }, example === "" ? null : h("code", { class: "example" }), h("span", { class: "when" }), rule.section === "" ? null : h("span", {}, `CTA-5004-B ${rule.section}`), h("span", { class: "slug" }, rule.slug)),
  );
}
