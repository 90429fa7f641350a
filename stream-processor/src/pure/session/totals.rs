//! A player's own counts since its session began (CMCD `bsa`, `bsda`, `dfa`): where records were
//! lost, they tell what was in those.
//!
//! A player need not count as we do: it may count a seek as a stall, or have counted before its
//! first known record. So while nothing is lost its counts change nothing, and their distance from
//! ours is noted; once something was lost, their growth since then is used.

use serde::{Deserialize, Serialize};

use super::fact::{Fact, Token};
use super::machine::Machine;
use crate::pure::window::Watching;

/// One of the player's counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    /// As last reported.
    reported: i32,
    /// How far it is ahead of ours although nothing was lost.
    ahead: i64,
    /// What is known by this count only.
    repaired: i64,
    /// Records lost when ours was last compared with it; `None` before the first time.
    lost: Option<i64>,
}

/// What lost records hide of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Repaired {
    /// Rebuffers.
    pub(super) stalls: i64,
    /// Time rebuffering, ms.
    pub(super) stalled_ms: i64,
    /// The part of it that had been taken for starting, ms; the rest had been for playing.
    pub(super) as_starting_ms: i64,
}

/// See the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Totals {
    stalls: Count,
    stalled_ms: Count,
    /// Frames dropped before the count last restarted.
    dropped: i64,
}

/// What is known when a count is reported.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Records lost so far.
    lost: i64,
    /// The first records are among them.
    headless: bool,
    /// The player stalls now, which it may count now or when the stall is over.
    stalls: bool,
}

/// Whether a count restarted: two requests that overtook each other make it fall only a little.
fn began_anew(reported: i32, before: i32) -> bool {
    reported == 0 && before > 0 || reported < before / 2
}

impl Count {
    /// Takes the player's count, while its records showed `seen`.
    fn take(&mut self, reported: i32, seen: i64, known: Known) {
        if began_anew(reported, self.reported) {
            // What it had counted until then is no longer in it.
            self.ahead -= i64::from(self.reported);
        }
        self.reported = reported;
        let unseen = i64::from(reported) - self.ahead - seen - self.repaired;
        let is_whole = match self.lost {
            Some(lost) => lost == known.lost,
            // The first count may include what its sid played before.
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
    /// Takes the player's own counts, after the state that its record names.
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

    /// What is known by the player's counts only, after the first frame: before it no wait is a
    /// rebuffer. No more is taken away than was seen, and no more added than fits into the session,
    /// at a millisecond each.
    pub(super) fn repaired(&self) -> Repaired {
        let totals = self.seldom().totals.as_ref().filter(|_| self.story.first_frame_at.is_some());
        let Some(totals) = totals else { return Repaired::default() };
        let (stalled, seen) = (self.spent(Watching::Rebuffering), self.seldom().rebuffer_count);
        let began = self.story.since.get();
        let room = began.map_or(i64::MAX, |began| (self.last_seen() - began).max(0));
        let stalled_ms = totals.stalled_ms.repaired.clamp(-stalled, room);
        let beyond = (stalled_ms - self.playing_ms).clamp(0, self.story.starting_ms);
        Repaired {
            stalls: totals.stalls.repaired.clamp(-seen, room),
            stalled_ms,
            as_starting_ms: if self.lost_first_frame() { beyond } else { 0 },
        }
    }

    /// Whether the first frame is among the lost records, so that it was still taken for starting
    /// when it played. What it did in a silence before that was taken for nothing.
    fn lost_first_frame(&self) -> bool {
        let seldom = self.seldom();
        let untold = seldom.startup_lost && !self.story.startup_seen && !seldom.startup_gap;
        // Of a session without a beginning no startup was ever seen.
        untold && !self.is_headless()
    }

    /// Frames dropped, if the player reports them.
    pub(super) fn dropped_frames(&self) -> Option<i64> {
        let before = self.seldom().totals.as_ref().map_or(0, |totals| totals.dropped);
        self.dropped.get().map(|dropped| before + i64::from(dropped))
    }
}
