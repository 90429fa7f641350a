//! When the archive is written, and what happens if that fails.

use std::time::Duration;

use tallylight_schemas::session::SpanRow;
use tallylight_store::history::{History, HistoryError, Step, hour_of};
use tallylight_store::snapshot::Snapshots;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::taking::Taken;
use super::{Archive, Next};
use crate::read::Partitions;

/// Log time is frozen if nothing was emitted for this long: otherwise rows are emitted each second.
const STANDS: Duration = Duration::from_secs(10);

/// How often to check whether there is room in memory again.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A checkpoint that is being written.
#[derive(Debug)]
pub(super) struct Running {
    position: u64,
    log_us: i64,
    /// Position of the snapshot that it writes.
    snapshot: Option<u64>,
    task: JoinHandle<Result<(), HistoryError>>,
}

impl Running {
    /// Waits for it.
    pub(super) async fn done(mut self) -> (u64, Result<(), HistoryError>) {
        let outcome = (&mut self.task).await.unwrap_or_else(|error| {
            Err(HistoryError::Unavailable(format!("the checkpoint was given up: {error}")))
        });
        (self.position, outcome)
    }
}

/// A checkpoint does not outlive its archive: the next owner of the tables must find them at rest.
impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where the archive is stalled, and the state there.
#[derive(Debug)]
pub(super) struct Standing {
    at: Taken,
    log_us: i64,
    /// Everything before this, Unix µs, is final and in history, its memory or the state.
    pub(super) final_up_to: i64,
}

impl Standing {
    /// These spans are over, and in none of them until they are read again.
    pub(super) fn lack(&mut self, spans: &[SpanRow]) {
        let begins = spans.iter().map(|span| span.from);
        self.final_up_to = begins.fold(self.final_up_to, i64::min);
    }
}

impl Archive {
    /// Handles checkpoints after an entry; `position` is the offset behind it. A copy of the state
    /// is completed only when rows have just been `emitted`: then rows, tables and snapshot agree.
    /// Tables are written then, too. But while log time is frozen, perhaps for hours after a clock
    /// was ahead, nothing is emitted and rows still arrive: then, or when memory is full, tables
    /// are written at once.
    pub(crate) async fn turn(
        &mut self,
        position: u64,
        emitted: bool,
        partitions: &mut Partitions,
    ) -> Next {
        if self.has_ended() && self.reap().await == Next::Rewind {
            return Next::Rewind;
        }
        if position < self.known {
            return Next::Read;
        }
        let now = Instant::now();
        let caught_up = self.known < self.read_before && self.read_before <= position;
        if caught_up && self.running.is_none() && !self.failed {
            self.read_before = 0;
            (self.due, self.snapshot_due) = (now, now);
        }
        if emitted {
            self.emitted_at = now;
        }
        let stands = now >= self.emitted_at + STANDS;
        if !(emitted || stands || self.is_full()) {
            self.go_on_taking(position, emitted, partitions);
            return Next::Read;
        }
        // After a failure the wait applies, however many rows there are.
        let many = self.has_many() && !self.failed;
        let wanted = self.running.is_none() && (now >= self.due || many);
        // A copy that takes longer than the interval is still completed.
        let taking = self.taking.has_begun() || self.taken.is_some();
        let idle = self.standing.is_none() && !taking;
        // A copy begins where one can be completed: then all of a small one is as of one moment.
        if wanted && idle && emitted && now >= self.snapshot_due {
            self.snapshot_due = now + Duration::from_secs(self.settings.snapshot_s);
            self.taking.begin();
        }
        self.go_on_taking(position, emitted, partitions);
        let whole = self.running.is_none() && self.taken.is_some() && !self.failed;
        if wanted || whole {
            self.start(position, now);
        }
        self.keep_bound(position, partitions).await
    }

    /// While memory is full, waits as long as that frees some; then the archive is stalled here.
    async fn keep_bound(&mut self, position: u64, partitions: &mut Partitions) -> Next {
        while self.is_full() {
            if self.running.is_none() && !self.failed {
                // The previous one is written, and these rows came while its snapshot was.
                self.start(position, Instant::now());
            }
            self.wait_for_room().await;
            if !self.has_ended() {
                break;
            }
            if self.reap().await == Next::Rewind {
                return Next::Rewind;
            }
        }
        if self.is_full() {
            self.stand_still(position, partitions);
        }
        Next::Read
    }

    /// Whether so much is waiting that a checkpoint is made early.
    fn has_many(&self) -> bool {
        let status = self.parts.history.status();
        // Half of the memory is left for rows that arrive while the checkpoint is written.
        status.hot_rows >= self.settings.checkpoint_rows
            || status.hot_bytes >= self.settings.hot_bytes / 2
    }

