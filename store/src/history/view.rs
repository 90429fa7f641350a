//! One view over files and memory.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use deltalake::datafusion::catalog::TableProvider;
use tallylight_schemas::tables::{Table, conform};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::apart::{AGAIN, TRIES};
use super::folder::Folder;
use super::hot::{Hot, unwritten};
use super::{History, HistoryError};

/// How long the processor may take to report the rows it holds. It copies a large audience a few
/// sessions at a time, and a request during a copy waits for the next one. The limit is below the
/// deadline of a query (`sql.deadline_s`, 30 s) and of requests from other processes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A table at one moment: `delta` and `hot` together have each record once.
#[derive(Debug, Clone)]
pub struct View {
    /// The rows in files; `None` when the table was never made. Types are those of the table,
    /// except that `hour` is a dictionary.
    pub delta: Option<Arc<dyn TableProvider>>,
    /// The rows that are in no file yet, and those that can still change (`final` is false).
    pub hot: Vec<RecordBatch>,
    /// Whether rows that are in no file yet are missing, because a writer in another process did
    /// not answer.
    pub files_alone: bool,
}

/// Rows copied from the state, which become batches in the requesting task: the thread that holds
/// the state has records to process.
pub struct Copied {
    pub(super) final_up_to: i64,
    batches: Box<dyn FnOnce() -> Result<Vec<RecordBatch>, String> + Send>,
}

impl Copied {
    /// Rows that `batches` converts, all or none, from a state in which everything before
    /// `final_up_to`, Unix µs, is final.
    pub fn new(
        final_up_to: i64,
        batches: impl FnOnce() -> Result<Vec<RecordBatch>, String> + Send + 'static,
    ) -> Self {
        Self { final_up_to, batches: Box::new(batches) }
    }
}

impl fmt::Debug for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copied").finish_non_exhaustive()
    }
}

/// The content of files and memory at one moment.
type Kept = (Folder, Vec<Hot>);

/// What a view is built from, at one moment.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) folder: Folder,
    pub(super) hot: Vec<Hot>,
    pub(super) provisional: Option<Copied>,
}

/// A request to the processor for the rows of a table that are still in its state.
#[derive(Debug)]
pub struct Ask {
    table: Table,
    history: History,
    kept: Option<Kept>,
    answer: oneshot::Sender<Taken>,
}

impl Ask {
    /// Which table.
    pub fn table(&self) -> Table {
        self.table
    }

    /// Captures memory and files at the moment of the answer's rows. The thread that holds the
    /// state calls this between two entries.
    pub fn take(&mut self) {
        self.kept = Some(self.history.kept(self.table));
    }

    /// Whether the caller no longer waits.
    pub fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }

    /// Answers with rows of the state, if it has any. The state must be that of the moment when
    /// [`Self::take`] was called, or else of now, between two entries, so that the rows fit memory
    /// and files.
    pub fn answer(self, provisional: Option<Copied>) {
        let Self { table, history, kept, answer } = self;
        let kept = kept.unwrap_or_else(|| history.kept(table));
        // The caller may be gone; that is fine.
        let _ = answer.send(history.taken_of(table, kept, provisional));
    }
}

impl History {
    /// From now on views are requested through this channel and include the rows in the processor's
    /// state.
    pub fn serve(&self, ask: mpsc::Sender<Ask>) {
        *self.shared.live.lock() = Some(ask);
    }

    /// The time, Unix µs, before which the newest view of the table is final, by the processor's
    /// state in that view. `None` without such a state: the processor did not answer, has ended, or
    /// is still behind the files.
    pub fn final_up_to(&self, table: Table) -> Option<i64> {
        self.shared.tables.lock()[table as usize].final_up_to
    }

    /// The table as it is now: the files of the newest commit, the rows in memory after them, and
    /// the rows of the state at the same moment. Two calls give two moments.
    pub async fn view(&self, table: Table) -> Result<View, HistoryError> {
        if let Some(writers) = &self.shared.writers {
            return self.view_beside(writers.as_ref(), table).await;
        }
        let (taken, folder, files_to) = self.fitting(table).await?;
        let mut hot = unwritten(&taken.hot, files_to, table, &self.shared.log_id)?;
        hot.extend(self.batches_of(table, taken.provisional).await?);
        Ok(View { delta: folder.provider().await?, hot, files_alone: false })
    }

