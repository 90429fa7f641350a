//! What of a session seldom changes: with one record in hundreds. Its state at the horizon and its
//! state now have it in common until a record changes it, and again once that is folded.

use serde::{Deserialize, Serialize};

use super::dimensions::Dimensions;
use super::fact::Token;
use super::tight::MaybeMs;
use super::totals::Totals;
use super::words::Word;

/// Whether the player keeps a rung that its line does not carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Adaptation {
    /// Since when its line has carried less than the rung it is on, Unix ms.
    pub(super) above_since: MaybeMs,
    /// Lowest rung it may choose, kbps; 0 is unknown.
    pub(super) lowest_kbps: i32,
}

/// The least and the greatest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Between(i32, i32);

impl Default for Between {
    fn default() -> Self {
        Self(i32::MAX, i32::MIN)
    }
}

impl Between {
    /// With one number more.
    pub(super) fn with(self, number: i32) -> Self {
        Self(self.0.min(number), self.1.max(number))
    }

    /// Both, once there was a number.
    pub(super) fn ends(self) -> Option<(i64, i64)> {
        (self.0 <= self.1).then_some((self.0.into(), self.1.into()))
    }
}

/// See the module. Times are Unix ms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Story {
    /// A state was derived from a request.
    pub(super) derived: bool,
    /// A terminal token (`e`, `f`, `q`) came.
    pub(super) terminal: Option<Token>,
    /// First record that would be the attempt if no `s` comes.
    pub(super) since: MaybeMs,
    pub(super) started_at: MaybeMs,
    pub(super) first_frame_at: MaybeMs,
    pub(super) ended_at: MaybeMs,
    /// When the terminal token came, as the player stated it.
    pub(super) ended_ts: MaybeMs,
    pub(super) startup_ms: MaybeMs,
    pub(super) msd_ms: Option<i32>,
    /// An error was reported before the first frame.
    pub(super) errored: bool,
    /// Time per state but playing, ms.
    pub(super) spent: [i64; 4],
    /// Time in which the player was hidden, ms, and of that the part rebuffering.
    pub(super) spent_hidden: (i64, i64),
    pub(super) rebuffer_count: i64,
    pub(super) seek_count: i64,
    pub(super) rebuffers: Vec<(i64, i64)>,
    pub(super) rebuffer_since: i64,
    pub(super) switches_up: u32,
    pub(super) switches_down: u32,
    /// Live latencies told while playing, ms.
    pub(super) latency_ms: Between,
    /// Bitrate that is shown where the player says so, kbps; 0 is unknown.
    pub(super) shown_kbps: i32,
    /// What the player counts itself; few do.
    pub(super) totals: Option<Box<Totals>>,
    pub(super) adaptation: Adaptation,
    pub(super) error: Option<Word>,
    pub(super) dimensions: Dimensions,
    pub(super) lost: i64,
    /// The smallest sequence number.
    pub(super) least_sn: Option<u64>,
}
