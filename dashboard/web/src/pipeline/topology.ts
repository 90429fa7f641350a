// Source → encoders → origin → edges → viewers, drawn as they are: boxes that hold their figures,
// and between them lines as wide as their share.

import type { App } from "../app";
import { span } from "../metrics/format";
import { originAsked } from "../feed/delivery";
import { find, h, keyed, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES, LEVEL_WORDS } from "../ui/palette";
import { edgeShares, viewersBox } from "./audience";
import { Delivery, RATE_MS, edgeBox, encoderBox, originBox, sourceBox, type Box } from "./figures";
import { pathwayBox } from "./pathway";
import { servedShare, spareOf } from "./judge";
import { Links, type Link } from "./links";

export class Topology {
  private readonly stage = h("div", { class: "topology" });
  private readonly columns = ["source", "encoders", "origin", "edges", "viewers"].map((name) => h("div", { class: `column ${name}` }));
  private readonly links: Links;
  private readonly title = h("h2", {});
  private readonly note = h("span", { class: "note" });
  readonly root = h("section", { class: "panel topo" }, h("header", {}, this.title, this.note), this.stage);

  constructor(private readonly app: App) {
    this.links = new Links(this.stage);
    this.stage.append(...this.columns);
  }

  draw(): void {
    const delivery = new Delivery(this.app);
    if (this.app.steering.media()) this.drawWay(delivery);
    else this.drawPathways();
  }

  /** CDNs of others: we know nothing about what is in front of them. */
  private drawPathways(): void {
    const { status } = this.app.steering;
    setText(this.title, "From pathways to viewers");
    setText(this.note, status?.edges.length === 0 ? "no pathway is named in the settings, so no sessions are steered" : "width of a line is its share of sessions");
    const boxes = (status?.edges ?? []).map((edge) => pathwayBox(edge, this.app.feed.now()));
    this.columnsOf([[], [], [], boxes, [viewersBox(this.app)]]);
    this.links.draw(boxes.map((box, at) => ({ from: box.id, to: "viewers", share: status?.edges[at]?.share ?? 0, level: box.level, label: `${Math.round(100 * (status?.edges[at]?.share ?? 0))} %` })));
  }

  private drawWay(delivery: Delivery): void {
    setText(this.title, "From source to viewers");
    setText(this.note, "last 10 s · width of a line is its share");
    const strip = this.app.segments.strip;
    const [pipelines, edges] = [delivery.pipelines(), delivery.edges()];
    const encoders = pipelines.map((name) => encoderBox(this.app, delivery, name));
    const origin = originBox(this.app, delivery);
    const served = edges.map((name) => edgeBox(this.app, delivery, name));
    const viewers = viewersBox(this.app);
    this.columnsOf([[sourceBox(strip, Date.now() + (strip?.clockOffset ?? 0))], encoders, [origin], served, [viewers]]);
    this.links.draw([...this.encoderLinks(encoders, pipelines), ...this.edgeLinks(served, edges, delivery)]);
  }

  private columnsOf(groups: readonly (readonly Box[])[]): void {
    groups.forEach((boxes, at) => {
      const column = this.columns[at];
      if (!column) return;
      setAttr(column, "hidden", boxes.length === 0);
      keyed(column, boxes, (box) => box.id, make, update);
    });
    setAttr(this.stage, "data-columns", String(groups.filter((boxes) => boxes.length > 0).length));
  }

  private encoderLinks(boxes: readonly Box[], names: readonly string[]): Link[] {
    const strip = this.app.segments.strip;
    return boxes.flatMap((box, at) => {
      const name = names[at] ?? "";
      const share = strip ? servedShare(strip, name) : 0;
      const spare = strip ? spareOf(strip, name) : null;
      const label = share > 0 ? `serves ${Math.round(100 * share)} %` : spare === null ? "nothing sent" : box.level > 0 ? "not served" : "standby";
      return [
        { from: "source", to: box.id, share: 0.25, level: 0 as const, label: "" },
        { from: box.id, to: "origin", share, level: box.level, label },
      ];
    });
  }

  private edgeLinks(boxes: readonly Box[], names: readonly string[], delivery: Delivery): Link[] {
    const requests = new Map(names.map((name) => [name, delivery.of("edge", name, "get")?.requests ?? 0]));
    const { shares } = edgeShares(this.app, requests);
    return boxes.flatMap((box, at) => {
      const name = names[at] ?? "";
      const get = delivery.of("edge", name, "get");
      const asked = get ? originAsked(get) / (RATE_MS / 1000) : null;
      const share = shares.get(name) ?? 0;
      return [
        { from: "origin", to: box.id, share: 0.25, level: 0 as const, label: asked === null ? "" : `GET ${asked.toFixed(asked < 10 ? 1 : 0)} /s` },
        { from: box.id, to: "viewers", share, level: box.level, label: `${Math.round(100 * share)} %` },
      ];
    });
  }

  close(): void {
    this.links.close();
  }
}

function make(box: Box): HTMLElement {
  return h(
    "article",
    { class: "box", "data-box": box.id },
    h("h3", {}, h("i", { class: "dot", "aria-hidden": "true" }), h("span", { class: "shape" }), h("span", { class: "name" }, box.title), h("span", { class: "word" })),
    h("dl", {}),
    h("p", { class: "age" }),
  );
}

function update(element: Element, box: Box): void {
  setAttr(element, "data-level", box.level ? String(box.level) : null);
  setAttr(element, "data-blind", box.blind);
  setText(find(element, ".shape"), LEVEL_SHAPES[box.level]);
  setAttr(find(element, ".shape"), "title", box.level ? LEVEL_WORDS[box.level] : null);
  setText(find(element, ".word"), box.word);
  keyed(find(element, "dl"), box.rows, (row) => row.name, (row) => h("div", {}, h("dt", {}, row.name), h("dd", {})), (item, row) => {
    setText(find(item, "dd"), row.value);
    setAttr(item, "data-level", row.level ? String(row.level) : null);
  });
  setText(find(element, ".age"), box.id === "source" ? "by the epoch clock" : box.age === null ? "no report yet" : `report ${span(box.age)} ago`);
}
