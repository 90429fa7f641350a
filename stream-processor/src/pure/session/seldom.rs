//! State that most sessions which are playing do not have: no stall, seek or end so far, nothing
//! lost. It is kept apart to save memory.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::totals::Totals;
use super::words::Word;
use crate::pure::tight::MaybeMs;

/// See the module. Times are Unix ms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Seldom {
    pub(super) ended_at: MaybeMs,
    /// When the terminal token came, by the player's clock.
    pub(super) ended_ts: MaybeMs,
    /// When it was last seen, if its silence was noted for a later time.
    pub(super) last_seen: MaybeMs,
    /// Time rebuffering, ms.
    pub(super) rebuffering_ms: i64,
    /// Time seeking, ms.
    pub(super) seeking_ms: i64,
    /// Time in which the player was hidden, ms.
    pub(super) hidden_ms: i64,
    /// Time hidden and rebuffering, ms.
    pub(super) hidden_rebuffering_ms: i64,
    pub(super) rebuffer_count: i64,
    pub(super) seek_count: i64,
    /// The newest rebuffers, bounded: when each began, and how long it lasted or has lasted so far,
    /// ms. Silences are not in it.
    pub(super) rebuffers: Vec<(i64, i64)>,
    /// The player's own counts; few players have them.
    pub(super) totals: Option<Box<Totals>>,
    pub(super) error: Option<Word>,
    /// Records missing by sequence number.
    pub(super) lost: i64,
    /// Numbers above the settled ones that were seen in reports of responses: the lowest bit is the
    /// next number.
    pub(super) ahead: u64,
    /// The numbers continued far below those before.
    pub(super) renumbered: bool,
    /// The attempt was counted as an exit or a start failure; its player may still start.
    pub(super) given_up: bool,
    /// The player fell silent before the first frame, so the time between the start of the attempt
    /// and the first frame is not how long it took.
    pub(super) startup_gap: bool,
    /// Records were lost between the start of the attempt and the first frame; one of them may have
    /// reported that.
    pub(super) startup_lost: bool,
}

/// Shared by all sessions without any.
pub(super) static NOTHING: LazyLock<Seldom> = LazyLock::new(Seldom::default);
