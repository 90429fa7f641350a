// Which edge this page's own segment requests went to, from the browser's own timing records.

export interface SegmentRequest {
  /** When it was sent, Unix ms. */
  at: number;
  edge: string;
  track: string;
  k: number;
  /** HTTP status; 0 when the browser does not expose it. */
  status: number;
  /**
   * From sent to first byte, ms, including the time that an edge holds a request for its segment.
   */
  ttfb: number;
}

const MAX = 400;
/**
 * `/e1/live/demo/v-360/7.m4s`; without the edge when sent straight to a port; `/mb/<kbps>` if
 * capped.
 */
const SEGMENT = /^(?:\/(\w+))?(?:\/mb\/\d+)?\/live\/[^/]+\/([^/]+)\/(\d+)\.m4s/;

export class Requests {
  readonly list: SegmentRequest[] = [];
  private readonly observer: PerformanceObserver;
  private readonly since = performance.now();

  constructor(private readonly edges: readonly string[]) {
    this.observer = new PerformanceObserver((found) => {
      for (const entry of found.getEntries()) this.take(entry);
    });
    this.observer.observe({ type: "resource" });
  }

  private take(entry: PerformanceEntry): void {
    if (entry.startTime < this.since) return;
    const seen = segmentOf(entry.name, this.edges);
    if (!seen) return;
    const { responseStart, startTime, responseStatus } = entry as PerformanceResourceTiming;
    this.list.push({ at: Math.round(performance.timeOrigin + startTime), ...seen, status: responseStatus, ttfb: Math.max(0, responseStart - startTime) });
    if (this.list.length > MAX) this.list.splice(0, this.list.length - MAX);
  }

  /** Requests of the last `ms` by edge. */
  byEdge(ms: number, now: number): Map<string, number> {
    const sums = new Map<string, number>();
    for (const { at, edge } of this.list) if (at > now - ms) sums.set(edge, (sums.get(edge) ?? 0) + 1);
    return sums;
  }

  close(): void {
    this.observer.disconnect();
  }
}

/**
 * Reads edge, track and number from a segment's URL, through the dashboard or straight to a port.
 */
export function segmentOf(url: string, edges: readonly string[]): Pick<SegmentRequest, "edge" | "track" | "k"> | null {
  const { pathname, port } = new URL(url, "http://localhost");
  const [found, proxied, track = "", k] = SEGMENT.exec(pathname) ?? [];
  if (found === undefined) return null;
  // The demo's edges listen on ports ending in 11 and 12 (docs/media.md).
  const edge = proxied ?? edges[Number(port.slice(-2)) - 11] ?? `port ${port}`;
  return { edge, track, k: Number(k) };
}
