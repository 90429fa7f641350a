//! One Delta table on disk.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltalake::datafusion::catalog::TableProvider;
use deltalake::datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, StructType, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableBuilder, ensure_table_uri};
use tallylight_schemas::tables::{HOUR, Table};

use super::file;
use super::hot::Hot;
use super::{HistoryError, Shared, Step};

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) table: Table,
    pub(super) dir: PathBuf,
    /// None when it is only read and was never made.
    pub(super) delta: Option<DeltaTable>,
    /// The log's transactions in it.
    pub(super) app: String,
    /// Everything below this offset is in its files.
    pub(super) transaction: u64,
}

/// How the transactions of a log are called in the tables.
fn app(log_id: &str) -> String {
    format!("{log_id}/events")
}

impl Folder {
    /// Opens a table; for the writer of `log_id` it is made if missing, and must be of that log.
    pub(super) async fn open(
        root: &Path,
        table: Table,
        log_id: Option<&str>,
    ) -> Result<Self, HistoryError> {
        let dir = root.join(table.name());
        let app = app(log_id.unwrap_or_default());
        let exists = dir.join("_delta_log").is_dir();
        let delta = match (exists, log_id) {
            (false, None) => None,
            (false, Some(_)) => Some(create(&dir, table, &app).await?),
            (true, None) => Some(load(&dir).await?),
            (true, Some(_)) => Some(grow(load(&dir).await?, &dir, table).await?),
        };
        let mut folder = Self { table, dir, delta, app, transaction: 0 };
        if log_id.is_some() {
            folder.transaction = folder.stored_transaction().await?.ok_or_else(|| {
                HistoryError::Foreign(format!(
                    "{} belongs to another log than the one that is opened: put that log back, or \
                     move `history` and `snapshots` of the data folder away to begin anew",
                    folder.dir.display()
                ))
            })?;
        }
        Ok(folder)
    }

    async fn stored_transaction(&self) -> Result<Option<u64>, HistoryError> {
        let Some(delta) = &self.delta else { return Ok(None) };
        let log_store = delta.log_store();
        let version = delta.snapshot()?.transaction_version(log_store.as_ref(), &self.app).await?;
        Ok(version.and_then(|version| u64::try_from(version).ok()))
    }

    /// Reads the newest version of the table and what it says of the log.
    async fn reload(&mut self) -> Result<u64, HistoryError> {
        if let Some(delta) = self.delta.as_mut() {
            delta.update_state().await?;
        }
        let stored = self.stored_transaction().await?;
        stored.ok_or_else(|| HistoryError::Moved(format!("{} is new", self.dir.display())))
    }

    /// The table as another process has it now.
    pub(super) async fn newest(mut self) -> Result<Self, HistoryError> {
        match self.delta.as_mut() {
            Some(delta) => delta.update_state().await?,
            None if self.dir.join("_delta_log").is_dir() => {
                self.delta = Some(load(&self.dir).await?);
            }
            None => {}
        }
        Ok(self)
    }

    /// Writes `hot` and says in the same commit that everything below `to` is there.
    pub(super) async fn append(
        &mut self,
        shared: &Shared,
        hot: &[Hot],
        to: u64,
    ) -> Result<(), HistoryError> {
        let stored = self.reload().await?;
        if stored == to && to > self.transaction {
            // An earlier attempt got through, although it did not look so.
            self.transaction = to;
            return Ok(());
        }
        if stored != self.transaction {
            let ours = std::mem::replace(&mut self.transaction, stored);
            let dir = self.dir.display();
            return Err(HistoryError::Moved(format!("{dir} is at {stored} and not at {ours}")));
        }
        shared.pass(Step::Write(self.table))?;
        let (first, hours) = (self.transaction, file::by_hour(hot));
        let mut actions = Vec::new();
        for (hour, batches) in hours {
            let batches = batches.iter().map(|hot| hot.wide(self.table, &shared.log_id));
            let batches = batches.collect::<Result<Vec<_>, _>>()?;
            let name = format!("{first:020}-{to:020}.parquet");
            let add =
                file::write(&self.dir, self.table, hour, name, batches, shared.now_ms()).await?;
            actions.push(Action::Add(add));
        }
        shared.pass(Step::Commit(self.table))?;
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(vec![HOUR.to_owned()]),
            predicate: None,
        };
        self.commit(actions, operation, Some(to)).await?;
        shared.pass(Step::Committed(self.table))?;
        self.transaction = to;
        Ok(())
    }

    /// Commits, and says (if given) that everything below `to` is there.
    pub(super) async fn commit(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
        to: Option<u64>,
    ) -> Result<(), HistoryError> {
        let to = to.and_then(|to| i64::try_from(to).ok());
        let transaction = to.map(|to| Transaction::new(&self.app, to));
        self.commit_as(actions, operation, transaction).await
    }

    /// Commits against the version that was loaded, and against no other.
    pub(super) async fn commit_as(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
        transaction: Option<Transaction>,
    ) -> Result<(), HistoryError> {
        let Some(delta) = self.delta.as_mut() else {
            return Err(HistoryError::Unavailable("the table is only read".to_owned()));
        };
        let mut properties = CommitProperties::default()
            .with_max_retries(0)
            .with_create_checkpoint(true)
            .with_cleanup_expired_logs(Some(true));
        if let Some(transaction) = transaction {
            properties = properties.with_application_transaction(transaction);
        }
        let log_store = delta.log_store();
        let finished = {
            let state = delta.snapshot()?;
            CommitBuilder::from(properties)
                .with_actions(actions)
                .build(Some(state), log_store, operation)
                .await?
        };
        delta.update_state().await?;
        file::sync_commit(&self.dir, finished.version()).await
    }

    /// The rows in the files, for DataFusion.
    pub(super) async fn provider(&self) -> Result<Option<Arc<dyn TableProvider>>, HistoryError> {
        let Some(delta) = &self.delta else { return Ok(None) };
        // The types of the table, not views on them, so that rows in memory fit beside.
        let mut config = SessionConfig::new();
        config.options_mut().execution.parquet.schema_force_view_types = false;
        let session = SessionContext::new_with_config(config).state();
        let provider = delta.table_provider().with_session(Arc::new(session)).await;
        provider.map(Some).map_err(|error| HistoryError::Unavailable(error.to_string()))
    }
}

async fn load(dir: &Path) -> Result<DeltaTable, HistoryError> {
    let url = ensure_table_uri(dir.to_string_lossy())?;
    Ok(DeltaTableBuilder::from_url(url)?.load().await?)
}

/// Adds the columns that the table has got since it was made. Rows from before have none there.
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

async fn create(dir: &Path, table: Table, app: &str) -> Result<DeltaTable, HistoryError> {
    std::fs::create_dir_all(dir)
        .map_err(|error| HistoryError::Unavailable(format!("{}: {error}", dir.display())))?;
    let schema = schema(table)?;
    let properties = HashMap::from([
        ("delta.checkpointInterval".to_owned(), Some("50".to_owned())),
        ("delta.logRetentionDuration".to_owned(), Some("interval 2 hours".to_owned())),
        ("delta.enableExpiredLogCleanup".to_owned(), Some("true".to_owned())),
    ]);
    let url = ensure_table_uri(dir.to_string_lossy())?;
    let first = CommitProperties::default().with_application_transaction(Transaction::new(app, 0));
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
