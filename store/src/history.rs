//! History: committed rows are in Delta tables of Parquet files, uncommitted batches are in memory,
//! and one view over both contains each record once.
//!
//! Each batch carries the offset of the log entry that it was derived from. A commit moves the
//! batches below an offset into the tables and stores that offset in each table as the log's
//! transaction (ADR 8). Everything below a table's transaction is in its files, so a batch that
//! arrives again after a crash is dropped.

mod apart;
mod commit;
mod expire;
mod file;
mod folder;
mod gather;
mod hot;
mod join;
mod reach;
mod repair;
mod rows;
mod select;
mod settings;
mod slices;
mod tend;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use parking_lot::Mutex;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::ident::Shard;
use tallylight_schemas::tables::Table;
use tokio::sync::mpsc;

use folder::Folder;
use hot::{Hot, TableState};

pub use apart::{Unwritten, Writers};
pub use hot::{hour_name, hour_number, hour_of};
pub use repair::{Repair, Repaired};
pub use settings::Settings;
pub use tend::Tended;
pub use view::{Ask, Copied, View};

/// What went wrong, classified by what the caller must do (ADR 12).
#[derive(Debug, Clone, thiserror::Error)]
pub enum HistoryError {
    /// Try again later.
    #[error("history is unavailable: {0}")]
    Unavailable(String),
    /// The tables differ from what this process assumed; read again from a snapshot.
    #[error("history was written by another: {0}")]
    Moved(String),
    /// The folder belongs to another log.
    #[error("{0}")]
    Foreign(String),
    /// Stored bytes are wrong.
    #[error("history is damaged: {0}")]
    Data(String),
}

impl From<deltalake::DeltaTableError> for HistoryError {
    fn from(error: deltalake::DeltaTableError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<arrow::error::ArrowError> for HistoryError {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Data(error.to_string())
    }
}

/// A step at which a test may make a write fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Before a table's files are written.
    Write(Table),
    /// The files are written, but the table does not name them yet.
    Commit(Table),
    /// The table names them, but this process does not know that yet.
    Committed(Table),
    /// Rewritten files are on disk, but the table does not name them yet.
    Repair(Table),
    /// Small files are read, but the file that joins them is not written yet.
    Join(Table),
    /// The caps are about to remove an hour from a table.
    Expire(Table),
    /// All tables are written, but the matching snapshot is not.
    Snapshot,
}

/// Makes writes fail where a test requests it; none by default.
pub trait Faults: Send + Sync + std::fmt::Debug {
    /// Whether the write may go past this step.
    fn pass(&self, step: Step) -> Result<(), String>;
}

/// What a history is opened with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Folder of the tables, made if missing.
    pub dir: PathBuf,
    /// The log that its rows are derived from.
    pub log_id: String,
    /// The shard that they are derived from; other shards have other writers.
    pub shard: Shard,
    /// The clock that dates files.
    pub clock: Arc<dyn Clock>,
    /// Failures on request.
    pub faults: Option<Arc<dyn Faults>>,
}

/// The state of history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// Rows in memory that no table has yet.
    pub hot_rows: u64,
    /// Bytes of memory that they take.
    pub hot_bytes: u64,
    /// Everything before this offset of the log is in the tables.
    pub committed: u64,
    /// Commits that failed since the start.
    pub failures: u64,
    /// Bytes of the tables' files.
    pub bytes: u64,
    /// Rows removed by the caps since the start.
    pub expired_rows: u64,
}

/// History. Clones share it.
#[derive(Debug, Clone)]
pub struct History {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    log_id: String,
    shard: Shard,
    settings: Settings,
    clock: Option<Arc<dyn Clock>>,
    faults: Option<Arc<dyn Faults>>,
    /// One per table, in the order of [`Table::ALL`]; locked only briefly.
    tables: Mutex<Vec<TableState>>,
    status: Mutex<Status>,
    /// One writer at a time.
    writer: tokio::sync::Mutex<()>,
    /// One task at a time joins, removes or repairs files; taken before `writer`.
    upkeep: tokio::sync::Mutex<()>,
    /// Answers with rows that are still in the processor's state.
    live: Mutex<Option<mpsc::Sender<Ask>>>,
    /// Answer with rows that are in no file yet, where other processes write.
    writers: Option<Arc<dyn Writers>>,
}

