//! The state is serialized some sessions at a time: a large one over some seconds, with events
//! taken in between.

use std::sync::Arc;

use tallylight_schemas::tables::Table;
use tallylight_store::snapshot::Snapshots;
use tokio::time::Instant;

use super::Archive;
use super::state::{Rest, Written};
use crate::read::Partitions;

/// The progress of serializing a state.
#[derive(Debug, Default)]
pub(super) struct Taking {
    /// The part that is written.
    begun: Option<Written>,
    /// The sessions serialized last; the memory is reused.
    last: Arc<Written>,
    /// When to continue.
    due: Option<Instant>,
}

/// A serialized state, as of this offset of the events topic.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) position: u64,
    written: Arc<Written>,
    rest: Arc<Rest>,
}

impl Taken {
    /// Writes it to disk.
    pub(super) fn store(&self, snapshots: &Snapshots) -> Result<(), String> {
        let pieces = self.written.pieces(&self.rest).map_err(|error| error.to_string())?;
        let pieces: Vec<&[u8]> = pieces.iter().map(AsRef::as_ref).collect();
        snapshots.write(self.position, &pieces).map_err(|error| error.to_string())
    }
}

impl Taking {
    /// Whether there is more to be written.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// Begins again, and discards what was begun.
    pub(super) fn begin(&mut self) {
        // A state that is still being stored keeps its memory.
        let mut written = Arc::try_unwrap(std::mem::take(&mut self.last)).unwrap_or_default();
        written.begin();
        self.begun = Some(written);
    }

    /// Discards what was begun.
    pub(super) fn give_up(&mut self) {
        self.begun = None;
    }
}

impl Archive {
    /// Serializes some more of the state, if that was begun and events had their share of time.
    /// Rows have just been `emitted` or not.
    pub(super) fn go_on_taking(
        &mut self,
        position: u64,
        emitted: bool,
        partitions: &mut Partitions,
    ) {
        if !self.taking.has_begun() {
            return;
        }
        let began = Instant::now();
        if self.taking.due.is_none_or(|due| due <= began) {
            let sessions = self.settings.snapshot_sessions;
            self.taken = self.take_on(position, emitted, partitions, sessions);
            let pause = began.elapsed() * self.settings.snapshot_pause;
            self.taking.due = Some(Instant::now() + pause);
        } else if emitted {
            // Nothing more is written; but a complete copy is taken.
            self.taken = self.take_on(position, emitted, partitions, 0);
        }
    }

    /// Serializes this many more sessions. Answers the state once all are written and rows have
    /// just been `emitted`.
    pub(super) fn take_on(
        &mut self,
        position: u64,
        emitted: bool,
        partitions: &mut Partitions,
        sessions: usize,
    ) -> Option<Taken> {
        let mut written = self.taking.begun.take()?;
        let done = written.go_on(partitions, position, sessions).and_then(|all| {
            let tables = || Table::ALL.map(|table| self.parts.history.transaction(table));
            let ends = all && emitted;
            ends.then(|| written.end(partitions, &self.settle, &tables())).transpose()
        });
        match done {
            Ok(None) => {
                self.taking.begun = Some(written);
                None
            }
            Ok(Some(rest)) => {
                let written = Arc::new(written);
                self.taking.last = Arc::clone(&written);
                Some(Taken { position, written, rest: Arc::new(rest) })
            }
            Err(error) => {
                tracing::error!(%error, "the state cannot be written down");
                None
            }
        }
    }
}
