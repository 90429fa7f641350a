//! Counts the records of a session, and those missing by sequence number.
//!
//! A report of a response has the time at which its request began but was numbered at the end, so
//! in order of time it precedes reports with smaller numbers. It shows that its own number was
//! seen, and nothing yet about smaller ones: a gap is opened by the next report of another kind, or
//! by a response that is [`AHEAD`] numbers further.

use super::fact::{Fact, Origin};
use super::machine::Machine;
use crate::pure::window::Counts;

/// Numbers further apart belong to two counts, not to one with so many records missing: any number
/// can be sent, and one record must not produce millions of lost ones.
const MOST_LOST: u64 = 10_000;
/// How far a response may be ahead of the settled numbers: there is one bit for each in
/// [`super::seldom::Seldom::ahead`].
const AHEAD: u64 = 64;

/// This many low bits set.
fn low_bits(many: u64) -> u64 {
    let bit = u32::try_from(many).ok().and_then(|many| 1_u64.checked_shl(many));
    bit.map_or(u64::MAX, |bit| bit - 1)
}

/// The bits without this many low ones.
fn without_low_bits(bits: u64, many: u64) -> u64 {
    u32::try_from(many).ok().and_then(|many| bits.checked_shr(many)).unwrap_or(0)
}

impl Machine {
    /// The largest sequence number of the event reports taken in. If they continued far below, any
    /// may have been seen.
    pub(super) fn highest_sn(&self) -> Option<u64> {
        let ahead = u64::from(u64::BITS - self.seldom().ahead.leading_zeros());
        let highest = self.sn.saturating_add(ahead);
        self.story.least_sn.map(|_| if self.seldom().renumbered { u64::MAX } else { highest })
    }

    /// Whether the first records are missing; unknown for a player that does not number them.
    pub(super) fn is_headless(&self) -> bool {
        self.story.least_sn.is_some_and(|least| least > 0)
    }

    /// Records missing by sequence number.
    pub fn lost(&self) -> i64 {
        self.seldom().lost
    }

    /// Counts a player's record.
    pub(super) fn count_record(&mut self, fact: &Fact, counts: &mut Counts) {
        self.events = self.events.saturating_add(1);
        counts.event = true;
        if fact.msd_ms >= 0 && self.story.msd_ms.get().is_none() {
            self.tell().msd_ms = fact.msd_ms.into();
        }
        if let (Some(sn), Origin::Event) = (fact.sn, fact.origin) {
            let lost = self.count_sn(sn, fact.response);
            if lost != 0 {
                let starting = self.story.attempted && self.story.first_frame_at.is_none();
                let seldom = self.tell().seldom_mut();
                seldom.lost += lost;
                seldom.startup_lost |= starting && lost > 0;
            }
            counts.lost = i32::try_from(lost).unwrap_or(0);
        }
    }

    /// How many records this number shows to be missing; −1 when it fills a gap. If there is no
    /// gap, the number is repeated, and fills none elsewhere.
    fn count_sn(&mut self, sn: u64, response: bool) -> i64 {
        let high = self.sn;
        let low = self.story.least_sn.unwrap_or(sn);
        let apart = match self.story.least_sn {
            Some(_) if sn > high => sn - high - 1,
            // All numbers seen are above `high` if the first was that of a response; it may come.
            Some(_) if sn < low && high < low => high.saturating_sub(sn + 1),
            Some(_) if sn < low => low - sn - 1,
            _ => 0,
        };
        let begins = self.story.least_sn.is_none() || apart > MOST_LOST;
        if begins && sn < low {
            self.tell().seldom_mut().renumbered = true;
        }
        if begins || sn < low {
            self.tell().least_sn = Some(sn);
        }
        if begins {
            self.begin_numbers(sn, response);
            0
        } else if sn > high {
            i64::try_from(self.settle(sn, response)).unwrap_or(0)
        } else if sn > low && sn < high && self.lost() > 0 {
            -1
        } else {
            i64::try_from(apart).unwrap_or(0)
        }
    }

    /// Counts numbers from this one on. Those before a response may be of records that it overtook.
    fn begin_numbers(&mut self, sn: u64, response: bool) {
        if self.seldom().ahead != 0 {
            self.tell().seldom_mut().ahead = 0;
        }
        self.sn = if response { sn.saturating_sub(AHEAD) } else { sn };
        if sn > self.sn {
            self.settle(sn, response);
        }
    }

    /// Takes in a number above the settled ones, and settles all numbers before it; before a
    /// response only those too far away. Answers how many of these were not seen, without those
    /// below the smallest number seen.
    fn settle(&mut self, sn: u64, response: bool) -> u64 {
        let (high, before) = (self.sn, self.seldom().ahead);
        let to = if response { high.max(sn.saturating_sub(AHEAD)) } else { sn - 1 };
        let seen = u64::from((before & low_bits(to - high)).count_ones());
        let ahead = without_low_bits(before, to - high) | (1 << (sn - to - 1));
        // A gap is settled as a whole, so that the last settled number was seen.
        let gap = if to > high { u64::from(ahead.trailing_zeros()) } else { 0 };
        let (to, ahead) = (to + gap, without_low_bits(ahead, gap));
        let below = self.story.least_sn.map_or(0, |least| least.saturating_sub(1));
        let missing = to.saturating_sub(high.max(below)).saturating_sub(seen);
        let run = u64::from(ahead.trailing_ones());
        let ahead = without_low_bits(ahead, run);
        self.sn = to + run;
        if ahead != before {
            self.tell().seldom_mut().ahead = ahead;
        }
        missing
    }
}
