//! The records of a session, counted, and those that are missing by their numbers.

use super::fact::{Fact, Origin};
use super::machine::Machine;
use crate::pure::window::Counts;

impl Machine {
    /// The largest sequence number of the event reports taken in.
    pub(super) fn highest_sn(&self) -> Option<u64> {
        self.story.least_sn.map(|_| self.sn)
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
        let gap = |low: u64, high: u64| i64::try_from(high - low - 1).unwrap_or(0).min(1 << 30);
        let (least, high) = (self.story.least_sn, self.sn);
        let low = least.unwrap_or(sn);
        if least.is_none_or(|least| sn < least) {
            self.tell().least_sn = Some(sn);
        }
        self.sn = if least.is_some() { high.max(sn) } else { sn };
        if least.is_none() {
            return 0;
        }
        if sn > high {
            gap(high, sn)
        } else if sn < low {
            gap(sn, low)
        } else if sn > low && sn < high && self.lost() > 0 {
            -1
        } else {
            0
        }
    }
}
