//! Log time (ADR 4): the running maximum of append times. Lateness, finality, timeouts and
//! emission read nothing else, so they fall on the same entry in every replay.

use serde::{Deserialize, Serialize};

/// A pane is final this long after its end; older records are late. ms.
pub const HORIZON_MS: i64 = 120_000;
/// A session without a record for this long of log time is over. Below the horizon, so that
/// its end can still be put where it was last seen. ms.
pub const TIMEOUT_MS: i64 = 75_000;
/// Clock differences below this are attributed to the network. ms.
pub const SKEW_IGNORED_MS: i64 = 2_000;
/// Time between two contests for cells, ms.
const CONTEST_MS: i64 = 10_000;

const AGES_SHORT: &[i64] = &[1_000, 2_000, 5_000, 15_000, 60_000];
const AGES_LONG: &[i64] = &[1_000, 2_000, 5_000, 10_000, 15_000, 60_000];

/// Log time of a partition, and up to where its rows were emitted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    log_us: i64,
    emitted_ms: i64,
}

impl Watermark {
    /// Log time, Unix µs.
    pub fn log_us(&self) -> i64 {
        self.log_us
    }

    /// Log time, Unix ms.
    pub fn log_ms(&self) -> i64 {
        self.log_us.div_euclid(1_000)
    }

    /// Moves log time to the append time of an entry; it never goes back.
    pub fn advance(&mut self, appended_at_us: i64) {
        self.log_us = self.log_us.max(appended_at_us);
    }

    /// Event times before this are late. Panes that end at or before it are final. ms.
    pub fn horizon_ms(&self) -> i64 {
        self.log_ms() - HORIZON_MS
    }

    /// Whether a second of log time has ended since the last emission.
    pub fn emission_is_due(&self) -> bool {
        self.log_ms().div_euclid(1_000) > self.emitted_ms.div_euclid(1_000)
    }

    /// Which panes of `width_ms` have reached an age at which they are emitted.
    pub fn due(&self, width_ms: i64) -> Due {
        let ages = if width_ms > 1_000 { AGES_LONG } else { AGES_SHORT };
        Due { after: self.emitted_ms, now: self.log_ms(), width: width_ms, ages }
    }

    /// Log time, if ten seconds of it ended since the last emission: then cells are contested.
    pub fn contest_is_due(&self) -> Option<i64> {
        let now = self.log_ms();
        (now.div_euclid(CONTEST_MS) > self.emitted_ms.div_euclid(CONTEST_MS)).then_some(now)
    }

    /// Remembers that everything due was emitted.
    pub fn emitted(&mut self) {
        self.emitted_ms = self.log_ms();
    }
}

/// The panes to look at in one emission. Panes are numbered from the epoch.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    after: i64,
    now: i64,
    width: i64,
    ages: &'static [i64],
}

impl Due {
    /// Whether pane `index` reached an age since the last emission (ages count from its
    /// start), or became final.
    pub fn contains(&self, index: i64) -> bool {
        let start = index * self.width;
        let passed = |at: i64| self.after < at && at <= self.now;
        self.ages.iter().any(|age| passed(start + age)) || passed(start + self.width + HORIZON_MS)
    }

    /// The newest pane that has reached its first age.
    pub fn newest(&self) -> i64 {
        (self.now - 1_000).div_euclid(self.width)
    }

    /// The oldest pane that can still change.
    pub fn first_open(&self) -> i64 {
        (self.now - HORIZON_MS).div_euclid(self.width)
    }

    /// Whether nothing can change pane `index` any more.
    pub fn is_final(&self, index: i64) -> bool {
        index < self.first_open()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn log_time_never_goes_back() {
        let mut mark = Watermark::default();
        mark.advance(2_000_000);
        mark.advance(1_000_000);
        assert_eq!(mark.log_us(), 2_000_000);
    }

    #[test]
    fn panes_are_due_at_their_ages_and_once_when_final() {
        let mut mark = Watermark::default();
        let mut at = Vec::new();
        for ms in (0..=125_000).step_by(250) {
            mark.advance(ms * 1_000);
            if mark.emission_is_due() {
                if mark.due(1_000).contains(2) {
                    at.push(ms);
                }
                mark.emitted();
            }
        }
        assert_eq!(at, [3_000, 4_000, 7_000, 17_000, 62_000, 123_000]);
    }

    proptest! {
        /// Against a list of moments: a pane is due in the first emission at or after each.
        #[test]
        fn any_walk_of_time_emits_each_age_once_and_ends_final(
            steps in prop::collection::vec(0_i64..9_000, 1..200), pane in 0_i64..40, wide in any::<bool>(),
        ) {
            let width = if wide { 10_000 } else { 1_000 };
            let ages = if wide { AGES_LONG } else { AGES_SHORT };
            let mut ahead: Vec<i64> = ages.iter().map(|age| pane * width + age).collect();
            let end = (pane + 1) * width + HORIZON_MS;
            ahead.push(end);
            let (mut mark, mut now) = (Watermark::default(), 0);
            for step in steps {
                now += step;
                mark.advance(now * 1_000);
                // An older append time changes nothing.
                mark.advance((now - step) * 1_000);
                if !mark.emission_is_due() {
                    continue;
                }
                let due = mark.due(width);
                let before = ahead.len();
                ahead.retain(|at| *at > now);
                prop_assert_eq!(due.contains(pane), ahead.len() < before);
                prop_assert_eq!(due.is_final(pane), now >= end);
                prop_assert_eq!(mark.horizon_ms(), now - HORIZON_MS);
                mark.emitted();
            }
        }
    }

    #[test]
    fn a_pane_is_final_when_nothing_in_it_can_be_on_time() {
        let mut mark = Watermark::default();
        mark.advance(123_000_000);
        assert!(mark.due(1_000).is_final(2));
        assert!(!mark.due(1_000).is_final(3));
        assert_eq!(mark.horizon_ms(), 3_000);
    }
}
