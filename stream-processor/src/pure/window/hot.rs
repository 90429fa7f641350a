//! What a cell was counted since it was looked at last, in one line of the cache. A record counts
//! in a cell of every cuboid, and most only say that they came and how far behind live they are:
//! the panes of those cells, which lie in five places of the memory each, are touched once for
//! many of them.

use serde::{Deserialize, Serialize};
use tallylight_schemas::sketch::Bin;

use super::pane::{Delta, Sums};

/// Latencies that find room.
const BINS: usize = 21;

/// See the module.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[repr(align(64))]
pub(super) struct Hot {
    /// The pane that the rest is of.
    pane: i64,
    /// The turn since which whoever is in the cell belongs there; `NOBODY` where each is to be
    /// looked up anew.
    since: u32,
    events: u32,
    /// Events, halved at each contest.
    heard: u32,
    filled: u8,
    bins: [i16; BINS],
}

/// A turn that never comes.
const NOBODY: u32 = u32::MAX;

impl Default for Hot {
    fn default() -> Self {
        Self { pane: 0, since: NOBODY, events: 0, heard: 0, filled: 0, bins: [0; BINS] }
    }
}

impl Hot {
    /// Nothing of a cell that came in turn `since`.
    pub(super) fn of(since: u32) -> Self {
        Self { since, ..Self::default() }
    }

    /// Whether one who was placed here in `turn` is in the right place still.
    pub(super) fn is_for(&self, turn: u32) -> bool {
        self.since <= turn
    }

    /// From now on everybody is looked up anew.
    pub(super) fn send_away(&mut self) {
        self.since = NOBODY;
    }

    /// Counts here, or answers that the panes have to.
    pub(super) fn count(&mut self, pane: i64, turn: u32, sums: &Sums) -> bool {
        let Some(latency) = sums.as_plain() else { return false };
        let is_of_another = self.events > 0 && self.pane != pane;
        if !self.is_for(turn) || is_of_another || usize::from(self.filled) == BINS {
            return false;
        }
        self.pane = pane;
        self.events += 1;
        self.hear(sums);
        if let Some(bin) = latency {
            self.bins[usize::from(self.filled)] = bin;
            self.filled += 1;
        }
        true
    }

    /// Notes what is heard for the first time.
    pub(super) fn hear(&mut self, sums: &Sums) {
        self.heard = self.heard.saturating_add(u32::from(sums.is_heard()));
    }

    /// What was heard counts half from now on: a cell is judged by more than the last ten seconds.
    pub(super) fn forget_half(&mut self) {
        self.heard /= 2;
    }

    /// Events, the newest most.
    pub(super) fn heard(&self) -> u32 {
        self.heard
    }

    /// The pane of which something is kept here.
    pub(super) fn waiting(&self) -> Option<i64> {
        (self.events > 0).then_some(self.pane)
    }

    /// Puts all of it into the pane.
    pub(super) fn pour(&mut self, into: &mut Delta) {
        let bins = &self.bins[..usize::from(self.filled)];
        into.add(self.events, bins.iter().map(|i| Bin { i: i32::from(*i), n: 1 }));
        (self.events, self.filled) = (0, 0);
    }
}
