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
use super::{History, HistoryError, lock};

/// How long the processor may take to say what it holds: of a large audience it copies some sessions
/// at a time, and one who asks while it does waits for the next copy. It is below the deadline of a
/// query (`sql.deadline_s`, 30 s), and of who asks from another process.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A table at one moment: `delta` and `hot` together have each record once.
#[derive(Debug, Clone)]
pub struct View {
    /// The rows in files; none when the table was never made. Types are those of the table, but
    /// for `hour`, which is a dictionary of them.
    pub delta: Option<Arc<dyn TableProvider>>,
    /// The rows that are in no file yet, and those that can still change (`final` is false).
    pub hot: Vec<RecordBatch>,
    /// Whether what is in no file yet is missing, since a writer in another process did not answer.
    pub files_alone: bool,
}

/// Rows of the state, copied, that become batches where they are asked for: whoever holds the state
/// has records to take in.
pub struct Copied {
    pub(super) final_up_to: i64,
    batches: Box<dyn FnOnce() -> Result<Vec<RecordBatch>, String> + Send>,
}

impl Copied {
    /// Rows that `batches` makes batches of, all or none, of a state in which everything before
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

/// What files and memory have at one moment.
type Kept = (Folder, Vec<Hot>);

/// What a view is made of, of one moment.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) folder: Folder,
    pub(super) hot: Vec<Hot>,
    pub(super) provisional: Option<Copied>,
}

/// A question to the processor: the rows of a table that are still in its state.
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

    /// Takes what is in memory and files at this moment, of which the answer's rows are to be.
    /// Whoever holds the state calls this between two entries.
    pub fn take(&mut self) {
        self.kept = Some(self.history.kept(self.table));
    }

    /// Whether who asked waits no more.
    pub fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }

    /// Answers with rows of the state, if it has any: as it was when [`Self::take`] was called, or
    /// is now, between two entries. So they, memory and files fit together.
    pub fn answer(self, provisional: Option<Copied>) {
        let Self { table, history, kept, answer } = self;
        let kept = kept.unwrap_or_else(|| history.kept(table));
        // Who asked may be gone; that is fine.
        let _ = answer.send(history.taken_of(table, kept, provisional));
    }
}

impl History {
    /// From now on views are asked for here, and contain what the processor's state holds.
    pub fn serve(&self, ask: mpsc::Sender<Ask>) {
        *lock(&self.shared.live) = Some(ask);
    }

    /// Up to where the newest view of the table is final, by the processor's state that it has, Unix
    /// µs; `None` where it has none: a processor does not answer, has ended, or is still behind the
    /// files.
    pub fn final_up_to(&self, table: Table) -> Option<i64> {
        lock(&self.shared.places)[table as usize].final_up_to
    }

    /// The table as it is now. Files are those of the newest commit, memory begins where they
    /// end, and rows of the state are those of the same moment. Two calls are two moments.
    pub async fn view(&self, table: Table) -> Result<View, HistoryError> {
        if let Some(writers) = &self.shared.writers {
            return self.view_beside(writers.as_ref(), table).await;
        }
        let (taken, folder, files_to) = self.fitting(table).await?;
        let mut hot = unwritten(&taken.hot, files_to, table, &self.shared.log_id)?;
        hot.extend(self.batches_of(table, taken.provisional).await?);
        Ok(View { delta: folder.provider().await?, hot, files_alone: false })
    }

    /// What of the table can change no more: its files, and the rows that wait in memory here. The
    /// state is not asked, nor are writers in other processes: for a copy of all sessions events wait.
    pub(super) async fn settled(&self, table: Table) -> Result<View, HistoryError> {
        let (folder, hot) = self.kept(table);
        let folder = folder.newest().await?;
        let files_to = folder.stored_transaction().await?;
        let hot = unwritten(&hot, files_to, table, &self.shared.log_id)?;
        Ok(View { delta: folder.provider().await?, hot, files_alone: false })
    }

    /// What is in memory and in the state, and the newest files with where they end. What was
    /// committed after that moment is in these files and in memory, which can be told by offset; but
    /// rows of the state cannot, and are asked for again.
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
                    tracing::warn!(table = table.name(), "a view of files and rows of two moments");
                }
                return Ok((taken, folder, files_to));
            }
            sleep(AGAIN).await;
        }
    }

    /// What is in memory and in the processor's state, at one moment.
    pub(super) async fn taken(&self, table: Table) -> Result<Taken, HistoryError> {
        let alone = || self.taken_of(table, self.kept(table), None);
        let Some(live) = lock(&self.shared.live).clone() else { return Ok(alone()) };
        let (answer, answered) = oneshot::channel();
        let ask = Ask { table, history: self.clone(), kept: None, answer };
        let asked = async {
            // Dropped before the wait: a question that nobody takes has no answer.
            live.send(ask).await.ok()?;
            answered.await.ok()
        };
        let taken = tokio::time::timeout(TIMEOUT, asked).await;
        let taken =
            taken.map_err(|_| HistoryError::Unavailable("the processor is busy".to_owned()))?;
        // It has ended: then memory and files are all there is.
        Ok(taken.unwrap_or_else(alone))
    }

    /// The rows of the state as the table has them; none where there are none.
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
        let place = &lock(&self.shared.places)[table as usize];
        (place.folder.clone(), place.hot.iter().cloned().collect())
    }

    /// Both together, and up to where they are final by the state.
    fn taken_of(&self, table: Table, (folder, hot): Kept, provisional: Option<Copied>) -> Taken {
        let final_up_to = provisional.as_ref().map(|copied| copied.final_up_to);
        lock(&self.shared.places)[table as usize].final_up_to = final_up_to;
        Taken { folder, hot, provisional }
    }
}
