//! The parts of the archive.

use std::path::Path;

use tallylight_eventlog::{EventLog, LogError};
use tallylight_schemas::ident::Shard;
use tallylight_schemas::tables::Table;
use tallylight_store::history::History;
use tallylight_store::snapshot::{SnapshotError, Snapshots};
use tokio::runtime::Handle;

use super::STATE_VERSION;

/// The parts of the archive.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The tables that rows go to.
    pub history: History,
    /// The snapshots that states go to.
    pub snapshots: Snapshots,
    /// The runtime whose threads write; `None`: that of the processor.
    pub writers: Option<Handle>,
}

impl Parts {
    /// History and the snapshots that belong to a log, or to one shard of it, which has its own
    /// and writes its rows to the tables of all. `data` is the folder of everything kept.
    pub fn open(data: &Path, log: &dyn EventLog, history: History) -> Result<Self, SnapshotError> {
        let mut dir = data.join("snapshots");
        if log.shard() != Shard::WHOLE {
            dir.push(log.shard().number().to_string());
        }
        let snapshots = Snapshots::open(dir, log.id(), STATE_VERSION)?;
        Ok(Self { history, snapshots, writers: None })
    }

    /// Refuses a log, by its end, that was emptied and kept its name: its records would be taken
    /// for those that history has already.
    pub(crate) fn refuse_emptied(&self, end: u64) -> Result<(), LogError> {
        // By the table that is furthest: after a crash between two tables they differ.
        let kept = Table::ALL.map(|table| self.history.transaction(table));
        let kept = kept.into_iter().max().unwrap_or(0);
        if kept <= end {
            return Ok(());
        }
        Err(LogError::Invalid(format!(
            "history has the entries below {kept} and the log ends at {end}: it was emptied; move \
             `history` and `snapshots` of the data folder away, or use another log"
        )))
    }
}
