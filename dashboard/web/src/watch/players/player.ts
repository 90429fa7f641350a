// The player interface of the page, for every library.

import { dependencies } from "../../../package.json";
import type { Beacons } from "../beacons";

export type PlayerName = "hls" | "dash" | "shaka";

export const PLAYERS: readonly { name: PlayerName; title: string; version: string; format: "hls" | "dash" }[] = [
  { name: "hls", title: "hls.js", version: dependencies["hls.js"], format: "hls" },
  { name: "dash", title: "dash.js", version: dependencies["dashjs"], format: "dash" },
  { name: "shaka", title: "Shaka", version: dependencies["shaka-player"], format: "dash" },
];

/** Keys of an event report. */
export const EVENT_KEYS = ["sid", "cid", "v", "e", "ts", "sn", "sta", "br", "bl", "mtp", "pr", "ec", "ot", "sf", "st", "msd", "ltc", "bg"];
/** Seconds between time reports: latency shown on the page is at most this old. */
export const REPORT_S = 5;

export interface PlayerOptions {
  video: HTMLVideoElement;
  /** Master playlist or MPD. */
  source: string;
  collector: string;
  sid: string;
  contentId: string;
  /** Sees every report before it is sent. */
  beacons: Beacons;
  onError: (what: string, fatal: boolean) => void;
}

export interface Player {
  /** Starts loading and playing; must be called in the click, or browsers refuse sound. */
  play(): Promise<void>;
  /** Live latency in ms; null until the live edge is known. */
  latency(): number | null;
  /** The rendition currently played. */
  rendition(): { kbps: number; width: number; height: number } | null;
  /** Releases everything; reports that the library still holds are sent first. */
  close(): void;
}

/** Loads the library and makes the player; nothing is fetched from the stream yet. */
export async function attach(name: PlayerName, options: PlayerOptions): Promise<Player> {
  switch (name) {
    case "hls": return (await import("./hls")).attach(options);
    case "dash": return (await import("./dash")).attach(options);
    case "shaka": return (await import("./shaka")).attach(options);
  }
}
