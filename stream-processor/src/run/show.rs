//! The processor's state, shown to operators and other services.

use tallylight_schemas::record::EVENTS;

use super::Processor;
use crate::queries::ProcessorStats;

impl Processor {
    /// Publishes the state, after each turn of the loop.
    pub(super) fn show(&mut self) {
        let log_time_us = self.partitions.log_us();
        let behind = self.parts.clock.now_us() - log_time_us;
        self.compare_log_time(behind);
        let states = self.partitions.states();
        let sessions: usize = states.iter().map(|state| state.open_sessions()).sum();
        // Read on its own: a borrow held until the log is asked below would block an append.
        let head = *self.head.borrow();
        let stats = ProcessorStats {
            position: self.position,
            lag_entries: head.saturating_sub(self.position),
            log_time_us,
            behind_us: if log_time_us == 0 { 0 } else { behind.max(0) },
            sessions: u64::try_from(sessions).unwrap_or(u64::MAX),
            entries_read: self.entries_read,
            lost_entries: self.lost_entries,
            bad_parts: self.partitions.bad_parts(),
            replaying: self.position < self.start_head,
            archive: self.archive.as_ref().map(|archive| {
                let usage = self.parts.log.usage(EVENTS);
                archive.stats(usage.map_or(0, |usage| usage.earliest))
            }),
        };
        self.parts.metrics.show(self.parts.log.shard(), &stats);
        self.stats.send_replace(stats);
    }
}
