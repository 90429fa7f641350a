// Lines between boxes. Their paths follow from the positions of the boxes, so that the same drawing
// serves a wide screen and a phone.

import type { Level } from "../metrics/evaluate";
import { setAttr, setText } from "../ui/dom";

export interface Link {
  /** Ids of boxes. */
  from: string;
  to: string;
  /** 0..1 of the flow between the two columns. */
  share: number;
  level: Level;
  label: string;
}

const SVG = "http://www.w3.org/2000/svg";
const WIDEST = 11;
const THINNEST = 1.5;

export class Links {
  private readonly svg = document.createElementNS(SVG, "svg");
  private readonly lines = new Map<string, { path: SVGPathElement; label: SVGTextElement }>();
  private readonly resize: ResizeObserver;
  private links: readonly Link[] = [];
  private placed = "";

  constructor(private readonly stage: HTMLElement) {
    this.svg.setAttribute("class", "links");
    this.svg.setAttribute("aria-hidden", "true");
    stage.append(this.svg);
    this.resize = new ResizeObserver(() => {
      this.placed = "";
      this.draw(this.links);
    });
    this.resize.observe(stage);
  }

  draw(links: readonly Link[]): void {
    this.links = links;
    const shape = links.map(({ from, to }) => `${from}>${to}`).join(" ");
    // Boxes keep their size, so lines are laid out again only when the boxes change.
    const lay = shape !== this.placed;
    this.placed = shape;
    const wanted = new Set(links.map(keyOf));
    for (const [key, line] of this.lines) {
      if (wanted.has(key)) continue;
      line.path.remove();
      line.label.remove();
      this.lines.delete(key);
    }
    for (const link of links) this.drawOne(link, lay);
  }

  private drawOne(link: Link, lay: boolean): void {
    let line = this.lines.get(keyOf(link));
    if (!line) {
      line = { path: document.createElementNS(SVG, "path"), label: document.createElementNS(SVG, "text") };
      this.lines.set(keyOf(link), line);
      this.svg.append(line.path, line.label);
      lay = true;
    }
    if (lay) this.lay(link, line);
    setAttr(line.path, "stroke-width", (link.share > 0 ? THINNEST + (WIDEST - THINNEST) * link.share : 1).toFixed(1));
    setAttr(line.path, "data-level", link.level ? String(link.level) : null);
    setAttr(line.path, "data-idle", link.share === 0);
    setText(line.label, link.label);
    setAttr(line.label, "data-level", link.level ? String(link.level) : null);
  }

  private lay(link: Link, line: { path: SVGPathElement; label: SVGTextElement }): void {
    const place = this.stage.getBoundingClientRect();
    const rect = (id: string): DOMRect | undefined => this.stage.querySelector(`[data-box="${CSS.escape(id)}"]`)?.getBoundingClientRect();
    const [a, b] = [rect(link.from), rect(link.to)];
    if (!a || !b) return;
    const beside = b.left >= a.right;
    const [x1, y1] = beside ? [a.right - place.left, a.top + a.height / 2 - place.top] : [a.left + a.width / 2 - place.left, a.bottom - place.top];
    const [x2, y2] = beside ? [b.left - place.left, b.top + b.height / 2 - place.top] : [b.left + b.width / 2 - place.left, b.top - place.top];
    const bend = beside ? `${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2}` : `${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2}`;
    line.path.setAttribute("d", `M${x1} ${y1}C${bend} ${x2} ${y2}`);
    line.label.setAttribute("x", String((x1 + x2) / 2));
    line.label.setAttribute("y", String((y1 + y2) / 2 + 4));
  }

  close(): void {
    this.resize.disconnect();
  }
}

const keyOf = (link: Link): string => `${link.from}>${link.to}`;
