// The confidence picture: one frame of the newest segment, fetched through the edge as a player
// would. Operators trust pictures more than charts. It fetches one small segment every few seconds
// and uses no player, so it costs next to nothing.

import { listen, type Sound } from "./sound";
import { lookAt, same, type Look } from "./look";

const MIME = (codecs: string): string => `video/mp4; codecs="${codecs}"`;
const TIMEOUT_MS = 3_000;
/** A frame is painted within this time, or the page is not being drawn at all. */
const PAINT_MS = 1_000;

interface Source {
  codecs: string;
  playlist: string;
}

async function fetchText(url: string): Promise<string> {
  const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.text();
}

/** The smallest video rendition of a master playlist. */
export function smallest(master: string, base: string): Source | null {
  const found: (Source & { bandwidth: number })[] = [];
  const lines = master.split(/\r?\n/);
  lines.forEach((line, at) => {
    const bandwidth = /[:,]BANDWIDTH=(\d+)/.exec(line)?.[1];
    const codecs = /CODECS="([^"]+)"/.exec(line)?.[1]?.split(",").map((codec) => codec.trim()).find((codec) => /^(avc|hvc|hev|av01)/.test(codec));
    const uri = lines.slice(at + 1).find((next) => next !== "" && !next.startsWith("#"));
    if (line.startsWith("#EXT-X-STREAM-INF") && bandwidth && codecs && uri) {
      found.push({ bandwidth: Number(bandwidth), codecs, playlist: new URL(uri, base).href });
    }
  });
  return found.sort((a, b) => a.bandwidth - b.bandwidth)[0] ?? null;
}

/** The playlist of the first audio rendition of a master playlist; null without a separate one. */
export function soundPlaylist(master: string, base: string): string | null {
  const line = master.split(/\r?\n/).find((one) => one.startsWith("#EXT-X-MEDIA:") && one.includes("TYPE=AUDIO"));
  const uri = line === undefined ? undefined : /URI="([^"]+)"/.exec(line)?.[1];
  return uri === undefined ? null : new URL(uri, base).href;
}

/** Init segment and newest media segment of a media playlist. */
export function newestOf(playlist: string, base: string): { init: string; media: string } | null {
  const init = /#EXT-X-MAP:.*URI="([^"]+)"/.exec(playlist)?.[1];
  const media = playlist.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("#")).at(-1);
  return init && media ? { init: new URL(init, base).href, media: new URL(media, base).href } : null;
}

/** The playlist whose segments are at this edge: steering knows its address, the page does not. */
export function atEdge(playlist: string, edge: string): string {
  const way = new URL(playlist);
  way.searchParams.set("pathway", edge);
  return way.href;
}

