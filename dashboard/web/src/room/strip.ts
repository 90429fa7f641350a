// The confidence strip: a picture per edge as served, per encoder its last served picture, and the
// schedule. Black, still and missing pictures are marked.

import type { App } from "../app";
import { NONE, span } from "../metrics/format";
import { Delivery, edgeBox, encoderBox, type Box } from "../pipeline/figures";
import { edgeShares } from "../pipeline/audience";
import { servedShare, spareOf } from "../pipeline/judge";
import { find, h, setAttr, setText } from "../ui/dom";
import { LEVEL_SHAPES } from "../ui/palette";
import type { Departing } from "./calm";
import { Picture } from "./picture";
import { meter } from "./sound";
import { MiniSchedule } from "./schedule";

/** A picture every 4 s shows a freeze within ten; one per segment would double our requests. */
const PICTURE_MS = 4_000;
/** A picture older than this is marked: the freeze may be ours or theirs. */
const OLD_PICTURE_MS = 12_000;
/** One still segment may be the programme itself; the next one, four seconds later, is a freeze. */
const STILL_MS = 3_000;

/** The text for a picture until the first answer. */
const LOADING = "loading";

/** The parts that have a card. */
export interface Parts {
  pipelines: readonly string[];
  edges: readonly string[];
}

export class StripRow {
  private readonly pictures: readonly { edge: string; picture: Picture }[];
  /** The newest served picture of each pipeline, and its time. */
  private readonly served = new Map<string, { canvas: HTMLCanvasElement; at: number | null }>();
  private readonly schedule: MiniSchedule;
  private readonly timers: ReturnType<typeof setInterval>[] = [];
  private closed = false;
  readonly root: HTMLElement;

  constructor(
    private readonly app: App,
    private readonly parts: Parts,
  ) {
    const { pipelines, edges } = parts;
    this.schedule = new MiniSchedule(app);
    this.pictures = edges.map((edge) => ({ edge, picture: new Picture(`/live/${app.steering.stream()}/master.m3u8`, edge, (picture) => this.keep(picture)) }));
    for (const pipeline of pipelines) this.served.set(pipeline, { canvas: h("canvas", { class: "picture", width: "320", height: "180", "aria-label": `Newest served picture of encoder ${pipeline}`, role: "img" }), at: null });
    this.root = h(
      "section",
      { class: "strip", "aria-label": "Pictures and schedule" },
      ...pipelines.map((name) => card(`encoder-${name}`, `Encoder ${name}`, this.served.get(name)?.canvas ?? null)),
      ...this.pictures.map(({ edge, picture }) => card(`edge-${edge}`, `Edge ${edge}`, picture.video)),
      this.schedule.root,
    );
    this.root.style.setProperty("--cards", String(pipelines.length + edges.length));
    this.pictures.forEach(({ edge, picture }, at) => {
      // Not in step: two decoders at once are noticeable on a small machine.
      const delay = (at * PICTURE_MS) / this.pictures.length;
      setTimeout(() => {
        if (this.closed) return;
        const look = (): void => {
          // A silent edge is fetched from again once it reports: its card says what is wrong.
          if (!this.silent(edge)) void picture.refresh();
        };
        look();
        this.timers.push(setInterval(look, PICTURE_MS));
      }, delay);
    });
  }

  /** An edge that answers the prober may be fetched from, even if its reports are missing. */
  private silent(edge: string): boolean {
    const { feed, steering } = this.app;
    if (steering.edge(edge)?.prober?.ok) return false;
    return feed.connected() && edgeBox(this.app, new Delivery(this.app), edge).blind && feed.delivery.newest > 0;
  }

  /** A picture that an edge served is also the newest of the pipeline that made it. */
  private keep(picture: Picture): void {
    const place = picture.pipeline === null ? undefined : this.served.get(picture.pipeline);
    const context = place?.canvas.getContext("2d");
    if (!place || !context) return;
    context.drawImage(picture.video, 0, 0, place.canvas.width, place.canvas.height);
    place.at = picture.shownAt;
  }

  /** Pictures that are marked although their edge reports: the picture departs from normal. */
  departing(): Departing[] {
    return this.pictures.flatMap(({ edge, picture }) => {
      const word = marks(picture);
      return word === "" || word === LOADING || this.silent(edge) ? [] : [{ title: `Edge ${edge}'s picture`, word, level: 1 as const }];
    });
  }

