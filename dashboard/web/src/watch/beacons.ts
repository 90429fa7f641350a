// Every report of a player passes through here on its way out. What this page knows and the player
// does not send is added under a key of its own or under the standard's, never over what the player
// sent; and the last number is remembered, so that the page can send the end of the session itself.

/** Values already encoded as CMCD, by key; null is unknown. */
export type Known = Readonly<Record<string, string | null>>;

/** Numbers remembered for reports that are sent again. */
const REMEMBERED = 200;

export class Beacons {
  private lastSn = -1;
  /** The number under which each of the player's own reports was sent: ours come between them. */
  private readonly sentAs = new Map<string, number>();

  constructor(
    private readonly collector: string,
    private readonly sid: string,
    private readonly cid: string,
    private readonly known: () => Known,
  ) {}

  /** The body, with what its records lack. */
  complete(body: string): string {
    return body
      .split("\n")
      .map((line) => (line.trim() === "" ? line : this.one(line)))
      .join("\n");
  }

  private one(line: string): string {
    const numbered = line.replace(/(^|,)sn=(\d+)/, (_all, before: string, sn: string) => `${before}sn=${this.numberOf(sn)}`);
    return [numbered, ...this.missing(line)].join(",");
  }

  private numberOf(sn: string): number {
    const sent = this.sentAs.get(sn);
    if (sent !== undefined) return sent;
    this.lastSn += 1;
    this.sentAs.set(sn, this.lastSn);
    const [oldest] = this.sentAs.keys();
    if (this.sentAs.size > REMEMBERED && oldest !== undefined) this.sentAs.delete(oldest);
    return this.lastSn;
  }

  private missing(line: string): string[] {
    return Object.entries(this.known()).flatMap(([key, value]) => (value === null || hasKey(line, key) ? [] : [`${key}=${value}`]));
  }

  /** A change of state that the player does not report. */
  state(token: string): void {
    this.lastSn += 1;
    const line = `cid=${quoted(this.cid)},e=ps,sid=${quoted(this.sid)},sn=${this.lastSn},sta=${token},ts=${Date.now()},v=2`;
    const body = [line, ...this.missing(line)].join(",");
    // It outlives the page; no one is left to handle the outcome.
    void fetch(this.collector, { method: "POST", headers: { "Content-Type": "application/cmcd" }, body, keepalive: true }).catch(() => undefined);
  }

  /** No player reports that its viewer left; without this, the session would seem to go on. */
  goodbye(): void {
    if (this.lastSn >= 0) this.state("q");
  }
}

function hasKey(line: string, key: string): boolean {
  return line.startsWith(`${key}=`) || line.includes(`,${key}=`);
}

/** A CMCD string. */
export function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, "").replace(/["\\]/g, "\\$&")}"`;
}