    /// Whether there is a checkpoint whose outcome is to be taken.
    fn has_ended(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.task.is_finished())
    }

    /// Whether the memory for waiting rows is full, and the archive not stalled yet.
    fn is_full(&self) -> bool {
        self.standing.is_none() && self.parts.history.status().hot_bytes >= self.settings.hot_bytes
    }

    /// Waits for a checkpoint under way as long as it frees memory: giving up and reading
    /// everything again later would take longer.
    async fn wait_for_room(&self) {
        let taken = || self.parts.history.status().hot_bytes;
        let patience = Duration::from_millis(self.settings.stall_ms);
        let (mut least, mut since) = (taken(), Instant::now());
        while self.running.is_some()
            && !self.has_ended()
            && least >= self.settings.hot_bytes
            && since.elapsed() < patience
        {
            tokio::time::sleep(POLL_INTERVAL).await;
            if taken() < least {
                (least, since) = (taken(), Instant::now());
            }
        }
    }

    /// Stalls the archive, also between two emissions: this process can go back to a snapshot of
    /// then, as rows up to here are appended. After a restart before the next emission an older one
    /// is used.
    fn stand_still(&mut self, position: u64, partitions: &mut Partitions) {
        self.taking.begin();
        if let Some(at) = self.take_on(position, true, partitions, usize::MAX) {
            tracing::error!(
                position,
                "history cannot be written and memory is full: it stands still"
            );
            self.taken = None;
            let final_up_to = self.settle.final_up_to();
            self.standing = Some(Standing { at, log_us: self.log_us, final_up_to });
        }
    }

    /// Begins to write the waiting rows, and the state if a copy is complete.
    fn start(&mut self, position: u64, now: Instant) {
        let taken = self.taken.take();
        let (position, log_us, state) = match &self.standing {
            Some(stood) => (stood.at.position, stood.log_us, Some(stood.at.clone())),
            None => (position, self.log_us, taken),
        };
        let (history, snapshots) = (self.parts.history.clone(), self.parts.snapshots.clone());
        let snapshot = state.as_ref().map(|taken| taken.position);
        let task = self.spawn(write(history, snapshots, (position, log_us), state));
        self.running = Some(Running { position, log_us, snapshot, task });
        self.tend(now);
    }

    /// Begins upkeep of the files when it is due, beside the checkpoints.
    fn tend(&mut self, now: Instant) {
        let idle = self.tending.as_ref().is_none_or(AbortOnDropHandle::is_finished);
        // The owner of the first shard does it for all shards.
        if !idle || self.parts.history.shard().number() != 0 || now < self.tend_due {
            return;
        }
        self.tend_due = now + Duration::from_secs(self.settings.tend_s);
        let (history, hour) = (self.parts.history.clone(), hour_of(self.log_us));
        self.tending = Some(AbortOnDropHandle::new(self.spawn(async move {
            match history.tend(hour).await {
                Ok(tended) => tracing::info!(?tended, "files of history looked after"),
                Err(error) => tracing::error!(%error, "files of history cannot be looked after"),
            }
        })));
    }

    /// Takes the outcome of a checkpoint that has ended.
    async fn reap(&mut self) -> Next {
        let Some(running) = self.running.take() else { return Next::Read };
        let (log_us, snapshot) = (running.log_us, running.snapshot);
        let (position, outcome) = running.done().await;
        self.failed = outcome.is_err();
        let wait = if self.failed { self.settings.retry_s } else { self.settings.checkpoint_s };
        self.due = Instant::now() + Duration::from_secs(wait);
        match outcome {
            Ok(()) => {
                self.stats.checkpoint_us = log_us;
                self.stats.snapshot = snapshot.unwrap_or(self.stats.snapshot);
                let stood = self.standing.as_ref();
                let stood = stood.is_some_and(|stood| stood.at.position == position);
                if stood {
                    tracing::info!(position, "history can be written again; going back to fill it");
                    return Next::Rewind;
                }
            }
            Err(HistoryError::Moved(why)) => {
                self.stats.failures += 1;
                tracing::error!(why, "the tables moved; reading from a snapshot again");
                return Next::Rewind;
            }
            Err(error) => {
                self.stats.failures += 1;
                tracing::error!(%error, position, "history cannot be written now");
            }
        }
        Next::Read
    }
}

async fn write(
    history: History,
    snapshots: Snapshots,
    (position, log_us): (u64, i64),
    taken: Option<Taken>,
) -> Result<(), HistoryError> {
    history.commit(position).await?;
    history.note_reach(log_us, position).await?;
    let unavailable = |error: String| HistoryError::Unavailable(error);
    if let Some(taken) = taken {
        history.pass(Step::Snapshot)?;
        tokio::task::spawn_blocking(move || taken.store(&snapshots))
            .await
            .map_err(|error| unavailable(error.to_string()))?
            .map_err(unavailable)?;
    }
    Ok(())
}
