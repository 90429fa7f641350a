//! The part of a session's state that rarely changes: with one record in hundreds (with each, where
//! no bitrate is reported). The state at the horizon and the state now share it until a record
//! changes it, and again once that record is folded.

use serde::{Deserialize, Serialize};

use super::dimensions::Dimensions;
use super::fact::Token;
use super::seldom::{NOTHING, Seldom};
use crate::pure::tight::{MaybeCount, MaybeMs};

/// Whether the player stays on a rung above its measured throughput.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Adaptation {
    /// Since when the throughput has been below the rung, Unix ms.
    pub(super) above_since: MaybeMs,
    /// The lowest rung it has, kbps; 0 is unknown.
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
    /// With one more number.
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
    /// An error was reported before the first frame.
    pub(super) errored: bool,
    /// A terminal token (`e`, `f`, `q`) came.
    pub(super) terminal: Option<Token>,
    /// The attempt began.
    pub(super) attempted: bool,
    /// When it did; before that, the first record that is its start if no `s` arrives.
    pub(super) since: MaybeMs,
    pub(super) first_frame_at: MaybeMs,
    /// It is known when the attempt began and that all time since was seen, so the startup time
    /// will be known.
    pub(super) startup_seen: bool,
    pub(super) msd_ms: MaybeCount,
    /// Time starting, ms.
    pub(super) starting_ms: i64,
    /// Time playing of which the bitrate is unknown, ms.
    pub(super) unrated_ms: i64,
    pub(super) switches_up: u32,
    pub(super) switches_down: u32,
    /// Live latencies reported while playing, ms.
    pub(super) latency_ms: Between,
    /// Bitrate being shown, as the player reports it, kbps; 0 is unknown.
    pub(super) shown_kbps: i32,
    pub(super) adaptation: Adaptation,
    pub(super) dimensions: Dimensions,
    /// The smallest sequence number.
    pub(super) least_sn: Option<u64>,
    pub(super) seldom: Option<Box<Seldom>>,
}

impl Story {
    /// What hardly any session has.
    pub(super) fn seldom(&self) -> &Seldom {
        self.seldom.as_deref().unwrap_or(&NOTHING)
    }

    /// The same, to be changed; made if it is missing.
    pub(super) fn seldom_mut(&mut self) -> &mut Seldom {
        self.seldom.get_or_insert_default()
    }

    /// When the attempt began.
    pub(super) fn started_at(&self) -> Option<i64> {
        self.since.get().filter(|_| self.attempted)
    }

    /// How long the attempt had waited for a first frame at `at`, without silences.
    pub(super) fn waited_until(&self, at: i64) -> Option<i64> {
        let start = self.started_at()?;
        Some(if self.seldom().startup_gap { self.starting_ms } else { at - start })
    }

    /// How long the first frame took from then.
    pub(super) fn startup_ms(&self) -> Option<i64> {
        let first_frame_at = self.first_frame_at.get().filter(|_| self.startup_seen)?;
        Some(first_frame_at - self.started_at()?)
    }
}
