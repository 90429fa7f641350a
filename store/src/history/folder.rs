//! One Delta table on disk.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltalake::datafusion::catalog::TableProvider;
use deltalake::datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::CommitProperties;
use deltalake::kernel::{StructType, Transaction};
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError, ensure_table_uri};
use serde_json::Value;
use tallylight_schemas::ident::Shard;
use tallylight_schemas::tables::{HOUR, Table};

use super::{HistoryError, file};

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) table: Table,
    pub(super) dir: PathBuf,
    /// `None` if the table is only read and was never made.
    pub(super) delta: Option<DeltaTable>,
    /// The log's transactions in it.
    pub(super) app: String,
    /// Everything below this offset is in its files.
    pub(super) transaction: u64,
    /// Only this process writes, so it always knows the newest version.
    pub(super) alone: bool,
}

/// The transaction that stores the log's number of shards; a table of an older release has one
/// shard.
const SHARDS: &str = "tallylight/shards";

/// The names of a log's transactions in the tables. The first shard's is there from the first
/// commit on, so it also identifies the log that a table belongs to.
pub(super) fn app(log_id: &str, shard: u16) -> String {
    match shard {
        0 => format!("{log_id}/events"),
        number => format!("{log_id}/events/{number}"),
    }
}

impl Folder {
    /// Opens a table for a writer. It is made if missing, and must belong to that log.
    pub(super) async fn open(
        root: &Path,
        table: Table,
        (log_id, shard): (&str, Shard),
    ) -> Result<Self, HistoryError> {
        let dir = root.join(table.name());
        let whose = app(log_id, 0);
        let delta = match load_mended(&dir).await? {
            Some(delta) => grow(delta, &dir, table).await?,
            None => match create(&dir, table, &whose, shard.of()).await {
                Ok(delta) => {
                    file::sync_commit(&dir, 0).await?;
                    delta
                }
                // Another process has just made it, or it cannot be made.
                Err(error) => load(&dir).await?.ok_or(error)?,
            },
        };
        let (app, alone) = (app(log_id, shard.number()), shard == Shard::WHOLE);
        let mut folder = Self { table, dir, delta: Some(delta), app, transaction: 0, alone };
        if folder.stored(&whose).await?.is_none() {
            return Err(HistoryError::Foreign(format!(
                "{} belongs to another log than the one that is opened: put that log back, or \
                 move `history` and `snapshots` of the data folder away to start again",
                folder.dir.display()
            )));
        }
        let shards = folder.shards().await?.unwrap_or(1);
        if shards != shard.of() {
            return Err(HistoryError::Foreign(format!(
                "{} follows from a log of {shards} shards, and this one has {}: move `history` and \
                 `snapshots` of the data folder away to start again",
                folder.dir.display(),
                shard.of()
            )));
        }
        folder.transaction = folder.stored_transaction().await?;
        Ok(folder)
    }

    /// Opens a table as it is, even if it does not exist yet. A reader has no transactions.
    pub(super) async fn open_read_only(root: &Path, table: Table) -> Result<Self, HistoryError> {
        let (dir, app) = (root.join(table.name()), String::new());
        Self { table, dir, delta: None, app, transaction: 0, alone: false }.newest().await
    }

    /// The transaction of that name, if the table has it.
    pub(super) async fn stored(&self, app: &str) -> Result<Option<u64>, HistoryError> {
        let Some(delta) = &self.delta else { return Ok(None) };
        let log_store = delta.log_store();
        let version = delta.snapshot()?.transaction_version(log_store.as_ref(), app).await?;
        Ok(version.and_then(|version| u64::try_from(version).ok()))
    }

    /// What is stored for the writer's shard; 0 at first.
    pub(super) async fn stored_transaction(&self) -> Result<u64, HistoryError> {
        Ok(self.stored(&self.app).await?.unwrap_or(0))
    }

    /// How many shards the log has.
    pub(super) async fn shards(&self) -> Result<Option<u16>, HistoryError> {
        let stored = self.stored(SHARDS).await?;
        Ok(stored.and_then(|shards| u16::try_from(shards).ok()))
    }

    /// Reloads the table where other processes may have changed it.
    pub(super) async fn newest(mut self) -> Result<Self, HistoryError> {
        if self.alone {
            return Ok(self);
        }
        match self.delta.as_mut() {
            Some(delta) => delta.update_state().await?,
            None => self.delta = load(&self.dir).await?,
        }
        Ok(self)
    }