  draw(): void {
    const delivery = new Delivery(this.app);
    for (const name of this.parts.pipelines) this.drawEncoder(name, encoderBox(this.app, delivery, name));
    const { shares, of } = edgeShares(this.app, new Map(this.parts.edges.map((edge) => [edge, delivery.of("edge", edge, "get")?.requests ?? 0])));
    for (const { edge, picture } of this.pictures) this.drawEdge(edge, picture, edgeBox(this.app, delivery, edge), shares.has(edge) ? `${Math.round(100 * (shares.get(edge) ?? 0))} % ${of}` : "");
    this.schedule.draw();
  }

  private drawEncoder(name: string, box: Box): void {
    const { strip } = this.app.segments;
    const shot = this.served.get(name)?.at ?? null;
    // What the schedule said before it fell silent is no longer current.
    const heard = strip !== null && this.app.segments.failedSince === null;
    const share = heard ? servedShare(strip, name) : null;
    const spare = heard && !box.blind ? spareOf(strip, name) : null;
    const serves = share === null ? "not known" : share > 0 ? `serves ${Math.round(100 * share)} %` : "standby";
    const mark = encoderMark(shot === null ? null : Date.now() - shot, share);
    this.write(box, serves, spare === null ? "" : `arrives +${(spare / 1000).toFixed(2)} s`, mark, box.level === 0);
  }

  private drawEdge(name: string, picture: Picture, box: Box, share: string): void {
    const ttfb = box.rows.find((row) => row.name.startsWith("TTFB"))?.value ?? NONE;
    // A silent edge is not asked for a picture, so none is on its way.
    const mark = marks(picture);
    const none = mark === LOADING && this.silent(name);
    this.write(box, share, `TTFB p95 ${ttfb}`, none ? "no picture" : mark, mark === LOADING && !none);
    const root = find(this.root, `[data-card="edge-${name}"]`);
    setAttr(root, "data-pipeline", picture.pipeline);
    find(root, ".meter i").style.height = `${Math.round(100 * meter(picture.sound))}%`;
  }

  /** A departure takes the first line; the text it hides is on the Pipeline page. */
  private write(box: Box, first: string, second: string, mark: string, calm = false): void {
    const root = find(this.root, `[data-card="${box.id}"]`);
    setAttr(root, "data-level", box.level ? String(box.level) : null);
    setAttr(root, "data-blind", box.blind);
    setText(find(root, ".shape"), LEVEL_SHAPES[box.level]);
    setText(find(root, ".first"), box.word || first);
    setText(find(root, ".second"), second);
    setText(find(root, ".mark"), mark);
    setAttr(find(root, ".frame"), "data-marked", mark === "" ? null : calm ? "calm" : "");
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers) clearInterval(timer);
    for (const { picture } of this.pictures) picture.close();
  }
}

/**
 * What is written across an encoder's picture; `age` is that of the picture, null before the first,
 * and `share` how much of the programme is its. A standby has nothing to show, which is no fault.
 */
export function encoderMark(age: number | null, share: number | null): string {
  if (age === null) return share === 0 ? "not on air" : "no picture yet";
  return age > OLD_PICTURE_MS ? `served ${span(age)} ago` : "";
}

/** What is wrong with a picture, in one or two words. */
function marks(picture: Picture): string {
  const age = picture.shownAt === null ? null : Date.now() - picture.shownAt;
  if (age === null) return picture.failed ? "no picture" : LOADING;
  if (age > OLD_PICTURE_MS) return `picture ${span(age)} old`;
  const unheard = picture.soundLost ? "no sound" : picture.sound?.silent ? "silent" : "";
  if (picture.look?.black) return unheard === "" ? "black" : `black, ${unheard}`;
  const still = picture.stillSince === null ? 0 : Date.now() - picture.stillSince;
  if (still > STILL_MS) return `frozen for ${span(still)}`;
  return unheard;
}

function card(id: string, title: string, picture: HTMLElement | null): HTMLElement {
  return h(
    "div",
    { class: "panel card shot", "data-card": id },
    h("div", { class: "frame" }, picture, h("span", { class: "mark" })),
    h("span", { class: "meter", title: "Level of the newest segment's sound", hidden: !(picture instanceof HTMLVideoElement) }, h("i", {})),
    h("div", { class: "lines" }, h("h3", {}, h("span", { class: "shape" }), title), h("p", { class: "first" }), h("p", { class: "second" })),
  );
}
