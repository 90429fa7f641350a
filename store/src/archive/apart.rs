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
use super::view::{Taken, View};
use super::{History, HistoryError, lock};

/// Files and answers are of two moments. When a commit falls in between, both are asked for again.
const TRIES: usize = 10;
/// A commit that its writer does not know of yet is known to it soon.
const AGAIN: Duration = Duration::from_millis(20);

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
    /// Asks these for what is in no file yet.
    #[must_use]
    pub fn beside(mut self, writers: Arc<dyn Writers>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.writers = Some(writers);
        }
        self
    }

    /// What no file of this shard has of a table, for who reads the files in another process.
    pub async fn unwritten(&self, table: Table) -> Result<Unwritten, HistoryError> {
        let Taken { folder, hot, provisional } = self.taken(table).await?;
        let final_up_to = provisional.as_ref().map(|copied| copied.final_up_to);
        let mut rows = Vec::with_capacity(hot.len() + 1);
        for one in &hot {
            rows.push(one.wide(table, &self.shared.log_id)?);
        }
        rows.extend(self.batch_of(table, provisional).await?);
        Ok(Unwritten { app: folder.app, files_to: folder.transaction, final_up_to, rows })
    }

    /// A view whose rows in memory are those of other processes; of files alone while one of them
    /// does not answer: whoever asks about last week need not wait for it.
    pub(super) async fn view_beside(
        &self,
        writers: &dyn Writers,
        table: Table,
    ) -> Result<View, HistoryError> {
        let mut why = "commits came too fast".to_owned();
        for _ in 0..TRIES {
            let told = match writers.unwritten(table).await {
                Ok(told) => told,
                Err(silent) => {
                    why = silent;
                    break;
                }
            };
            let folder = self.take(table, None).folder.newest().await?;
            if folder.follows(&told).await? {
                let final_up_to = told.iter().map(|one| one.final_up_to).min().flatten();
                lock(&self.shared.places)[table as usize].final_up_to = final_up_to;
                let hot = told.into_iter().flat_map(|one| one.rows);
                let hot = hot.filter(|rows| rows.num_rows() > 0).collect();
                return Ok(View { delta: folder.provider().await?, hot });
            }
            sleep(AGAIN).await;
        }
        tracing::warn!(table = table.name(), why, "a view of files alone");
        let folder = self.take(table, None).folder.newest().await?;
        Ok(View { delta: folder.provider().await?, hot: Vec::new() })
    }
}

impl Folder {
    /// Whether its files end where all of these begin.
    async fn follows(&self, told: &[Unwritten]) -> Result<bool, HistoryError> {
        for one in told {
            if self.stored(&one.app).await?.unwrap_or(0) != one.files_to {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
