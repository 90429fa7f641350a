//! What hardly any of the sessions that play has: it never stalled, nobody sought or left, nothing
//! was lost. So it is kept apart.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::totals::Totals;
use super::words::Word;
use crate::pure::tight::MaybeMs;

/// See the module. Times are Unix ms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Seldom {
    pub(super) ended_at: MaybeMs,
    /// When the terminal token came, as the player stated it.
    pub(super) ended_ts: MaybeMs,
    /// When it was last heard of, where silence was noted only for a later time.
    pub(super) last_seen: MaybeMs,
    /// Time rebuffering, ms.
    pub(super) rebuffering_ms: i64,
    /// Time seeking, ms.
    pub(super) seeking_ms: i64,
    /// Time in which the player was hidden, ms.
    pub(super) hidden_ms: i64,
    /// The part of that rebuffering.
    pub(super) hidden_rebuffering_ms: i64,
    pub(super) rebuffer_count: i64,
    pub(super) seek_count: i64,
    pub(super) rebuffers: Vec<(i64, i64)>,
    pub(super) rebuffer_since: i64,
    /// What the player counts itself; few do.
    pub(super) totals: Option<Box<Totals>>,
    pub(super) error: Option<Word>,
    /// Records missing by sequence number.
    pub(super) lost: i64,
    /// The numbers went on far below those before.
    pub(super) renumbered: bool,
    /// The attempt was counted as one that never started: its player may still start.
    pub(super) given_up: bool,
}

/// What all others have in common.
pub(super) static NOTHING: LazyLock<Seldom> = LazyLock::new(Seldom::default);
