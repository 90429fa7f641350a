//! Whether this machine's clock and those of the collectors agree. A fast clock on either side
//! makes log time run ahead: a collector's by what it stores, this one's by ticks.

use std::time::{Duration, Instant};

use tallylight_eventlog::Batch;
use tallylight_schemas::record::Kind;

use super::Processor;

/// Clock differences below this are ignored, µs.
const AHEAD_US: i64 = 2_000_000;
/// An append may be retried while a broker is away, and this process may be stopped for a while:
/// then entries are old when they come, whatever the clocks. This clock is called fast only if for
/// so long no entry came sooner.
const LONG: Duration = Duration::from_secs(60);
/// And if so many came.
const MANY: u32 = 3;

/// What was found and said about clocks.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    said_log_is_ahead: bool,
    said_own_is_ahead: bool,
    /// The entries that came old since the last that did not.
    old: Option<Old>,
}

#[derive(Debug, Clone, Copy)]
struct Old {
    since: Instant,
    entries: u32,
    least_us: i64,
}

impl Clocks {
    /// An entry came at `now`, this long after it was stamped. Answers by how much this clock is
    /// ahead, if that is to be said: once, until an entry comes in time.
    fn came(&mut self, age_us: i64, now: Instant) -> Option<i64> {
        if age_us <= AHEAD_US {
            (self.old, self.said_own_is_ahead) = (None, false);
            return None;
        }
        let old = self.old.get_or_insert(Old { since: now, entries: 0, least_us: age_us });
        old.entries = old.entries.saturating_add(1);
        old.least_us = old.least_us.min(age_us);
        let sure = old.entries >= MANY && now.duration_since(old.since) >= LONG;
        let least_us = old.least_us;
        (sure && !std::mem::replace(&mut self.said_own_is_ahead, true)).then_some(least_us)
    }
}

impl Processor {
    /// Logs once that log time is ahead of this machine's clock: records of collectors whose clocks
    /// are right arrive late by it.
    pub(super) fn compare_log_time(&mut self, behind_us: i64) {
        let said = &mut self.clocks.said_log_is_ahead;
        if behind_us < -AHEAD_US && !std::mem::replace(said, true) {
            tracing::error!(
                ahead_ms = -behind_us / 1_000,
                "log time is ahead of this clock: one collector's clock is fast, or this one's is slow; \
                 records of collectors that are on time come late by it (docs/kafka.md, Clocks)"
            );
        }
    }

    /// Logs that this machine's clock is ahead of the collectors'; log time does not show that,
    /// since ticks have this clock. Only for entries that were waited for at the head: others may
    /// just have been there for a while.
    pub(super) fn compare_own_clock(&mut self, came: &Batch) {
        let stored = came.entries.iter().filter(|entry| {
            // Whoever owned the shard before may have appended ticks.
            entry.parts.iter().any(|part| part.kind != Kind::Tick.code())
        });
        let Some(stamp_us) = stored.map(|entry| entry.appended_at_us).max() else { return };
        let age_us = self.parts.clock.now_us().saturating_sub(stamp_us);
        if let Some(ahead_us) = self.clocks.came(age_us, Instant::now()) {
            tracing::error!(
                ahead_ms = ahead_us / 1_000,
                "this clock is ahead of those of the collectors, or the log delivers that late; if \
                 it is the clock, ticks put log time ahead and records come late by it \
                 (docs/kafka.md, Clocks)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_is_told_once_and_entries_that_only_waited_are_not_one() {
        let (mut clocks, began) = (Clocks::default(), Instant::now());
        let mut came = |second, age_s: i64| {
            clocks.came(age_s * 1_000_000, began + Duration::from_secs(second))
        };
        // A broker was away, and this process was stopped; between these an entry came in time.
        let waited = [(0, 15), (1, 14), (2, 13), (50, 0), (70, 600), (71, 599), (130, 2)];
        assert!(waited.into_iter().all(|(second, age_s)| came(second, age_s).is_none()));
        // Two are too few to tell.
        assert_eq!([came(200, 181), came(300, 180)], [None, None]);
        assert_eq!([came(301, 190), came(302, 180)], [Some(180_000_000), None]);
        // It is set right, and is fast again.
        assert_eq!([came(400, 0), came(401, 5), came(402, 5)], [None; 3]);
        assert_eq!(came(461, 6), Some(5_000_000));
    }
}
