//! Answers from the state in memory, given by the worker between entries (over HTTP:
//! `cli/src/alone/hot.rs`).

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tallylight_schemas::fates::Fate;
use tallylight_schemas::ident::Shard;
use tallylight_schemas::ipc::IpcError;
use tallylight_schemas::session::{Outcome, SessionRow};
use tokio::sync::{mpsc, oneshot, watch};

use crate::archive::ArchiveStats;
use crate::open::{Copied, OpenPage, OpenQuery};
use crate::pure::partition::{PartitionState, Tally};
use crate::read::Partitions;

/// Which sessions are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionQuery {
    /// Whose.
    pub tenant: String,
    /// Only this one (all epochs of it that are kept).
    pub sid: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// How the processor is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessorStats {
    /// Next offset of the events topic to read.
    pub position: u64,
    /// Entries appended but not read.
    pub lag_entries: u64,
    /// Log time, Unix µs; 0 before the first entry.
    pub log_time_us: i64,
    /// How far log time is behind the clock, µs.
    pub behind_us: i64,
    /// Open sessions.
    pub sessions: u64,
    /// Entries read since the start.
    pub entries_read: u64,
    /// Entries that were gone before they could be read.
    pub lost_entries: u64,
    /// Parts that could not be read.
    pub bad_parts: u64,
    /// Still reading what was in the log at the start: figures are of the past until then.
    pub replaying: bool,
    /// History and snapshots, where they are kept.
    pub archive: Option<ArchiveStats>,
}

/// Entries behind the log's end up to which a processor counts as up to date.
const UP_TO_DATE: u64 = 100;

impl ProcessorStats {
    /// Everything that was read before this log time (Unix µs) is in history; `None` while the
    /// processor catches up or history cannot be written.
    pub fn reach(&self) -> Option<i64> {
        let archive = self.archive.filter(|archive| !archive.standing)?;
        let up_to_date = !self.replaying && self.lag_entries <= UP_TO_DATE;
        (up_to_date && archive.checkpoint_us > 0).then_some(archive.checkpoint_us)
    }
}

#[derive(Debug)]
pub(crate) enum Asked {
    Sessions(SessionQuery, oneshot::Sender<Vec<SessionRow>>),
    Open(OpenQuery, oneshot::Sender<(OpenQuery, Copied)>),
}

impl Asked {
    /// Answers from the states as they are now. Who asked may be gone; that is fine.
    pub(crate) fn answer(self, partitions: &Partitions) {
        match self {
            Asked::Sessions(SessionQuery { tenant, sid, limit }, answer) => {
                let rows =
                    |state: &PartitionState| state.session_rows(&tenant, sid.as_deref(), limit);
                let mut rows = partitions.states().iter().flat_map(rows).collect();
                newest(&mut rows, limit);
                let _ = answer.send(rows);
            }
            Asked::Open(query, answer) => {
                let copied = query.copy(partitions.states());
                let _ = answer.send((query, copied));
            }
        }
    }
}

/// Leaves `limit` sessions: open ones first, then by newest record.
pub fn newest(rows: &mut Vec<SessionRow>, limit: usize) {
    let open = |row: &SessionRow| row.outcome == Outcome::Playing;
    rows.sort_by_key(|row| (!open(row), -row.last_seen));
    rows.truncate(limit);
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FateLabel {
    fate: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShardLabel {
    shard: u16,
}

type ByShard = Family<ShardLabel, Gauge>;

/// The Prometheus view of the processors of a process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    events: Family<FateLabel, Counter>,
    lag: ByShard,
    sessions: ByShard,
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
        for (name, help, gauge) in self.history.all() {
            registry.register(format!("tallylight_history_{name}"), help, gauge.clone());
        }
    }
}

/// A way to ask the processor. Clones share it.
#[derive(Debug, Clone)]
pub struct ProcessorHandle {
    pub(crate) queries: mpsc::Sender<Asked>,
    pub(crate) stats: watch::Receiver<ProcessorStats>,
}

impl ProcessorHandle {
    /// Sessions, open ones first, then by newest record. None when the processor has ended.
    pub async fn sessions(&self, query: SessionQuery) -> Vec<SessionRow> {
        let (answer, answered) = oneshot::channel();
        if self.queries.send(Asked::Sessions(query, answer)).await.is_err() {
            return Vec::new();
        }
        answered.await.unwrap_or_default()
    }

    /// Some of the open sessions, from a place on. None when the processor has ended.
    pub async fn open_sessions(&self, query: OpenQuery) -> Option<Result<OpenPage, IpcError>> {
        let (answer, answered) = oneshot::channel();
        self.queries.send(Asked::Open(query, answer)).await.ok()?;
        let (query, copied) = answered.await.ok()?;
        Some(query.page(copied))
    }

    /// How the processor is doing, seen to change.
    pub fn stats(&self) -> watch::Receiver<ProcessorStats> {
        self.stats.clone()
    }
}
