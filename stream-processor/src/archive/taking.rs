//! The state is written down while events wait, some partitions at a time: a large one over a few
//! seconds, with events in between.

use std::sync::Arc;

use tallylight_schemas::tables::Table;

use super::Archive;
use super::state::Written;
use crate::read::Partitions;

/// How far writing a state down is.
#[derive(Debug, Default)]
pub(super) struct Taking {
    /// The state as it was written down last; its memory is used again.
    written: Arc<Written>,
    begun: bool,
}

/// A state that was written down, as of this offset of the events topic.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) position: u64,
    pub(super) state: Arc<Written>,
}

impl Taking {
    /// Whether some partitions are written and others are not.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Begins anew. What was begun is forgotten.
    pub(super) fn begin(&mut self) {
        if Arc::get_mut(&mut self.written).is_none() {
            // The one before is still on its way to the disk.
            self.written = Arc::default();
        }
        if let Some(written) = Arc::get_mut(&mut self.written) {
            written.begin();
            self.begun = true;
        }
    }

    /// Forgets what was begun.
    pub(super) fn give_up(&mut self) {
        self.begun = false;
    }
}

impl Archive {
    /// Writes the next partitions down, with so many open sessions or one partition more. Gives the
    /// state once all are written.
    pub(super) fn take_on(
        &mut self,
        position: u64,
        partitions: &Partitions,
        sessions: usize,
    ) -> Option<Taken> {
        let tables = Table::ALL.map(|table| self.parts.history.transaction(table));
        // Nobody else has it while it is begun.
        let written = Arc::get_mut(&mut self.taking.written)?;
        let done = written.next(partitions, position, sessions).and_then(|all| {
            if all {
                written.end(partitions, &self.settle, &tables)?;
            }
            Ok(all)
        });
        match done {
            Ok(false) => None,
            Ok(true) => {
                self.taking.begun = false;
                Some(Taken { position, state: Arc::clone(&self.taking.written) })
            }
            Err(error) => {
                self.taking.begun = false;
                tracing::error!(%error, "the state cannot be written down");
                None
            }
        }
    }
}
