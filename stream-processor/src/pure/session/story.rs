//! What of a session seldom changes: with one record in hundreds. Its state at the horizon and its
//! state now have it in common until a record changes it, and again once that is folded.

use serde::{Deserialize, Serialize};

use super::dimensions::Dimensions;
use super::fact::Token;
use super::tight::MaybeMs;
use super::words::Word;

/// Whether the player keeps a rung that its line does not carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Adaptation {
    /// Since when its line has carried less than the rung it is on, Unix ms.
    pub(super) above_since: MaybeMs,
    /// Lowest rung it may choose, kbps; 0 is unknown.
    pub(super) lowest_kbps: i32,
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
    pub(super) switches: i64,
    pub(super) adaptation: Adaptation,
    pub(super) error: Option<Word>,
    pub(super) dimensions: Dimensions,
    pub(super) lost: i64,
    /// The smallest sequence number.
    pub(super) least_sn: Option<u64>,
}
