//! The archive (ADR 8) writes the fate of every record to history, and the state into snapshots:
//! first the tables, then a snapshot that is not ahead of them, unless there is a recent one. After
//! a crash the newest snapshot is read, then the log from there on, and rows that a table has
//! already are dropped.
//!
//! A task of its own writes. While history cannot be written, rows wait in memory up to a limit;
//! beyond that the archive is stalled at an offset. Once history can be written again, the
//! processor goes back to the snapshot of that offset and reads from there.

mod checkpoint;
mod looks;
mod parts;
mod restore;
mod rows;
mod settings;
mod state;
mod taking;

use std::time::Duration;

use tallylight_eventlog::Entry;
use tallylight_schemas::dead::DeadLetter;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{Ask, HistoryError, hour_of};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

pub use parts::Parts;
pub use settings::Settings;
pub use state::{Rest, STATE_VERSION, State, Written};

use crate::pure::settle::Settle;
use crate::read::Outcome;
use checkpoint::{Running, Standing};
use looks::Looks;
use taking::{Taken, Taking};

/// The archive's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArchiveStats {
    /// Everything before this offset of the events topic is in the tables.
    pub committed: u64,
    /// Position of the newest snapshot written since the start, or started from.
    pub snapshot: u64,
    /// Rows that wait in memory.
    pub hot_rows: u64,
    /// Bytes of the tables' files.
    pub bytes: u64,
    /// Commits and snapshots that failed since the start.
    pub failures: u64,
    /// The archive is stalled, since history cannot be written.
    pub standing: bool,
    /// Entries read that only the log has: they are archived once history can be written again.
    pub waiting_entries: u64,
    /// Entries that the log removed before they were in history.
    pub lost_entries: u64,
    /// Entries that the log removed while they are only in memory, not in a table yet.
    pub exposed_entries: u64,
    /// Rows that the caps removed since the start.
    pub expired_rows: u64,
    /// Log time of the newest checkpoint written since the start, Unix µs: everything read before
    /// it is in the tables.
    pub checkpoint_us: i64,
}

/// What the processor must do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Continue.
    Read,
    /// Go back to the newest snapshot.
    Rewind,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Archive {
    settings: Settings,
    parts: Parts,
    settle: Settle,
    views: mpsc::Receiver<Ask>,
    looks: Looks,
    /// When rows were last emitted.
    emitted_at: Instant,
    /// When the next checkpoint is due.
    due: Instant,
    /// When a checkpoint is to have a snapshot again.
    snapshot_due: Instant,
    tend_due: Instant,
    tending: Option<AbortOnDropHandle<()>>,
    running: Option<Running>,
    standing: Option<Standing>,
    /// The last checkpoint failed.
    failed: bool,
    log_us: i64,
    taking: Taking,
    /// A state that waits for the next checkpoint.
    taken: Option<Taken>,
    /// The results of entries below this offset are in the state already, although some partitions
    /// still read them.
    known: u64,
    /// The entries below this offset were read before, by this owner or another. Once they are read
    /// again, a snapshot is due: owners may change more often than one is due by time.
    read_before: u64,
    stats: ArchiveStats,
}

impl Archive {
    pub(crate) fn new(settings: Settings, parts: Parts) -> Self {
        let (ask, views) = mpsc::channel(settings.views);
        parts.history.serve(ask);
        let now = Instant::now();
        Self {
            emitted_at: now,
            due: now + Duration::from_secs(settings.checkpoint_s),
            snapshot_due: now + Duration::from_secs(settings.snapshot_s),
            tend_due: now + Duration::from_secs(settings.tend_s),
            settings,
            parts,
            settle: Settle::default(),
            views,
            looks: Looks::default(),
            tending: None,
            running: None,
            standing: None,
            failed: false,
            log_us: 0,
            taking: Taking::default(),
            taken: None,
            known: 0,
            read_before: 0,
            stats: ArchiveStats::default(),
        }
    }

    /// Takes the results of an entry.
    pub(crate) fn take(&mut self, entry: &Entry, outcome: Outcome) {
        self.log_us = self.log_us.max(entry.appended_at_us);
        if entry.offset < self.known {
            return;
        }
        let Outcome { mut rows, players, deliveries, infra, mut dead } = outcome;
        dead.iter_mut().for_each(|letter| self.address(letter));
        let stands = self.standing.is_some();
        if let Some(standing) = &mut self.standing {
            standing.lack(&rows.over.spans);
        }
        let (history, hour) = (self.parts.history.clone(), hour_of(self.log_us));
        let batches = rows::of_events(players, deliveries, infra, &dead)
            .chain(rows::of_rows(&mut rows))
            .chain(rows::of_settled(self.settle.take(rows.topic)));
        for (table, batch) in batches {
            match batch {
                Ok(batch) if !stands => {
                    history.add(table, entry.offset, hour, batch);
                }
                Ok(_) => {}
                Err(error) => {
                    self.stats.failures += 1;
                    tracing::error!(table = table.name(), %error, "rows for history passed over");
                }
            }
        }
        self.stats.waiting_entries += u64::from(stands);
    }

