//! What a player counts itself since its session began (CMCD `bsa`, `bsda`, `dfa`): where records
//! were lost, its counts tell what was in them.
//!
//! A player need not count as we do: it may take a seek for a stall, or have counted before it was
//! heard of. So as long as nothing is lost its counts change nothing, and how far they are from ours
//! is noted; once something was lost, what they have grown by since then counts.

use serde::{Deserialize, Serialize};

use super::fact::{Fact, Token};
use super::machine::Machine;
use crate::pure::window::Watching;

/// One of its counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    /// As told last.
    told: i32,
    /// How far it is ahead of ours although nothing was lost.
    ahead: i64,
    /// What only it tells of.
    repaired: i64,
    /// Records lost when ours was last held against it; none before the first time.
    lost: Option<i64>,
}

/// What of a session lost records hide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Repaired {
    /// Rebuffers.
    pub(super) stalls: i64,
    /// Time rebuffering, ms.
    pub(super) stalled_ms: i64,
}

/// See the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Totals {
    stalls: Count,
    stalled_ms: Count,
    /// Frames dropped before the count last began anew.
    dropped: i64,
}

/// What is known when a count is told.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Records lost so far.
    lost: i64,
    /// The first records are among them.
    headless: bool,
    /// Whether the player says that it stalls, which it may count now or when that is over.
    stalls: bool,
}

/// Whether a count began anew: two requests that overtook each other make it fall a little.
fn began_anew(told: i32, before: i32) -> bool {
    told == 0 && before > 0 || told < before / 2
}

impl Count {
    /// Takes what the player tells, while its records told of `seen`.
    fn take(&mut self, told: i32, seen: i64, known: Known) {
        if began_anew(told, self.told) {
            // What it had counted is behind it.
            self.ahead -= i64::from(self.told);
        }
        self.told = told;
        let unseen = i64::from(told) - self.ahead - seen - self.repaired;
        let is_whole = match self.lost {
            Some(lost) => lost == known.lost,
            // What its sid played before may be in the first count that is told.
            None => known.lost == 0 || known.headless,
        };
        match (is_whole, known.stalls) {
            (true, true) => return,
            (true, false) => self.ahead += unseen,
            (false, true) => {
                self.repaired += unseen.max(0);
                return;
            }
            (false, false) => self.repaired += unseen,
        }
        self.lost = Some(known.lost);
    }
}

impl Machine {
    /// Takes what a player counts itself, after the state that its record names.
    pub(super) fn take_totals(&mut self, fact: &Fact) {
        if fact.stalls < 0 && fact.stalled_ms < 0 && fact.dropped < 0 {
            return;
        }
        let before = self.seldom().totals.as_deref().copied().unwrap_or_default();
        let mut totals = before;
        let known = Known {
            lost: self.lost(),
            headless: self.is_headless(),
            stalls: matches!(self.token, Some(Token::Rebuffering | Token::Waiting)),
        };
        if fact.stalls >= 0 {
            totals.stalls.take(fact.stalls, self.seldom().rebuffer_count, known);
        }
        if fact.stalled_ms >= 0 {
            let seen = self.spent(Watching::Rebuffering);
            totals.stalled_ms.take(fact.stalled_ms, seen, known);
        }
        if fact.dropped >= 0 {
            let behind = self.dropped.get().filter(|before| began_anew(fact.dropped, *before));
            totals.dropped += behind.map_or(0, i64::from);
            self.dropped = fact.dropped.into();
        }
        if totals != before {
            self.tell().seldom_mut().totals = Some(Box::new(totals));
        }
    }

    /// What only the player's counts tell of: no more is taken away than was seen, and no more added
    /// than there is room for in the session, a millisecond for each.
    pub(super) fn repaired(&self) -> Repaired {
        let Some(totals) = &self.seldom().totals else { return Repaired::default() };
        let (stalled, seen) = (self.spent(Watching::Rebuffering), self.seldom().rebuffer_count);
        let began = self.story.since.get();
        let room = began.map_or(i64::MAX, |began| (self.last_seen() - began).max(0));
        Repaired {
            stalls: totals.stalls.repaired.clamp(-seen, room),
            stalled_ms: totals.stalled_ms.repaired.clamp(-stalled, room),
        }
    }

    /// Frames dropped, if the player counts them.
    pub(super) fn dropped_frames(&self) -> Option<i64> {
        let before = self.seldom().totals.as_ref().map_or(0, |totals| totals.dropped);
        self.dropped.get().map(|dropped| before + i64::from(dropped))
    }
}
