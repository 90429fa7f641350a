//! A history whose writers are other processes: what no file has yet is asked of them, shard by
//! shard, and fits the files when their transactions are those that the answers begin at.

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
use super::{History, HistoryError, lock};

/// Files and answers are of two moments. When a commit falls in between, both are asked for again.
pub(super) const TRIES: usize = 10;
/// A commit that its writer does not know of yet is known to it soon.
pub(super) const AGAIN: Duration = Duration::from_millis(20);

/// What no file has of a table, by one shard's writer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unwritten {
    /// How the table names that shard's transactions.
    pub app: String,
    /// The transaction that these rows follow.
    pub files_to: u64,
    /// Up to where rows are final by the state that they are of, Unix µs; `None` where it has none.
    pub final_up_to: Option<i64>,
    /// The rows, as the table has them.
    pub rows: Vec<RecordBatch>,
}

/// The writers of a history, all of its shards.
#[async_trait]
pub trait Writers: Debug + Send + Sync {
    /// What each has of the table; an error where one is missing.
    async fn unwritten(&self, table: Table) -> Result<Vec<Unwritten>, String>;
}

impl History {
    /// Asks these for what is in no file yet. Said once, before there are clones.
    #[must_use]
    pub fn beside(mut self, writers: Arc<dyn Writers>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.writers = Some(writers);
        }
        self
    }

    /// For a log whose shards change owners, also where there is only one: an owner who stood still
    /// sees what the next one wrote, and takes none of its files for one that nobody needs.
    #[must_use]
    pub fn of_changing_owners(self) -> Self {
        lock(&self.shared.places).iter_mut().for_each(|place| place.folder.alone = false);
        self
    }

    /// What no file of this shard has of a table, for who reads the files in another process.
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

    /// A view whose rows in memory are those of other processes; of files alone while one of them
    /// does not answer: whoever asks about last week need not wait for it.
    pub(super) async fn view_beside(
        &self,
        writers: &dyn Writers,
        table: Table,
    ) -> Result<View, HistoryError> {
        let mut why = String::new();
        for _ in 0..TRIES {
            let told = match writers.unwritten(table).await {
                Ok(told) => told,
                Err(silent) => {
                    why = silent;
                    break;
                }
            };
            let folder = self.folder(table).newest().await?;
            // The next view begins where this one is, not at the start of this process.
            self.put_back(folder.clone());
            if let Some(other) = folder.differs_from(&told).await? {
                why = other;
                sleep(AGAIN).await;
                continue;
            }
            let final_up_to = told.iter().map(|one| one.final_up_to).min().flatten();
            lock(&self.shared.places)[table as usize].final_up_to = final_up_to;
            let hot = told.into_iter().flat_map(|one| one.rows);
            let hot = hot.filter(|rows| rows.num_rows() > 0).collect();
            return Ok(View { delta: folder.provider().await?, hot, files_alone: false });
        }
        tracing::warn!(table = table.name(), why, "a view of files alone");
        lock(&self.shared.places)[table as usize].final_up_to = None;
        let folder = self.folder(table).newest().await?;
        Ok(View { delta: folder.provider().await?, hot: Vec::new(), files_alone: true })
    }
}

impl Folder {
    /// What is wrong if its files do not end where all of these begin.
    async fn differs_from(&self, told: &[Unwritten]) -> Result<Option<String>, HistoryError> {
        for Unwritten { app, files_to, .. } in told {
            let stored = self.stored(app).await?.unwrap_or(0);
            if stored != *files_to {
                let why = format!("files are at {stored} of {app}, its writer at {files_to}");
                return Ok(Some(why));
            }
        }
        Ok(None)
    }
}