    /// Adds to a dead letter its tenant and shard, as far as the entry did not name them.
    fn address(&self, letter: &mut DeadLetter) {
        if letter.tenant.is_empty() {
            letter.tenant.clone_from(&self.settings.dead_letters_to);
        }
        letter.shard = Some(i32::from(self.parts.history.shard().number()));
    }

    /// Counts entries, from `from` on, that the log does not have any more.
    pub(crate) fn lose(&mut self, from: u64, entries: u64) {
        let archived = self.parts.history.status().committed;
        let lost = entries.saturating_sub(archived.saturating_sub(from));
        if lost > 0 {
            self.stats.lost_entries += lost;
            tracing::error!(from, lost, "the log gave up entries that history does not have");
        }
    }

    /// Counts the entries before `earliest` that history lacks, when the log is read from its
    /// start.
    pub(crate) fn lose_before(&mut self, earliest: u64) {
        let committed = self.parts.history.status().committed;
        // A new history beside an old log lacks nothing that it should have.
        if committed > 0 {
            self.lose(committed, earliest.saturating_sub(committed));
        }
    }

    /// Waits for the next request for a view.
    pub(crate) async fn asked(&mut self) -> Option<Ask> {
        self.views.recv().await
    }

    /// Whether one more request may wait.
    pub(crate) fn has_room(&self) -> bool {
        self.looks.waiting() < self.settings.views
    }

    /// The next request for a view, if there is one and another may wait.
    pub(crate) fn ask(&mut self) -> Option<Ask> {
        self.has_room().then(|| self.views.try_recv().ok()).flatten()
    }

    /// Answers with the table's rows in the state, which is at `position`; with those of sessions
    /// [later](Self::go_on_looking).
    pub(crate) fn answer(&mut self, ask: Ask, position: u64) {
        let table = ask.table();
        if matches!(table, Table::Sessions | Table::SessionSpans) {
            self.looks.wait(ask);
        } else if self.is_behind(table, position) {
            ask.answer(None);
        } else {
            ask.answer(rows::not_settled(table, &self.settle, self.final_up_to()));
        }
    }

    /// Nothing before this changes in views any more, Unix µs: while the archive is stalled, they
    /// lack what has ended since.
    fn final_up_to(&self) -> i64 {
        let settled = self.settle.final_up_to();
        self.standing.as_ref().map_or(settled, |standing| standing.final_up_to.min(settled))
    }

    /// Begins a task that writes.
    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        match &self.parts.writers {
            Some(writers) => writers.spawn(work),
            None => tokio::spawn(work),
        }
    }

    /// Whether the files are ahead of the state at `position`, which is being rebuilt: its rows are
    /// in the files already, and newer ones.
    fn is_behind(&self, table: Table, position: u64) -> bool {
        position < self.parts.history.transaction(table)
    }

    /// Its state, with the log beginning at `earliest`.
    pub(crate) fn stats(&self, earliest: u64) -> ArchiveStats {
        let status = self.parts.history.status();
        ArchiveStats {
            committed: status.committed,
            hot_rows: status.hot_rows,
            bytes: status.bytes,
            failures: self.stats.failures + status.failures,
            standing: self.standing.is_some(),
            exposed_entries: earliest.saturating_sub(status.committed),
            expired_rows: status.expired_rows,
            ..self.stats
        }
    }

    /// Writes the rest when the processor ends normally. The newest snapshot stays behind the
    /// tables.
    pub(crate) async fn finish(mut self, position: u64) {
        let patience = Duration::from_secs(self.settings.finish_s);
        let last = async {
            if let Some(running) = self.running.take()
                && let (_, Err(moved @ HistoryError::Moved(_))) = running.done().await
            {
                // After any other failure the commit below may succeed, or it reports why not.
                return Err(moved);
            }
            if self.standing.is_none() {
                self.parts.history.commit(position).await?;
                self.parts.history.note_reach(self.log_us, position).await?;
            }
            Ok::<_, HistoryError>(())
        };
        match tokio::time::timeout(patience, last).await {
            Ok(Ok(())) => tracing::info!(position, "history is written"),
            Ok(Err(error)) => tracing::warn!(%error, "the end of history comes at the next start"),
            Err(_) => tracing::warn!("no time to write history; it comes at the next start"),
        }
    }
}
