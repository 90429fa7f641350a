//! What the archive is put together from.

use std::path::Path;

use tallylight_eventlog::{EventLog, LogError};
use tallylight_schemas::ident::Shard;
use tallylight_schemas::tables::Table;
use tallylight_store::archive::History;
use tallylight_store::snapshot::{SnapshotError, Snapshots};
use tokio::runtime::Handle;

use super::STATE_VERSION;

/// What the archive is put together from.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where rows go.
    pub history: History,
    /// Where states go.
    pub snapshots: Snapshots,
    /// Whose threads write; none: those of who runs the processor.
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

    /// Refuses a log, with its end, that was emptied and kept its name: its records would be
    /// taken for those that history has already.
    pub(crate) fn refuse_emptied(&self, end: u64) -> Result<(), LogError> {
        // By the table that is furthest: after a crash between two of them not all are.
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
