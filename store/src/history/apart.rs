//! A history whose writers are other processes. Rows that are in no file yet are requested from
//! each shard's writer; they match the files when the transactions in the files are those at which
//! the answers begin.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use tallylight_schemas::tables::Table;
use tokio::time::sleep;

use super::folder::Folder;
use super::hot::unwritten;
use super::view::{Taken, View};
use super::{History, HistoryError};

/// Files and answers are read at different moments. When a commit falls in between, both are read
/// again.
pub(super) const TRIES: usize = 10;
/// Wait before the next try: a writer soon learns of a commit of its own.
pub(super) const AGAIN: Duration = Duration::from_millis(20);

/// Rows of a table that are in no file, as reported by one shard's writer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unwritten {
    /// The name of that shard's transactions in the table.
    pub app: String,
    /// The transaction that these rows follow.
    pub files_to: u64,
    /// Rows before this time, Unix µs, are final in the state they come from; `None` without a
    /// state.
    pub final_up_to: Option<i64>,
    /// The rows, with the columns of the table.
    pub rows: Vec<RecordBatch>,
}

/// The writers of all shards of a history.
#[async_trait]
pub trait Writers: Debug + Send + Sync {
    /// The unwritten rows of each writer; an error if one is missing.
    async fn unwritten(&self, table: Table) -> Result<Vec<Unwritten>, String>;
}

impl History {
    /// Requests unwritten rows from these writers. Call it before the history is cloned.
    #[must_use]
    pub fn beside(mut self, writers: Arc<dyn Writers>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.writers = Some(writers);
        }
        self
    }

    /// For a log whose shards change owners, even if there is only one shard: an owner that stalled
    /// sees what its successor wrote and does not take the successor's files for orphans.
    #[must_use]
    pub fn of_changing_owners(self) -> Self {
        self.shared.tables.lock().iter_mut().for_each(|state| state.folder.alone = false);
        self
    }

    /// Rows of a table that are in no file of this shard, for a process that only reads the files.
    pub async fn unwritten(&self, table: Table) -> Result<Unwritten, HistoryError> {
        let Taken { folder, hot, provisional } = self.taken(table).await?;
        let files_to = folder.transaction;
        let final_up_to = provisional.as_ref().map(|copied| copied.final_up_to);
        let log_id = self.shared.log_id.clone();
        let wide = move || unwritten(&hot, files_to, table, &log_id);
        let wide = tokio::task::spawn_blocking(wide).await;
        let mut rows = wide.map_err(|error| HistoryError::Unavailable(error.to_string()))??;
        rows.extend(self.batches_of(table, provisional).await?);
        Ok(Unwritten { app: folder.app, files_to, final_up_to, rows })
    }

    /// A view whose in-memory rows come from other processes. While one of them does not answer,
    /// the view consists of files alone: a query about last week need not wait for it.
    pub(super) async fn view_beside(
        &self,
        writers: &dyn Writers,
        table: Table,
    ) -> Result<View, HistoryError> {
        let mut why = String::new();
        for _ in 0..TRIES {
            let reported = match writers.unwritten(table).await {
                Ok(reported) => reported,
                Err(silent) => {
                    why = silent;
                    break;
                }
            };
            let folder = self.folder(table).newest().await?;
            // The next view starts from this state, not from the one at the start of this process.
            self.put_back(folder.clone());
            if let Some(other) = folder.differs_from(&reported).await? {
                why = other;
                sleep(AGAIN).await;
                continue;
            }
            let final_up_to = reported.iter().map(|one| one.final_up_to).min().flatten();
            self.shared.tables.lock()[table as usize].final_up_to = final_up_to;
            let hot = reported.into_iter().flat_map(|one| one.rows);
            let hot = hot.filter(|rows| rows.num_rows() > 0).collect();
            return Ok(View { delta: folder.provider().await?, hot, files_alone: false });
        }
        tracing::warn!(table = table.name(), why, "a view consists of files alone");
        self.shared.tables.lock()[table as usize].final_up_to = None;
        let folder = self.folder(table).newest().await?;
        Ok(View { delta: folder.provider().await?, hot: Vec::new(), files_alone: true })
    }
}

impl Folder {
    /// What is wrong if the files do not end where all of these begin.
    async fn differs_from(&self, reported: &[Unwritten]) -> Result<Option<String>, HistoryError> {
        for Unwritten { app, files_to, .. } in reported {
            let stored = self.stored(app).await?.unwrap_or(0);
            if stored != *files_to {
                let why = format!("files are at {stored} of {app}, its writer at {files_to}");
                return Ok(Some(why));
            }
        }
        Ok(None)
    }
}