/** Where the playlist names no edge, the edge's name behind the dashboard is used. */
export function byEdge(url: string, edge: string, page: string): string {
  const way = new URL(url);
  if (way.origin === new URL(page).origin) way.pathname = way.pathname.replace(/^\/live\//, `/${edge}/live/`);
  return way.href;
}

export class Picture {
  readonly video = document.createElement("video");
  /** Unix ms of the newest frame shown; null before the first. */
  shownAt: number | null = null;
  /** The pipeline whose copy the picture is, from the headers of its segment. */
  pipeline: string | null = null;
  /** What can be seen in it; null before the first. */
  look: Look | null = null;
  /** How loud its sound is; null while unknown. */
  sound: Sound | null = null;
  /** Whether there should be sound, but none came. */
  soundLost = false;
  /** The time since which the picture has not changed, Unix ms; null while it moves. */
  stillSince: number | null = null;
  /** Whether the newest attempt to fetch it failed. */
  failed = false;
  private source: Source | null = null;
  private soundSource: string | null = null;
  private media = "";
  private busy = false;

  constructor(
    private readonly master: string,
    private readonly edge: string,
    private readonly shown: (picture: Picture) => void,
  ) {
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.className = "picture";
    this.video.setAttribute("aria-label", `Newest picture as served by edge ${edge}`);
  }

  /** Shows the newest segment's last frames; an error leaves the old picture, which ages. */
  async refresh(): Promise<void> {
    if (this.busy || document.hidden) return;
    this.busy = true;
    try {
      const master = new URL(this.master, location.href).href;
      if (!this.source) {
        const text = await fetchText(master);
        this.source = smallest(text, master);
        this.soundSource = soundPlaylist(text, master);
      }
      if (!this.source) return;
      const newest = await this.newest(this.source.playlist);
      if (!newest || newest.media === this.media) return;
      const [init, media] = await Promise.all([this.ask(newest.init), this.ask(newest.media)]);
      await this.show(this.source.codecs, await init.arrayBuffer(), await media.arrayBuffer());
      this.media = newest.media;
      // The sound, and the picture before, may be from another pipeline.
      this.pipeline = media.headers.get("tallylight-pipeline");
      await this.hear();
      this.shown(this);
      this.failed = false;
    } catch {
      this.failed = true;
      // The next refresh fetches everything again, in case the ladder changed.
      this.source = null;
    } finally {
      this.busy = false;
    }
  }

  /** The last entry of a playlist, through this edge. */
  private async newest(playlist: string): Promise<{ init: string; media: string } | null> {
    const own = atEdge(playlist, this.edge);
    const newest = newestOf(await fetchText(own), own);
    return newest && { init: byEdge(newest.init, this.edge, own), media: byEdge(newest.media, this.edge, own) };
  }

  /**
   * The sound may be lost while the picture is fine: this is then shown, and no old level stays.
   */
  private async hear(): Promise<void> {
    try {
      this.sound = this.soundSource === null ? null : await this.level(this.soundSource);
      this.soundLost = false;
    } catch {
      this.sound = null;
      this.soundLost = true;
      this.source = null;
    }
  }

  private async level(playlist: string): Promise<Sound | null> {
    const newest = await this.newest(playlist);
    if (!newest) throw new Error(`${playlist} names no segment`);
    const [init, media] = await Promise.all([this.ask(newest.init), this.ask(newest.media)]);
    return listen(await init.arrayBuffer(), await media.arrayBuffer());
  }

  private async seek(to: number): Promise<void> {
    const painted = this.painted();
    this.video.currentTime = to;
    await once(this.video, "seeked");
    await painted;
  }

  /** A segment is still when its first and last frame are the same, whatever came before it. */
  private judge(first: Look | null, last: Look | null): void {
    const now = Date.now();
    const still = first !== null && last !== null && same(first, last);
    this.stillSince = still ? (this.stillSince ?? now) : null;
    this.look = last;
    this.shownAt = now;
  }

  private async ask(url: string): Promise<Response> {
    const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
    const by = answer.headers.get("tallylight-edge");
    if (by !== null && by !== this.edge) throw new Error(`${url} is edge ${by}'s`);
    return answer;
  }

  private async show(codecs: string, init: ArrayBuffer, media: ArrayBuffer): Promise<void> {
    const source = new MediaSource();
    const old = this.video.src;
    const url = URL.createObjectURL(source);
    this.video.src = url;
    if (old) URL.revokeObjectURL(old);
    await once(source, "sourceopen");
    const buffer = source.addSourceBuffer(MIME(codecs));
    for (const piece of [init, media]) {
      buffer.appendBuffer(piece);
      await once(buffer, "updateend");
    }
    if (buffer.buffered.length === 0) throw new Error("the segment holds no picture");
    const [start, end] = [buffer.buffered.start(0), buffer.buffered.end(0)];
    await this.seek(start + 0.1);
    const first = lookAt(this.video);
    await this.seek(Math.max(start, end - 0.1));
    this.judge(first, lookAt(this.video));
  }

  /** Resolves when a frame is on the screen: until then a seeked video reads as black. */
  private painted(): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(resolve, PAINT_MS);
      this.video.requestVideoFrameCallback?.(() => resolve());
    });
  }

  close(): void {
    if (this.video.src) URL.revokeObjectURL(this.video.src);
    this.video.removeAttribute("src");
  }
}

/** Resolves at the next event; events come in a later task, so none is missed. */
function once(target: EventTarget, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name}`)), TIMEOUT_MS);
    target.addEventListener(name, () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
