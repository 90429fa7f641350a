// Where the user's own player finds this platform.

import { WRITE_KEY } from "../app";
import type { Where } from "./lines";

export interface Known {
  sid: string;
  /** Whether the media is ours. */
  media: boolean;
  stream: string;
  /** Where players reach steering, from its settings; null where they do not. */
  steering: string | null;
  /** Where steering says that beacons go, key included: an address, or a path at the collector. */
  beacon: string | null;
}

/**
 * A page of another site may call the collector and the manifests, not the dashboard. Their ports
 * follow the dashboard's (docs/connect.md); behind a proxy without a port, one address serves all.
 */
export function where({ sid, media, stream, steering, beacon }: Known, page: Pick<Location, "protocol" | "hostname" | "port" | "origin">): Where {
  const port = Number(page.port);
  const at = (offset: number): string => (port > 0 ? `${page.protocol}//${page.hostname}:${port + offset}` : page.origin);
  const manifests = steering?.replace(/\/+$/, "") ?? at(20);
  const beacons = new URL(beacon || `/v1/cmcd?k=${WRITE_KEY}`, at(1));
  return {
    beacon: beacons.href,
    key: beacons.searchParams.get("k") ?? WRITE_KEY,
    hls: media ? `${manifests}/live/${stream}/master.m3u8` : "https://cdn.example/your-event/master.m3u8",
    dash: media ? `${manifests}/live/${stream}/manifest.mpd` : "https://cdn.example/your-event/manifest.mpd",
    sessions: `${manifests}/v1/play/${stream}`,
    sid,
    cid: stream,
  };
}
