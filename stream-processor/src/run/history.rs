//! What the loop does for history, and for readers of history.

use std::time::Instant;

use tallylight_eventlog::{EventLog, LogError};
use tallylight_schemas::record::EVENTS;
use tallylight_store::history::Ask;

use super::{Processor, ProcessorError};
use crate::archive::{Archive, Next};
use crate::metrics::Stage;
use crate::pure::partition::Tally;
use crate::read::Partitions;
use crate::settings::Settings;

impl Processor {
    /// Continues at `next`. The entries between are gone from the log. They are noted at this point
    /// and not before: a processor that starts from an earlier snapshot finds the gap again.
    pub(super) fn go_to(&mut self, next: u64) {
        let from = self.position;
        if next <= from {
            return;
        }
        self.position = next;
        self.partitions.lose(next - from);
        for new in self.gaps.add(from..next) {
            let entries = new.end - new.start;
            self.lost_entries += entries;
            if let Some(archive) = &mut self.archive {
                archive.lose(new.start, entries);
            }
        }
    }

    /// Gives the archive its turn; it may ask for everything since a snapshot again. Rows that were
    /// appended already are held back then, as after a restart.
    pub(super) async fn turn(&mut self, emitted: bool) -> Result<Next, ProcessorError> {
        let Some(archive) = &mut self.archive else { return Ok(Next::Read) };
        let began = Instant::now();
        let next = archive.turn(self.position, emitted, &mut self.partitions).await;
        if next == Next::Rewind {
            self.covered = self.covered.max(self.position);
            let log = self.parts.log.as_ref();
            (self.position, self.partitions) =
                start_from(Some(archive), log, &self.settings, self.covered)?;
            self.tally = tally(&self.partitions);
        }
        self.parts.metrics.spent(Stage::History, began);
        Ok(next)
    }

    pub(super) fn is_looking(&self) -> bool {
        self.archive.as_ref().is_some_and(Archive::is_looking)
    }

    /// Copies some more sessions for the readers waiting for them. When events wait, they get their
    /// share of time first.
    pub(super) fn go_on_looking(&mut self, events_wait: bool) {
        let Self { archive, parts, partitions, position, .. } = self;
        if let Some(archive) = archive.as_mut().filter(|archive| archive.is_looking()) {
            parts.metrics.timed(Stage::Questions, || {
                archive.go_on_looking(partitions, *position, events_wait)
            });
        }
    }
}

/// Where to read from, and the state as of there: of a snapshot, or empty and the log's start.
pub(super) fn start_from(
    mut archive: Option<&mut Archive>,
    log: &dyn EventLog,
    settings: &Settings,
    covered: u64,
) -> Result<(u64, Partitions), LogError> {
    let Settings { partitions, limits, .. } = settings;
    let shard = log.shard();
    let restored = archive
        .as_deref_mut()
        .and_then(|archive| archive.restore((shard, *partitions), limits, covered));
    if let Some(restored) = restored {
        return Ok((restored.position, restored.partitions));
    }
    let from = log.usage(EVENTS)?.earliest;
    if let Some(archive) = archive {
        archive.lose_before(from);
    }
    Ok((from, Partitions::of(shard, *partitions, limits)))
}

/// Whether the events end before this offset. The end known here may be old by now: a former owner
/// that has not noticed yet writes what came later.
pub(super) async fn is_past_the_end(log: &dyn EventLog, offset: u64) -> Result<bool, LogError> {
    if offset <= *log.head(EVENTS)?.borrow() {
        return Ok(false);
    }
    match log.read(EVENTS, offset, 1).await {
        Ok(_) => Ok(false),
        Err(LogError::Invalid(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// A log that was emptied and kept its name: its records would be taken for those that history has.
pub(super) fn emptied(kept: u64, end: u64) -> LogError {
    LogError::Invalid(format!(
        "history has the entries below {kept} and the log ends at {end}: it was emptied; move \
         `history` and `snapshots` of the data folder away, or use another log"
    ))
}

/// The next question about history; none without history, or while the most that may are waiting.
pub(super) async fn asked(archive: &mut Option<Archive>) -> Option<Ask> {
    match archive {
        Some(archive) if archive.has_room() => archive.asked().await,
        _ => std::future::pending().await,
    }
}

pub(super) fn tally(partitions: &Partitions) -> Tally {
    partitions.states().iter().fold(Tally::default(), |mut sum, state| {
        sum.add(&state.tally());
        sum
    })
}
