// The balance of records: those that the collector counted as received, against those whose fate is
// known. The two are counted in different places, so they can disagree.

import type { FateRow } from "../feed/types";
import { count } from "../metrics/format";

export interface Balance {
  /** Records that the collector counted, whatever it did with them. */
  received: number;
  /** Records whose fate is known, by fate. */
  ends: Map<string, number>;
  /**
   * Received without a known fate; below 0, records with a fate that the collector never counted.
   */
  missing: number;
  /** The same by source, where it is not 0. */
  missingBy: Map<string, number>;
}

/** Records that the collector counted with this fate. Older servers report only the fates. */
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

/** Whether every source balances; a gain of one must not hide a loss of another. */
export function balances(balance: Balance): boolean {
  return balance.missingBy.size === 0;
}

/** The balance as a sum, with what is missing. */
export function inWords(balance: Balance, fates: readonly string[]): string {
  const sum = `${count(balance.received)} received = ${fates.map((fate) => `${count(balance.ends.get(fate) ?? 0)} ${fate}`).join(" + ")}`;
  if (balances(balance)) return sum;
  const by = [...balance.missingBy].map(([source, gap]) => `${source}: ${gap > 0 ? `${count(gap)} without a fate` : `${count(-gap)} never counted by the collector`}`);
  return `${sum} ${balance.missing < 0 ? "−" : "+"} ${count(Math.abs(balance.missing))} unaccounted for (${by.join(", ")})`;
}
