// A player's first call: a session id, and manifests that carry it, so that steering and beacons
// refer to the same viewer.

export interface PlaySession {
  sid: string;
  hls: string;
  dash: string;
  beacon: string;
  /** Whether steering knows this session. */
  steered: boolean;
}

interface Answer {
  sid: string;
  hls: string;
  dash: string;
  beacon: string;
}

export async function beginSession(stream: string, player: string, writeKey: string): Promise<PlaySession> {
  try {
    const answer = await fetch(`/v1/play/${stream}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ player }), signal: AbortSignal.timeout(4_000) });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const { sid, hls, dash, beacon } = (await answer.json()) as Answer;
    return { sid, hls, dash, beacon: new URL(beacon, location.href).href, steered: true };
  } catch {
    // The stream plays without steering; the session then has an id of its own.
    const beacon = new URL(`/v1/cmcd?k=${encodeURIComponent(writeKey)}`, location.href).href;
    return { sid: crypto.randomUUID(), hls: `/live/${stream}/master.m3u8`, dash: `/live/${stream}/manifest.mpd`, beacon, steered: false };
  }
}
