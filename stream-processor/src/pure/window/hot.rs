//! The latest counts of a cell, in one cache line, before they are added to its panes. A record
//! counts in a cell of every cuboid, and most records only add an event and a latency. So the
//! panes, which are in five pieces of memory each, are touched once for many records.

use serde::{Deserialize, Serialize};
use tallylight_schemas::sketch::Bin;

use super::pane::{Delta, Sums};

/// Latencies that fit.
const BINS: usize = 21;

/// See the module.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[repr(align(64))]
pub(super) struct Hot {
    /// The pane that the rest is of.
    pane: i64,
    /// The turn since which the sessions in the cell belong there; `NOBODY` if each is to be looked
    /// up again.
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
    /// Without counts, of a cell that took its place in turn `since`.
    pub(super) fn of(since: u32) -> Self {
        Self { since, ..Self::default() }
    }

    /// Whether a session that was placed here in `turn` is still in the right place.
    pub(super) fn is_for(&self, turn: u32) -> bool {
        self.since <= turn
    }

    /// From now on every session is looked up again.
    pub(super) fn send_away(&mut self) {
        self.since = NOBODY;
    }

    /// Counts here; answers false if the panes have to.
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

    /// Counts records that arrive for the first time.
    pub(super) fn hear(&mut self, sums: &Sums) {
        self.heard = self.heard.saturating_add(u32::from(sums.is_heard()));
    }

    /// Halves the weight of earlier records: a cell is judged by more than the last ten seconds.
    pub(super) fn forget_half(&mut self) {
        self.heard /= 2;
    }

    /// Events, weighted by age.
    pub(super) fn heard(&self) -> u32 {
        self.heard
    }

    /// The pane for which counts wait here.
    pub(super) fn waiting(&self) -> Option<i64> {
        (self.events > 0).then_some(self.pane)
    }

    /// Moves all counts into the pane.
    pub(super) fn pour(&mut self, into: &mut Delta) {
        let bins = &self.bins[..usize::from(self.filled)];
        into.add(self.events, bins.iter().map(|i| Bin { i: i32::from(*i), n: 1 }));
        (self.events, self.filled) = (0, 0);
    }
}
