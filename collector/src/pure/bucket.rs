//! A quota of records a second, with a burst, and a debt for what cannot be refused.

use super::ladder::REFUSE_ALL;
use super::sessions::STEP_US;

/// Seconds of quota that may be used at once.
pub(super) const BURST_S: i64 = 5;
/// How many bursts of debt are allowed before every request is refused.
const DEBT: i64 = 2;
/// A record in the unit of the level, so that the level rises by `rate` each µs.
const RECORD: i64 = 1_000_000;

/// A token bucket. Full is no pressure, empty is 1,000, and each burst of debt adds 1,000. Once not
/// even one more record fits within the deepest debt, everything is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    rate: i64,
    level: i64,
    at_us: i64,
}

impl Bucket {
    /// A full bucket for `rate` records a second, at `now_us`.
    pub fn new(rate: u32, now_us: i64) -> Self {
        let rate = i64::from(rate.max(1));
        Self { rate, level: rate * BURST_S * RECORD, at_us: now_us }
    }

    fn burst(&self) -> i64 {
        self.rate * BURST_S * RECORD
    }

    fn deepest(&self) -> i64 {
        -DEBT * self.burst()
    }

    /// The pressure at `now_us`. A clock that is set back adds nothing, nor does a request whose
    /// time was read a moment before another's and that arrives after it.
    pub fn pressure(&mut self, now_us: i64) -> u32 {
        let passed = now_us.saturating_sub(self.at_us);
        if !(-STEP_US..=0).contains(&passed) {
            self.at_us = now_us;
        }
        let passed = passed.max(0);
        self.level = self.level.saturating_add(self.rate.saturating_mul(passed)).min(self.burst());
        if self.level < self.deepest().saturating_add(RECORD) {
            return REFUSE_ALL;
        }
        let missing = i128::from(self.burst()) - i128::from(self.level);
        u32::try_from(missing * 1_000 / i128::from(self.burst())).unwrap_or(u32::MAX)
    }

    /// Charges accepted records. All are paid for, also those of a batch that went beyond the
    /// deepest debt: a debt that was forgiven would be run up again and again.
    pub fn take(&mut self, records: u64) {
        let records = i64::try_from(records).unwrap_or(i64::MAX);
        self.level = self.level.saturating_sub(records.saturating_mul(RECORD));
    }

    /// Gives back what records were charged that came to nothing.
    pub fn give(&mut self, records: u64) {
        let records = i64::try_from(records).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(records.saturating_mul(RECORD)).min(self.burst());
    }
}
