//! When the archive is written, and what happens when it cannot be.

use std::sync::Arc;
use std::time::Duration;

use tallylight_store::archive::{History, HistoryError, Step, hour_of};
use tallylight_store::snapshot::Snapshots;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Archive, Next, Written};
use crate::read::Partitions;

/// How often is looked whether there is room in memory again.
const LOOK: Duration = Duration::from_millis(10);

/// A checkpoint that is being written.
#[derive(Debug)]
pub(super) struct Running {
    position: u64,
    log_us: i64,
    with_snapshot: bool,
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

/// A checkpoint does not outlive its archive: the next owner of the tables must find them still.
impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where the archive stands still, and the state there.
#[derive(Debug)]
pub(super) struct Standing {
    position: u64,
    log_us: i64,
    state: Arc<Written>,
}

impl Archive {
    /// Looks after checkpoints, after an entry; `position` is the offset behind it. States are
    /// only taken when rows have just been `emitted`: then rows, tables and snapshot agree.
    pub(crate) async fn turn(
        &mut self,
        position: u64,
        emitted: bool,
        partitions: &Partitions,
    ) -> Next {
        if self.has_ended() && self.reap().await == Next::Rewind {
            return Next::Rewind;
        }
        if !emitted {
            return Next::Read;
        }
        let (status, now) = (self.parts.history.status(), Instant::now());
        if self.running.is_none() {
            // Half of the memory is left for what comes while the checkpoint is written.
            let many = status.hot_rows >= self.settings.checkpoint_rows
                || status.hot_bytes >= self.settings.hot_bytes / 2;
            // After a failure the wait holds, however many rows there are.
            if now >= self.due || (many && !self.failed) {
                self.start(position, partitions, now);
            }
        }
        while self.is_full() {
            if self.running.is_none() && !self.failed {
                // The one before is written, and this came while its snapshot was.
                self.start(position, partitions, Instant::now());
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

    /// Whether there is a checkpoint whose outcome is to be taken.
    fn has_ended(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.task.is_finished())
    }

    /// Whether there is no memory for further rows, and they are taken all the same.
    fn is_full(&self) -> bool {
        self.standing.is_none() && self.parts.history.status().hot_bytes >= self.settings.hot_bytes
    }

    /// Memory is full. A checkpoint under way is waited for as long as it makes room: to give up and
    /// read everything again later would take longer.
    async fn wait_for_room(&self) {
        let taken = || self.parts.history.status().hot_bytes;
        let patience = Duration::from_millis(self.settings.stall_ms);
        let (mut least, mut since) = (taken(), Instant::now());
        while self.running.is_some()
            && !self.has_ended()
            && least >= self.settings.hot_bytes
            && since.elapsed() < patience
        {
            tokio::time::sleep(LOOK).await;
            if taken() < least {
                (least, since) = (taken(), Instant::now());
            }
        }
    }

    fn stand_still(&mut self, position: u64, partitions: &Partitions) {
        if let Some(state) = self.encode(partitions) {
            tracing::error!(
                position,
                "history cannot be written and memory is full: it stands still"
            );
            self.standing = Some(Standing { position, log_us: self.log_us, state });
        }
    }

    /// Begins to write what there is.
    fn start(&mut self, position: u64, partitions: &Partitions, now: Instant) {
        let (position, log_us, state) = match &self.standing {
            Some(at) => (at.position, at.log_us, Some(Arc::clone(&at.state))),
            None if now < self.snapshot_due => (position, self.log_us, None),
            None => match self.encode(partitions) {
                Some(state) => (position, self.log_us, Some(state)),
                None => return,
            },
        };
        let with_snapshot = state.is_some();
        if with_snapshot {
            self.snapshot_due = now + Duration::from_secs(self.settings.snapshot_s);
        }
        // One owner looks after the files of all shards: that of the first.
        let tends = self.parts.history.shard().number() == 0 && now >= self.tend_due;
        let tend = tends.then(|| hour_of(self.log_us));
        if tend.is_some() {
            self.tend_due = now + Duration::from_secs(self.settings.tend_s);
        }
        let (history, snapshots) = (self.parts.history.clone(), self.parts.snapshots.clone());
        let task = tokio::spawn(write(history, snapshots, (position, log_us), state, tend));
        self.running = Some(Running { position, log_us, with_snapshot, task });
    }

    /// Takes the outcome of a checkpoint that has ended.
    async fn reap(&mut self) -> Next {
        let Some(running) = self.running.take() else { return Next::Read };
        let (log_us, with_snapshot) = (running.log_us, running.with_snapshot);
        let (position, outcome) = running.done().await;
        self.failed = outcome.is_err();
        let wait = if self.failed { self.settings.retry_s } else { self.settings.checkpoint_s };
        self.due = Instant::now() + Duration::from_secs(wait);
        match outcome {
            Ok(()) => {
                self.stats.checkpoint_us = log_us;
                if with_snapshot {
                    self.stats.snapshot = position;
                }
                let stood = self.standing.as_ref().is_some_and(|at| at.position == position);
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
    state: Option<Arc<Written>>,
    tend: Option<i64>,
) -> Result<(), HistoryError> {
    history.commit(position).await?;
    history.note_reach(log_us).await?;
    let unavailable = |error: String| HistoryError::Unavailable(error);
    if let Some(state) = state {
        history.pass(Step::Snapshot)?;
        tokio::task::spawn_blocking(move || snapshots.write(position, &state.pieces()))
            .await
            .map_err(|error| unavailable(error.to_string()))?
            .map_err(|error| unavailable(error.to_string()))?;
    }
    if let Some(hour) = tend {
        let tended = history.tend(hour).await?;
        tracing::info!(?tended, "files of history looked after");
    }
    Ok(())
}
