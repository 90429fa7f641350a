//! The loop: read, step, emit, answer; and a tick when nothing else is appended.

mod clocks;
mod gaps;
mod history;
mod rows;
mod show;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tallylight_eventlog::{Batch, Entry, EventLog, LogError};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::ident::each_shard_has_one;
use tallylight_schemas::ipc::IpcError;
use tallylight_schemas::record::EVENTS;
use tallylight_store::history::Ask;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::archive::{self, Archive, Next};
use crate::emit;
use crate::metrics::{Metrics, Stage};
use crate::pure::partition::Tally;
use crate::queries::{ProcessorHandle, ProcessorStats, Question};
use crate::read::Partitions;
use crate::settings::Settings;
use clocks::Clocks;
use gaps::Gaps;
use history::{asked, emptied, is_past_the_end, start_from, tally};

/// What the processor is put together from.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The log it reads and writes.
    pub log: Arc<dyn EventLog>,
    /// Only for showing how far log time is behind; rows never depend on it.
    pub clock: Arc<dyn Clock>,
    /// History and snapshots; without them the log is all there is.
    pub archive: Option<archive::Parts>,
    /// Where it shows its state.
    pub metrics: Metrics,
}

/// Why the processor cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ProcessorError {
    /// The settings are wrong.
    #[error("settings of the processor: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The log does not work.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Rows could not be encoded.
    #[error(transparent)]
    Rows(#[from] IpcError),
}

/// A processor that is ready to run.
#[derive(Debug)]
pub struct Processor {
    settings: Settings,
    parts: Parts,
    partitions: Partitions,
    head: watch::Receiver<u64>,
    position: u64,
    /// Rows up to this offset of the events topic were appended before.
    covered: u64,
    /// End of the events topic at the start: until then everything is of the past.
    start_head: u64,
    entries_read: u64,
    lost_entries: u64,
    /// The missing entries that were counted.
    gaps: Gaps,
    tally: Tally,
    archive: Option<Archive>,
    queries: mpsc::Receiver<Question>,
    stats: watch::Sender<ProcessorStats>,
    handle: ProcessorHandle,
    clocks: Clocks,
}

/// Builds a processor: finds out up to where rows were written and where the events begin.
pub async fn build(settings: Settings, parts: Parts) -> Result<Processor, ProcessorError> {
    settings.validate().map_err(ProcessorError::Settings)?;
    each_shard_has_one(settings.partitions, parts.log.shard().of())
        .map_err(|why| ProcessorError::Settings(vec![why]))?;
    let head = parts.log.head(EVENTS)?;
    let kept = parts.archive.as_ref().map_or(0, archive::Parts::kept);
    if is_past_the_end(parts.log.as_ref(), kept).await? {
        return Err(emptied(kept, *head.borrow()).into());
    }
    let mut covered = emit::covered(parts.log.as_ref()).await?;
    if is_past_the_end(parts.log.as_ref(), covered).await? {
        // Rows of another log, or events were lost: the rows that follow must not be held back.
        tracing::warn!(covered, "rows are ahead of the events; emitting everything anew");
        covered = 0;
    }
    let archive = parts.archive.clone();
    let mut archive = archive.map(|parts| Archive::new(settings.archive.clone(), parts));
    let (position, partitions) =
        start_from(archive.as_mut(), parts.log.as_ref(), &settings, covered)?;
    let (ask, queries) = mpsc::channel(settings.queries);
    let start_head = *head.borrow();
    let (stats, watched) = watch::channel(ProcessorStats {
        position,
        lag_entries: start_head.saturating_sub(position),
        replaying: position < start_head,
        ..ProcessorStats::default()
    });
    let handle = ProcessorHandle { queries: ask, stats: watched };
    Ok(Processor {
        tally: tally(&partitions),
        partitions,
        settings,
        parts,
        head,
        position,
        covered,
        start_head,
        entries_read: 0,
        lost_entries: 0,
        gaps: Gaps::default(),
        archive,
        queries,
        stats,
        handle,
        clocks: Clocks::default(),
    })
}

impl Processor {
    /// A handle for asking it questions.
    pub fn handle(&self) -> ProcessorHandle {
        self.handle.clone()
    }

