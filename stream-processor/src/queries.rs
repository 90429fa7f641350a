//! Questions that the processor answers from its state in memory, between two entries (over HTTP:
//! `cli/src/standalone/open.rs`).

use tallylight_schemas::ident;
use tallylight_schemas::ipc::IpcError;
use tallylight_schemas::session::{Outcome, SessionRow};
use tokio::sync::{mpsc, oneshot, watch};

use crate::archive::ArchiveStats;
use crate::open::{Copied, OpenPage, OpenQuery};
use crate::pure::partition::PartitionState;
use crate::read::Partitions;

/// Which sessions are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionQuery {
    /// The tenant.
    pub tenant: String,
    /// Only this sid (all its epochs that are kept).
    pub sid: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// The processor's state.
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
    /// Entries that the log removed before they could be read.
    pub lost_entries: u64,
    /// Parts that could not be read.
    pub bad_parts: u64,
    /// Still reading what was in the log at the start: figures are of the past until then.
    pub replaying: bool,
    /// History and snapshots, where they are kept.
    pub archive: Option<ArchiveStats>,
}

/// A processor at most so many entries behind the log's end counts as up to date.
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
pub(crate) enum Question {
    Sessions(SessionQuery, oneshot::Sender<Vec<SessionRow>>),
    Open(OpenQuery, oneshot::Sender<(OpenQuery, Copied)>),
}

impl Question {
    /// Whether the caller no longer waits.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Question::Sessions(_, answer) => answer.is_closed(),
            Question::Open(_, answer) => answer.is_closed(),
        }
    }

    /// Answers from the states as they are now. The caller may be gone, which is no error.
    pub(crate) fn answer(self, partitions: &Partitions) {
        match self {
            Question::Sessions(SessionQuery { tenant, sid, limit }, answer) => {
                let rows =
                    |state: &PartitionState| state.session_rows(&tenant, sid.as_deref(), limit);
                let all = partitions.states();
                let own = states_with(all, &tenant, sid.as_deref());
                let mut found: Vec<SessionRow> = own.iter().flat_map(rows).collect();
                // In a log that was written with other partitions it may be elsewhere.
                if found.is_empty() && own.len() < all.len() {
                    found = all.iter().flat_map(rows).collect();
                }
                newest(&mut found, limit);
                let _ = answer.send(found);
            }
            Question::Open(query, answer) => {
                let copied = query.copy(partitions.states());
                let _ = answer.send((query, copied));
            }
        }
    }
}

/// The states that may hold a session: for one sid only its partition's, if it is among them.
fn states_with<'a>(
    states: &'a [PartitionState],
    tenant: &str,
    sid: Option<&str>,
) -> &'a [PartitionState] {
    let own = |sid| {
        let (_, partitions) = states.first()?.place();
        let own = ident::partition(tenant, sid, partitions);
        let at = states.binary_search_by_key(&own, |state| state.place().0).ok()?;
        states.get(at..=at)
    };
    sid.and_then(own).unwrap_or(states)
}

/// Keeps `limit` sessions: open ones first, then by newest record.
pub fn newest(rows: &mut Vec<SessionRow>, limit: usize) {
    let open = |row: &SessionRow| row.outcome == Outcome::Playing;
    rows.sort_by_key(|row| (!open(row), -row.last_seen));
    rows.truncate(limit);
}

/// A handle for asking the processor. Clones share it.
#[derive(Debug, Clone)]
pub struct ProcessorHandle {
    pub(crate) queries: mpsc::Sender<Question>,
    pub(crate) stats: watch::Receiver<ProcessorStats>,
}

impl ProcessorHandle {
    /// Sessions, open ones first, then by newest record; `None` when the processor has ended.
    pub async fn sessions(&self, query: SessionQuery) -> Option<Vec<SessionRow>> {
        let (answer, answered) = oneshot::channel();
        self.queries.send(Question::Sessions(query, answer)).await.ok()?;
        answered.await.ok()
    }

    /// Some of the open sessions, from a place on. None when the processor has ended.
    pub async fn open_sessions(&self, query: OpenQuery) -> Option<Result<OpenPage, IpcError>> {
        let (answer, answered) = oneshot::channel();
        self.queries.send(Question::Open(query, answer)).await.ok()?;
        let (query, copied) = answered.await.ok()?;
        Some(query.page(copied))
    }

    /// The processor's state, as a channel that is updated.
    pub fn stats(&self) -> watch::Receiver<ProcessorStats> {
        self.stats.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::input::PlayerInput;
    use crate::pure::limits::Limits;

    /// Something of the sid in each partition, as it never is, shows which of them were asked.
    #[test]
    fn a_question_for_one_sid_is_asked_of_its_partition_only() {
        let mut all = Partitions::new(4, &Limits::default());
        let one = PlayerInput {
            tenant: "demo",
            sid: "one",
            received_ms: 1_000,
            ts: Some(1_000),
            sn: Some(0),
            sta: Some("s"),
            ..PlayerInput::default()
        };
        for partition in 0..4 {
            all.feed(partition, 0, 1_000_000, std::slice::from_ref(&one));
        }
        let asked = |states: &Partitions, sid: Option<&str>| {
            let query =
                SessionQuery { tenant: "demo".into(), sid: sid.map(str::to_owned), limit: 9 };
            let (answer, mut answered) = oneshot::channel();
            Question::Sessions(query, answer).answer(states);
            answered.try_recv().unwrap().len()
        };
        assert_eq!((asked(&all, Some("one")), asked(&all, None)), (1, 4));
        // A shard without that partition asks all of its own.
        let own = ident::partition("demo", "one", 4);
        let others = all.states().iter().filter(|state| state.place().0 != own);
        let others = others.map(|state| (state.clone(), 0)).collect();
        assert_eq!(asked(&Partitions::from_parts(others, 0), Some("one")), 3);
    }

    #[test]
    fn who_waits_no_more_is_known_by_that() {
        let query = SessionQuery { tenant: "demo".into(), sid: None, limit: 1 };
        let (answer, answered) = oneshot::channel();
        let asked = Question::Sessions(query, answer);
        assert!(!asked.is_gone());
        drop(answered);
        assert!(asked.is_gone());
    }
}
