//! The records of a session, counted, and those that are missing by their numbers.

use super::fact::{Fact, Origin};
use super::machine::Machine;
use crate::pure::window::Counts;

/// Numbers further apart are of two counts, not of one with so many records missing between them:
/// any number can be sent, and one record must not make millions of others.
const MOST_LOST: u64 = 10_000;

impl Machine {
    /// The largest sequence number of the event reports taken in. Where they went on far below, any
    /// may have come.
    pub(super) fn highest_sn(&self) -> Option<u64> {
        let highest = if self.seldom().renumbered { u64::MAX } else { self.sn };
        self.story.least_sn.map(|_| highest)
    }

    /// Whether the first records are missing; of who counts none that is not known.
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
            let lost = self.count_sn(sn);
            if lost != 0 {
                self.tell().seldom_mut().lost += lost;
            }
            counts.lost = i32::try_from(lost).unwrap_or(0);
        }
    }

    /// Missing records that this number shows; −1 when it fills a gap. Without one it is a number
    /// that comes again, and nothing that was lost elsewhere has come.
    fn count_sn(&mut self, sn: u64) -> i64 {
        let high = self.sn;
        let low = self.story.least_sn.unwrap_or(sn);
        let missing = match self.story.least_sn {
            Some(_) if sn > high => sn - high - 1,
            Some(_) if sn < low => low - sn - 1,
            _ => 0,
        };
        let begins = self.story.least_sn.is_none() || missing > MOST_LOST;
        if begins && sn < low {
            self.tell().seldom_mut().renumbered = true;
        }
        if begins || sn < low {
            self.tell().least_sn = Some(sn);
        }
        self.sn = if begins { sn } else { high.max(sn) };
        if begins {
            0
        } else if sn > low && sn < high && self.lost() > 0 {
            -1
        } else {
            i64::try_from(missing).unwrap_or(0)
        }
    }
}
