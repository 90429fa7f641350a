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

use crate::pure::partition::Tally;
use crate::serve::ProcessorStats;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FateLabel {
    fate: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShardLabel {
    shard: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DoingLabel {
    doing: &'static str,
}

/// What keeps a processor from the next entry. To wait for one is none of these, neither is what else
/// its thread does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Reading the log.
    Reading,
    /// Working out what follows from an entry.
    Events,
    /// Appending rows, until the log has them.
    Rows,
    /// Handing rows to history, writing the state down, waiting for room in memory.
    History,
    /// Answering questions about what is in memory.
    Questions,
}

impl Doing {
    fn as_str(self) -> &'static str {
        match self {
            Doing::Reading => "reading",
            Doing::Events => "events",
            Doing::Rows => "rows",
            Doing::History => "history",
            Doing::Questions => "questions",
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
    spent: Family<DoingLabel, Counter<f64, AtomicU64>>,
    history: HistoryMetrics,
}

#[derive(Debug, Clone, Default)]
struct HistoryMetrics {
    committed: ByShard,
    hot_rows: ByShard,
    bytes: ByShard,
    failures: ByShard,
    waiting: ByShard,
    lost: ByShard,
    exposed: ByShard,
    expired: ByShard,
}

impl HistoryMetrics {
    /// Each with its name and what it says.
    fn all(&self) -> [(&'static str, &'static str, &ByShard); 8] {
        [
            (
                "committed_offset",
                "Offset of the log up to which history is written",
                &self.committed,
            ),
            ("hot_rows", "Rows that wait in memory to be written", &self.hot_rows),
            ("bytes", "Bytes of the files of history", &self.bytes),
            ("failures", "Writes of history or snapshots that failed", &self.failures),
            (
                "waiting_entries",
                "Entries that only the log has, while history stands",
                &self.waiting,
            ),
            ("lost_entries", "Entries that the log gave up before history had them", &self.lost),
            ("exposed_entries", "Entries that neither log nor history has on disk", &self.exposed),
            ("expired_rows", "Rows that the caps of history removed", &self.expired),
        ]
    }
}

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

    /// Counts what has passed since `began` as spent on this.
    pub(crate) fn spent(&self, doing: Doing, began: Instant) {
        let label = DoingLabel { doing: doing.as_str() };
        self.spent.get_or_create(&label).inc_by(began.elapsed().as_secs_f64());
    }

    pub(crate) fn show(&self, shard: Shard, stats: &ProcessorStats) {
        let set = |gauge: &ByShard, n: u64| {
            let gauge = gauge.get_or_create(&ShardLabel { shard: shard.number() });
            gauge.set(i64::try_from(n).unwrap_or(i64::MAX));
        };
        set(&self.lag, stats.lag_entries);
        set(&self.sessions, stats.sessions);
        let Some(archive) = &stats.archive else { return };
        let values = [
            archive.committed,
            archive.hot_rows,
            archive.bytes,
            archive.failures,
            archive.waiting_entries,
            archive.lost_entries,
            archive.exposed_entries,
            archive.expired_rows,
        ];
        for ((_, _, gauge), value) in self.history.all().into_iter().zip(values) {
            set(gauge, value);
        }
    }

    /// A shard is not read here any more.
    pub fn forget(&self, shard: Shard) {
        let history = self.history.all().map(|(_, _, gauge)| gauge);
        for gauge in [&self.lag, &self.sessions].into_iter().chain(history) {
            gauge.remove(&ShardLabel { shard: shard.number() });
        }
    }

    /// Adds them to a registry: the processor's own fates, and by shard its lag and sessions.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "tallylight_events",
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
        for (name, help, gauge) in self.history.all() {
            registry.register(format!("tallylight_history_{name}"), help, gauge.clone());
        }
    }
}