impl History {
    /// Opens the tables for writing, makes those that are missing, and refuses the tables of
    /// another log.
    pub async fn open(settings: Settings, parts: Parts) -> Result<Self, HistoryError> {
        let mut tables = Vec::new();
        for table in Table::ALL {
            let folder = Folder::open(&parts.dir, table, (&parts.log_id, parts.shard)).await?;
            tables.push(TableState::new(folder));
        }
        let committed = reach::whole_to(&tables, (&parts.log_id, parts.shard)).await?;
        let log = (parts.log_id, parts.shard);
        Ok(Self::of(settings, log, tables, committed).with(parts.clock, parts.faults))
    }

    /// Opens the existing tables for reading beside or without a running processor. Each view is of
    /// the newest files; rows that are in no file yet are included only if the writers are asked
    /// ([`History::beside`]).
    pub async fn open_read_only(dir: &Path) -> Result<Self, HistoryError> {
        let mut tables = Vec::new();
        for table in Table::ALL {
            tables.push(TableState::new(Folder::open_read_only(dir, table).await?));
        }
        Ok(Self::of(Settings::default(), (String::new(), Shard::WHOLE), tables, 0))
    }

    fn of(
        settings: Settings,
        (log_id, shard): (String, Shard),
        tables: Vec<TableState>,
        committed: u64,
    ) -> Self {
        let status = Status { committed, ..Status::default() };
        let shared = Shared {
            log_id,
            shard,
            settings,
            clock: None,
            faults: None,
            tables: Mutex::new(tables),
            status: Mutex::new(status),
            writer: tokio::sync::Mutex::default(),
            upkeep: tokio::sync::Mutex::default(),
            live: Mutex::default(),
            writers: None,
        };
        Self { shared: Arc::new(shared) }
    }

    fn with(mut self, clock: Arc<dyn Clock>, faults: Option<Arc<dyn Faults>>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.clock = Some(clock);
            shared.faults = faults;
        }
        self
    }

    /// The shard of the log that its writer follows.
    pub fn shard(&self) -> Shard {
        self.shared.shard
    }

    /// Everything of a table below this offset is in its files.
    pub fn transaction(&self, table: Table) -> u64 {
        self.shared.tables.lock()[table as usize].folder.transaction
    }

    /// Adds a batch derived from the entry at `offset`, read in the hour of log time numbered
    /// `hour`. A batch that the table already has is dropped; the result says whether it was.
    pub fn add(&self, table: Table, offset: u64, hour: i64, batch: RecordBatch) -> bool {
        if batch.num_rows() == 0 {
            return false;
        }
        let mut tables = self.shared.tables.lock();
        let state = &mut tables[table as usize];
        if offset < state.folder.transaction {
            return true;
        }
        let hot = Hot::new(offset, hour, batch);
        let mut status = self.shared.status.lock();
        status.hot_rows += hot.rows();
        status.hot_bytes += hot.bytes();
        state.hot.push_back(hot);
        false
    }

    /// Forgets what is not written: it will be delivered again.
    pub fn forget_hot(&self) {
        let mut tables = self.shared.tables.lock();
        tables.iter_mut().for_each(|state| state.hot.clear());
        let mut status = self.shared.status.lock();
        (status.hot_rows, status.hot_bytes) = (0, 0);
    }

    /// The state of history.
    pub fn status(&self) -> Status {
        *self.shared.status.lock()
    }
}

impl Shared {
    fn now_ms(&self) -> i64 {
        self.clock.as_ref().map_or(0, |clock| clock.now_ms())
    }
}
