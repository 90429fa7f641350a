//! The parts of the archive.

use std::path::Path;

use tallylight_eventlog::EventLog;
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

    /// History has entries below this offset. By the table that is furthest: after a crash between
    /// two tables they differ.
    pub(crate) fn kept(&self) -> u64 {
        let kept = Table::ALL.map(|table| self.history.transaction(table));
        kept.into_iter().max().unwrap_or(0)
    }
}
