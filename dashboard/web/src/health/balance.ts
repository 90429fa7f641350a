// The balance of the records: what the door counted as received, against the ends that the
// records came to. The two are counted in different places, so they can disagree.

import type { FateRow } from "../feed/types";
import { count } from "../metrics/format";

export interface Balance {
  /** What the door counted, whatever it did with it. */
  received: number;
  /** Records that came to their end, by fate. */
  ends: Map<string, number>;
  /** Received without a known end; below 0, ends of records that the door never counted. */
  missing: number;
  /** The same by where they came in, where it is not 0. */
  missingBy: Map<string, number>;
}

/** What the door counted with this fate. A server that does not say it knows the ends only. */
export function atDoor(row: FateRow): number {
  return row.door ?? row.events;
}

export function balanceOf(rows: Iterable<FateRow>): Balance {
  const ends = new Map<string, number>();
  const missingBy = new Map<string, number>();
  let received = 0;
  let missing = 0;
  for (const row of rows) {
    const gap = atDoor(row) - row.events;
    received += atDoor(row);
    missing += gap;
    ends.set(row.fate, (ends.get(row.fate) ?? 0) + row.events);
    missingBy.set(row.source, (missingBy.get(row.source) ?? 0) + gap);
  }
  for (const [source, gap] of missingBy) if (gap === 0) missingBy.delete(source);
  return { received, ends, missing, missingBy };
}

/** Whether every way in balances; one way's gain must not hide another's loss. */
export function balances(balance: Balance): boolean {
  return balance.missingBy.size === 0;
}

/** The balance as a sum, with what is missing to it. */
export function inWords(balance: Balance, fates: readonly string[]): string {
  const sum = `${count(balance.received)} received = ${fates.map((fate) => `${count(balance.ends.get(fate) ?? 0)} ${fate}`).join(" + ")}`;
  if (balances(balance)) return sum;
  const by = [...balance.missingBy].map(([source, gap]) => `${source}: ${gap > 0 ? `${count(gap)} without an end` : `${count(-gap)} never counted at the door`}`);
  return `${sum} ${balance.missing < 0 ? "−" : "+"} ${count(Math.abs(balance.missing))} unaccounted for (${by.join(", ")})`;
}