    /// Works until cancelled, or until the log is closed.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), ProcessorError> {
        let retry = Duration::from_millis(self.settings.retry_ms);
        let mut waited = false;
        while !cancel.is_cancelled() {
            let waited_for = std::mem::take(&mut waited);
            let began = Instant::now();
            let read = self.parts.log.read(EVENTS, self.position, self.settings.read_bytes).await;
            self.parts.metrics.spent(Stage::Reading, began);
            let batch = match read {
                Ok(batch) => batch,
                Err(LogError::Unavailable(why)) => {
                    tracing::warn!(why, "events cannot be read now");
                    self.pause(retry, &cancel).await;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if batch.entries.is_empty() && batch.next == self.position {
                waited = self.wait(&cancel).await?;
            } else {
                if waited_for {
                    self.compare_own_clock(&batch);
                }
                self.take(batch, &cancel).await?;
            }
            self.show();
        }
        if let Some(archive) = self.archive.take() {
            archive.finish(self.position).await;
        }
        Ok(())
    }

    async fn take(
        &mut self,
        batch: Batch,
        cancel: &CancellationToken,
    ) -> Result<(), ProcessorError> {
        for entry in &batch.entries {
            if cancel.is_cancelled() {
                return Ok(());
            }
            self.go_to(entry.offset);
            let emitted = self.step(entry, cancel).await?;
            self.position = entry.offset + 1;
            if self.turn(emitted).await? == Next::Rewind {
                return Ok(());
            }
            self.answer();
            // A step may take milliseconds; let other tasks of this thread run.
            tokio::task::yield_now().await;
        }
        self.go_to(batch.next);
        Ok(())
    }

    async fn step(
        &mut self,
        entry: &Entry,
        cancel: &CancellationToken,
    ) -> Result<bool, ProcessorError> {
        let Self { partitions, parts, .. } = self;
        let outcome = parts.metrics.timed(Stage::Events, || partitions.entry(entry));
        self.entries_read += 1;
        let tally = tally(&self.partitions);
        let before = std::mem::replace(&mut self.tally, tally);
        let emitted = !outcome.rows.topic.progress.is_empty();
        if entry.offset >= self.covered {
            self.parts.metrics.count(&before, &tally);
            self.emit(&outcome.rows.topic, cancel).await?;
        }
        if let Some(archive) = &mut self.archive {
            self.parts.metrics.timed(Stage::History, || archive.take(entry, outcome));
        }
        Ok(emitted)
    }

    /// Nothing to read: waits for an entry, a question or the time of the next tick. Answers
    /// whether an entry came meanwhile.
    async fn wait(&mut self, cancel: &CancellationToken) -> Result<bool, ProcessorError> {
        let mut came = false;
        let tick = Duration::from_millis(self.settings.tick_ms);
        let deadline = tokio::time::Instant::now() + tick;
        while *self.head.borrow_and_update() <= self.position {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(false),
                changed = self.head.changed() => {
                    if changed.is_err() {
                        return Err(LogError::Closed("the log is gone".to_owned()).into());
                    }
                    came = true;
                }
                () = tokio::time::sleep_until(deadline) => {
                    return self.tick(cancel).await.map(|()| false);
                }
                Some(asked) = self.queries.recv() => self.answer_one(asked),
                Some(ask) = asked(&mut self.archive) => self.answer_of_history(ask),
                // Idle: the next step of a copy, after other tasks of this thread have run.
                () = tokio::task::yield_now(), if self.is_looking() => self.go_on_looking(false),
            }
        }
        Ok(came)
    }

    async fn tick(&mut self, cancel: &CancellationToken) -> Result<(), ProcessorError> {
        let log = Arc::clone(&self.parts.log);
        let appended = cancel.run_until_cancelled(log.append(EVENTS, vec![emit::tick()]));
        let Some(appended) = self.meanwhile(appended).await else { return Ok(()) };
        match appended {
            Ok(_) => Ok(()),
            // Two ticks have the same effect as one.
            Err(LogError::Unavailable(why) | LogError::Unsure(why)) => {
                tracing::warn!(why, "no tick: the log is unavailable");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn pause(&mut self, time: Duration, cancel: &CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
        self.answer();
    }

    /// Answers the questions asked by now. One that arrives meanwhile waits for the next entry, so
    /// that a stream of questions cannot hold up events.
    fn answer(&mut self) {
        for _ in 0..self.queries.len() {
            let Ok(asked) = self.queries.try_recv() else { break };
            self.answer_one(asked);
        }
        // No more of these can wait at once.
        for _ in 0..self.settings.archive.views {
            let Some(ask) = self.archive.as_mut().and_then(Archive::ask) else { break };
            self.answer_of_history(ask);
        }
        self.go_on_looking(true);
    }

    fn answer_one(&self, asked: Question) {
        let Self { partitions, parts, .. } = self;
        if !asked.is_gone() {
            parts.metrics.timed(Stage::Questions, || asked.answer(partitions));
        }
    }

    fn answer_of_history(&mut self, ask: Ask) {
        let Self { archive, parts, position, .. } = self;
        let Some(archive) = archive.as_mut().filter(|_| !ask.is_gone()) else { return };
        parts.metrics.timed(Stage::Questions, || archive.answer(ask, *position));
    }
}
