//! The Prometheus view of the processors of a process.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tallylight_schemas::fates::Fate;
use tallylight_schemas::ident::Shard;

use crate::archive::ArchiveStats;
use crate::pure::partition::Tally;
use crate::queries::ProcessorStats;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FateLabel {
    fate: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShardLabel {
    shard: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    doing: &'static str,
}

/// What a processor spends time on before the next entry. Waiting for an entry is not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Reading the log.
    Reading,
    /// Processing an entry.
    Events,
    /// Appending rows and ticks, until the log has them.
    Rows,
    /// Handing rows to history, serializing the state, waiting for room in memory.
    History,
    /// Answering questions about what is in memory.
    Questions,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Stage::Reading => "reading",
            Stage::Events => "events",
            Stage::Rows => "rows",
            Stage::History => "history",
            Stage::Questions => "questions",
        }
    }
}

type ByShard = Family<ShardLabel, Gauge>;

/// The Prometheus view of the processors of a process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    events: Family<FateLabel, Counter>,
    lag: ByShard,
    sessions: ByShard,
    spent: Family<StageLabel, Counter<f64, AtomicU64>>,
    /// One for each of [`OF_HISTORY`].
    history: [ByShard; OF_HISTORY.len()],
}

/// A metric of history: its name, its meaning, and where its value is.
type Said = (&'static str, &'static str, fn(&ArchiveStats) -> u64);

const OF_HISTORY: [Said; 8] = [
    ("committed_offset", "Offset of the log up to which history is written", |of| of.committed),
    ("hot_rows", "Rows that wait in memory to be written", |of| of.hot_rows),
    ("bytes", "Bytes of the files of history", |of| of.bytes),
    ("failures", "Writes of history or snapshots that failed", |of| of.failures),
    ("waiting_entries", "Entries that only the log has, while history stands", |of| {
        of.waiting_entries
    }),
    ("lost_entries", "Entries that the log gave up before history had them", |of| of.lost_entries),
    ("exposed_entries", "Entries that neither log nor history has on disk", |of| {
        of.exposed_entries
    }),
    ("expired_rows", "Rows that the caps of history removed", |of| of.expired_rows),
];

impl Metrics {
    pub(crate) fn count(&self, before: &Tally, after: &Tally) {
        for (fate, n) in [
            (Fate::Accepted, after.accepted - before.accepted),
            (Fate::Duplicate, after.duplicate - before.duplicate),
            (Fate::Late, after.late - before.late),
        ] {
            self.events.get_or_create(&FateLabel { fate: fate.as_str() }).inc_by(n);
        }
    }

    /// Counts the time since `began` as spent on this.
    pub(crate) fn spent(&self, stage: Stage, began: Instant) {
        let label = StageLabel { doing: stage.as_str() };
        self.spent.get_or_create(&label).inc_by(began.elapsed().as_secs_f64());
    }

    /// Runs `work`, and counts the time that it took.
    pub(crate) fn timed<T>(&self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.spent(stage, began);
        done
    }

    pub(crate) fn show(&self, shard: Shard, stats: &ProcessorStats) {
        let set = |gauge: &ByShard, n: u64| {
            let gauge = gauge.get_or_create(&ShardLabel { shard: shard.number() });
            gauge.set(i64::try_from(n).unwrap_or(i64::MAX));
        };
        set(&self.lag, stats.lag_entries);
        set(&self.sessions, stats.sessions);
        let Some(archive) = &stats.archive else { return };
        for ((_, _, of), gauge) in OF_HISTORY.iter().zip(&self.history) {
            set(gauge, of(archive));
        }
    }

    /// Removes a shard that is no longer read here.
    pub fn forget(&self, shard: Shard) {
        for gauge in [&self.lag, &self.sessions].into_iter().chain(&self.history) {
            gauge.remove(&ShardLabel { shard: shard.number() });
        }
    }

    /// Registers the metrics: the fates decided here, and by shard lag and sessions.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "tallylight_processor_events",
            "Records by what became of them in the processor since it started",
            self.events.clone(),
        );
        registry.register(
            "tallylight_processor_lag_entries",
            "Entries appended but not read",
            self.lag.clone(),
        );
        registry.register("tallylight_sessions", "Open sessions", self.sessions.clone());
        registry.register(
            "tallylight_processor_spent_seconds",
            "What the processors of this process spent time on, by the clock, other than waiting for entries",
            self.spent.clone(),
        );
        for ((name, help, _), gauge) in OF_HISTORY.iter().zip(&self.history) {
            registry.register(format!("tallylight_history_{name}"), *help, gauge.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn fates_decided_here_are_not_under_the_name_of_the_collectors() {
        let (metrics, mut registry) = (Metrics::default(), Registry::default());
        metrics.register(&mut registry);
        metrics.count(&Tally::default(), &Tally { late: 2, ..Tally::default() });
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains("tallylight_processor_events_total{fate=\"late\"} 2"), "{text}");
        assert!(!text.contains("tallylight_events"), "{text}");
    }
}
