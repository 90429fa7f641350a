//! History: Delta tables of Parquet files for what is past, batches in memory for what is not
//! written yet, and one view over both in which each record is once.
//!
//! Batches come with the offset of the log entry that they follow from. A commit moves the
//! batches below an offset into the tables and notes that offset in each table as the
//! transaction of the log (ADR 8); whatever is below a table's transaction is in its files,
//! so a batch that comes again after a crash is dropped.

mod apart;
mod commit;
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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::ident::Shard;
use tallylight_schemas::tables::Table;
use tokio::sync::mpsc;

use folder::Folder;
use hot::{Hot, Place};

pub use apart::{Unwritten, Writers};
pub use hot::{hour_name, hour_number, hour_of};
pub use repair::{Mended, Repair};
pub use settings::Settings;
pub use tend::Tended;
pub use view::{Ask, Copied, View};

/// What went wrong, by what the caller must do (ADR 12).
#[derive(Debug, Clone, thiserror::Error)]
pub enum HistoryError {
    /// Try again later.
    #[error("history is unavailable: {0}")]
    Unavailable(String),
    /// The tables say something else than this process thought; read again from a snapshot.
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

/// A place at which a test may let a write fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Before a table's files are written.
    Write(Table),
    /// Files are written, the table does not know them yet.
    Commit(Table),
    /// The table knows them, this process does not know that yet.
    Committed(Table),
    /// Files are written anew, the table does not know them yet.
    Repair(Table),
    /// Small files are read, the one that they are joined into is not written.
    Join(Table),
    /// All tables are written, the snapshot that goes with them is not.
    Snapshot,
}

/// Lets writes fail where a test wants it. None by default.
pub trait Faults: Send + Sync + std::fmt::Debug {
    /// Whether the write may go past this step.
    fn pass(&self, step: Step) -> Result<(), String>;
}

/// What a history is opened with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Folder of the tables, made if missing.
    pub dir: PathBuf,
    /// The log that its rows follow from.
    pub log_id: String,
    /// The part of it that they follow from; the other parts have other writers.
    pub shard: Shard,
    /// What files are dated by.
    pub clock: Arc<dyn Clock>,
    /// Failures on request.
    pub faults: Option<Arc<dyn Faults>>,
}

/// How history is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// Rows in memory that no table has yet.
    pub hot_rows: u64,
    /// The memory that they take, bytes.
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
    /// One per table, in the order of [`Table::ALL`]; locked for moments only.
    places: Mutex<Vec<Place>>,
    status: Mutex<Status>,
    /// One writer at a time.
    writer: tokio::sync::Mutex<()>,
    /// One who joins, removes or repairs what is written: taken before `writer`.
    upkeep: tokio::sync::Mutex<()>,
    /// Whom to ask for what is still in the processor's state.
    live: Mutex<Option<mpsc::Sender<Ask>>>,
    /// Whom to ask for what is in no file yet, where other processes write.
    writers: Option<Arc<dyn Writers>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl History {
    /// Opens the tables for writing, makes those that are missing, and refuses the tables of
    /// another log.
    pub async fn open(settings: Settings, parts: Parts) -> Result<Self, HistoryError> {
        let mut places = Vec::new();
        for table in Table::ALL {
            let folder = Folder::open(&parts.dir, table, (&parts.log_id, parts.shard)).await?;
            places.push(Place::new(folder));
        }
        let committed = reach::whole_to(&places, (&parts.log_id, parts.shard)).await?;
        let log = (parts.log_id, parts.shard);
        Ok(Self::of(settings, log, places, committed).with(parts.clock, parts.faults))
    }

    /// Opens the tables that there are, for reading beside or without a running processor. Each
    /// view is of the newest files; what no file has yet is seen by who asks its writers
    /// ([`History::beside`]).
    pub async fn open_read_only(dir: &Path) -> Result<Self, HistoryError> {
        let mut places = Vec::new();
        for table in Table::ALL {
            places.push(Place::new(Folder::open_read_only(dir, table).await?));
        }
        Ok(Self::of(Settings::default(), (String::new(), Shard::WHOLE), places, 0))
    }

    fn of(
        settings: Settings,
        (log_id, shard): (String, Shard),
        places: Vec<Place>,
        committed: u64,
    ) -> Self {
        let status = Status { committed, ..Status::default() };
        let shared = Shared {
            log_id,
            shard,
            settings,
            clock: None,
            faults: None,
            places: Mutex::new(places),
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

    /// The part of the log that its writer follows.
    pub fn shard(&self) -> Shard {
        self.shared.shard
    }

    /// Everything of a table below this offset is in its files.
    pub fn transaction(&self, table: Table) -> u64 {
        lock(&self.shared.places)[table as usize].folder.transaction
    }

    /// Adds what followed from the entry at `offset`, read in the hour of log time that `hour`
    /// numbers. What the table has already is dropped; the answer says whether it was.
    pub fn add(&self, table: Table, offset: u64, hour: i64, batch: RecordBatch) -> bool {
        if batch.num_rows() == 0 {
            return false;
        }
        let mut places = lock(&self.shared.places);
        let place = &mut places[table as usize];
        if offset < place.folder.transaction {
            return true;
        }
        let hot = Hot::new(offset, hour, batch);
        let mut status = lock(&self.shared.status);
        status.hot_rows += hot.rows();
        status.hot_bytes += hot.bytes();
        place.hot.push_back(hot);
        false
    }

    /// Forgets what is not written: it will come again.
    pub fn forget_hot(&self) {
        let mut places = lock(&self.shared.places);
        places.iter_mut().for_each(|place| place.hot.clear());
        let mut status = lock(&self.shared.status);
        (status.hot_rows, status.hot_bytes) = (0, 0);
    }

    /// How history is doing.
    pub fn status(&self) -> Status {
        *lock(&self.shared.status)
    }
}

impl Shared {
    fn now_ms(&self) -> i64 {
        self.clock.as_ref().map_or(0, |clock| clock.now_ms())
    }
}