    /// The rows in the files, for DataFusion.
    pub(super) async fn provider(&self) -> Result<Option<Arc<dyn TableProvider>>, HistoryError> {
        let Some(delta) = &self.delta else { return Ok(None) };
        // The table's types, not view types, so that rows in memory match.
        let mut config = SessionConfig::new();
        config.options_mut().execution.parquet.schema_force_view_types = false;
        let session = SessionContext::new_with_config(config).state();
        let provider = delta.table_provider().with_session(Arc::new(session)).await;
        provider.map(Some).map_err(|error| HistoryError::Unavailable(error.to_string()))
    }
}

/// The table, if it has its first commit. Before that, its folder may already exist: left by a
/// crash, or being filled by another process.
async fn load(dir: &Path) -> Result<Option<DeltaTable>, HistoryError> {
    if !dir.join("_delta_log").is_dir() {
        return Ok(None);
    }
    let url = ensure_table_uri(dir.to_string_lossy())?;
    match DeltaTableBuilder::from_url(url)?.load().await {
        Ok(delta) => Ok(Some(delta)),
        Err(DeltaTableError::NotATable(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The same for a writer, which mends what a power cut did to the table's log.
async fn load_mended(dir: &Path) -> Result<Option<DeltaTable>, HistoryError> {
    loop {
        match load(dir).await {
            Ok(None) | Err(_) if forget_checkpoint(&dir.join("_delta_log")) => {}
            loaded => return loaded,
        }
    }
}

/// Removes the log's note of its newest checkpoint if a power cut took that one and left what the
/// log can be read from instead: an earlier checkpoint, or the first commit. Answers whether it did.
fn forget_checkpoint(log: &Path) -> bool {
    let is_whole = |path: &Path| path.metadata().is_ok_and(|file| file.len() > 0);
    let hint = log.join("_last_checkpoint");
    let newest: Option<Value> =
        fs::read(&hint).ok().and_then(|hint| serde_json::from_slice(&hint).ok());
    let Some(newest) = newest.and_then(|hint| hint.get("version")?.as_u64()) else { return false };
    let lost = file::checkpoint(log, newest);
    if is_whole(&lost) {
        return false;
    }
    let earlier = (0..newest).rev().any(|version| is_whole(&file::checkpoint(log, version)));
    if !earlier && !is_whole(&log.join(format!("{:020}.json", 0))) {
        return false;
    }
    tracing::warn!(lost = %lost.display(), "a checkpoint is lost; the log is read from before it");
    // Upkeep would delete the commits before an empty one. It may be missing already.
    let _ = fs::remove_file(&lost);
    fs::remove_file(&hint).is_ok()
}

/// Adds the columns that the table gained since it was made. Older rows have no value in them.
async fn grow(delta: DeltaTable, dir: &Path, table: Table) -> Result<DeltaTable, HistoryError> {
    let known = delta.snapshot()?.schema();
    let schema = schema(table)?;
    let new: Vec<_> =
        schema.fields().filter(|field| known.field(field.name()).is_none()).cloned().collect();
    if new.is_empty() {
        return Ok(delta);
    }
    let names: Vec<&str> = new.iter().map(|field| field.name().as_str()).collect();
    tracing::info!(table = table.name(), columns = names.join(", "), "history gets new columns");
    let grown = delta.add_columns().with_fields(new).await?;
    if let Some(version) = grown.version() {
        file::sync_commit(dir, version).await?;
    }
    Ok(grown)
}

fn schema(table: Table) -> Result<StructType, HistoryError> {
    let schema = table.schema();
    let kernel = schema.as_ref().try_into_kernel();
    kernel.map_err(|error| HistoryError::Data(format!("schema of {}: {error}", table.name())))
}

async fn create(
    dir: &Path,
    table: Table,
    app: &str,
    shards: u16,
) -> Result<DeltaTable, HistoryError> {
    fs::create_dir_all(dir)
        .map_err(|error| HistoryError::Unavailable(format!("{}: {error}", dir.display())))?;
    let schema = schema(table)?;
    let properties = HashMap::from([
        ("delta.checkpointInterval".to_owned(), Some("50".to_owned())),
        ("delta.logRetentionDuration".to_owned(), Some("interval 2 hours".to_owned())),
        ("delta.enableExpiredLogCleanup".to_owned(), Some("true".to_owned())),
    ]);
    let url = ensure_table_uri(dir.to_string_lossy())?;
    let first = CommitProperties::default()
        .with_max_retries(0)
        .with_application_transaction(Transaction::new(app, 0))
        .with_application_transaction(Transaction::new(SHARDS, i64::from(shards)));
    Ok(deltalake::operations::create::CreateBuilder::new()
        .with_location(url.as_str())
        .with_table_name(table.name())
        .with_comment(table.about())
        .with_columns(schema.fields().cloned())
        .with_partition_columns([HOUR])
        .with_configuration(properties)
        .with_commit_properties(first)
        .await?)
}