    /// The rows of the table that can no longer change: its files, and the rows waiting in memory
    /// here. It does not query the state, because copying all sessions delays events, nor writers
    /// in other processes.
    pub(super) async fn settled(&self, table: Table) -> Result<View, HistoryError> {
        let (folder, hot) = self.kept(table);
        let folder = folder.newest().await?;
        let files_to = folder.stored_transaction().await?;
        let hot = unwritten(&hot, files_to, table, &self.shared.log_id)?;
        Ok(View { delta: folder.provider().await?, hot, files_alone: false })
    }

    /// The rows in memory and in the state, and the newest files with the offset at which they end.
    /// Rows that were committed after that moment are in both files and memory, and their offset
    /// tells them apart. Rows of the state have no offset, so they are requested again.
    async fn fitting(&self, table: Table) -> Result<(Taken, Folder, u64), HistoryError> {
        let mut tries = 0;
        loop {
            let taken = self.taken(table).await?;
            let folder = taken.folder.clone().newest().await?;
            let files_to = folder.stored_transaction().await?;
            tries += 1;
            let fits = files_to == taken.folder.transaction || taken.provisional.is_none();
            if fits || tries == TRIES {
                if !fits {
                    let table = table.name();
                    tracing::warn!(table, "a view combines files and rows of two moments");
                }
                return Ok((taken, folder, files_to));
            }
            sleep(AGAIN).await;
        }
    }

    /// The rows in memory and in the processor's state, at one moment.
    pub(super) async fn taken(&self, table: Table) -> Result<Taken, HistoryError> {
        let alone = || self.taken_of(table, self.kept(table), None);
        let Some(live) = self.shared.live.lock().clone() else { return Ok(alone()) };
        let (answer, answered) = oneshot::channel();
        let ask = Ask { table, history: self.clone(), kept: None, answer };
        let asked = async {
            // Dropped before the wait: an untaken request is never answered.
            live.send(ask).await.ok()?;
            answered.await.ok()
        };
        let taken = tokio::time::timeout(TIMEOUT, asked).await;
        let taken =
            taken.map_err(|_| HistoryError::Unavailable("the processor is busy".to_owned()))?;
        // The processor has ended: then memory and files are everything.
        Ok(taken.unwrap_or_else(alone))
    }

    /// The rows of the state, with the columns of the table; empty if there are none.
    pub(super) async fn batches_of(
        &self,
        table: Table,
        provisional: Option<Copied>,
    ) -> Result<Vec<RecordBatch>, HistoryError> {
        let Some(Copied { batches, .. }) = provisional else { return Ok(Vec::new()) };
        // A million sessions take seconds.
        let batches = tokio::task::spawn_blocking(batches).await;
        let batches = batches.map_err(|error| HistoryError::Unavailable(error.to_string()))?;
        let batches = batches.map_err(|why| {
            let name = table.name();
            HistoryError::Unavailable(format!("no rows of {name} of the processor's state: {why}"))
        })?;
        let some = batches.iter().filter(|rows| rows.num_rows() > 0);
        Ok(some.map(|rows| conform(rows, table)).collect::<Result<_, _>>()?)
    }

    fn kept(&self, table: Table) -> Kept {
        let state = &self.shared.tables.lock()[table as usize];
        (state.folder.clone(), state.hot.iter().cloned().collect())
    }

    /// Both together, and the time before which they are final by the state.
    fn taken_of(&self, table: Table, (folder, hot): Kept, provisional: Option<Copied>) -> Taken {
        let final_up_to = provisional.as_ref().map(|copied| copied.final_up_to);
        self.shared.tables.lock()[table as usize].final_up_to = final_up_to;
        Taken { folder, hot, provisional }
    }
}
