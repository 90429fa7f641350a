// What every page receives.

import type { Steering } from "./control/steering";
import type { FeedState } from "./feed/state";
import type { SelectionStore } from "./selection";
import type { SegmentsPoll } from "./stream/segments";
import type { TallyState } from "./stream/tally";

/** Public write key of the demo's beacons, where steering names no other. */
export const WRITE_KEY = "demo";

export interface App {
  feed: FeedState;
  segments: SegmentsPoll;
  steering: Steering;
  selection: SelectionStore;
  /** Decided before each drawing, and while nothing is drawn. */
  tally: TallyState;
  /** While we are blind: the time since which zeros may be missing data, Unix ms. */
  blindFrom: number;
}

/** A page: made when it is opened, drawn when something changed, closed when left. */
export interface Page {
  readonly root: HTMLElement;
  draw(): void;
  close(): void;
}
