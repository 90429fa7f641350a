//! The engine: an isolated DataFusion. Its threads have low priority; its memory, disk, time and
//! answers have limits; and a query that no caller waits for is ended.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::SchemaProvider;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::object_store::{
    DefaultObjectStoreRegistry, ObjectStoreRegistry, ObjectStoreUrl,
};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use tallylight_serve::{Priority, threads};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout_at;
use tokio_util::task::AbortOnDropHandle;

use super::catalog::{self, TableInfo, Tables};
use super::condition::{self, Condition};
use super::encode::{Answer, Format};
use super::error::{Kind, SqlError};
use super::query;
use super::settings::SqlSettings;
use super::stop::Stop;
use crate::feed::status::free_bytes;
use crate::memory::resident_bytes;

/// How long after its deadline the engine may take to end a query itself.
const GRACE: Duration = Duration::from_millis(500);
/// How often the growth of the process is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Bytes that intermediate results leave free on their disk: what history leaves free, and as much
/// again as a query writes between two looks.
const LEFT_FREE: u64 = 128 << 20;
const STACK: usize = 8 << 20;
const BLOCKING: usize = 4;

/// Why the engine cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The folder for intermediate results, or the threads, cannot be set up.
    #[error("SQL: {what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// DataFusion refuses its settings; a bug.
    #[error("SQL: the engine cannot be set up: {0}")]
    Setup(#[from] datafusion::common::DataFusionError),
    /// One of our own tables does not match its description; a bug.
    #[error("SQL: a table cannot be made: {0}")]
    Table(#[from] datafusion::arrow::error::ArrowError),
}

/// What all queries share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: SqlSettings,
    pub(super) tenant: String,
    pub(super) tables: Arc<dyn Tables>,
    pub(super) about: Arc<dyn SchemaProvider>,
    pub(super) env: Arc<RuntimeEnv>,
}

/// Runs queries.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    /// Held while a condition is compiled: one at a time, so that they leave threads to queries.
    compiling: Arc<Mutex<()>>,
    runtime: Option<Runtime>,
}

impl Engine {
    /// An engine over `tables` for one tenant. `spill` is its folder for intermediate results,
    /// whose content is removed; without one, it uses the system's folder for temporary files.
    pub fn new(
        settings: SqlSettings,
        tenant: &str,
        tables: Arc<dyn Tables>,
        spill: Option<&Path>,
    ) -> Result<Self, EngineError> {
        let io = |what: String| move |source| EngineError::Io { what, source };
        if let Some(folder) = spill {
            if folder.exists() {
                std::fs::remove_dir_all(folder)
                    .map_err(io(format!("emptying {}", folder.display())))?;
            }
            std::fs::create_dir_all(folder).map_err(io(format!("making {}", folder.display())))?;
        }
        let runtime = threads("sql", Priority::Lowest)
            .worker_threads(settings.threads)
            .max_blocking_threads(BLOCKING)
            .thread_stack_size(STACK)
            .build()
            .map_err(io("starting its threads".into()))?;
        let shared = Shared {
            about: catalog::about(tables.list())?,
            env: environment(&settings, spill)?,
            tenant: tenant.to_owned(),
            tables,
            settings,
        };
        let places = Arc::new(Semaphore::new(shared.settings.concurrent));
        let compiling = Arc::default();
        Ok(Self { shared: Arc::new(shared), places, compiling, runtime: Some(runtime) })
    }

    /// All tables.
    pub fn tables(&self) -> &[TableInfo] {
        self.shared.tables.list()
    }

    /// Runs one statement. When the future is dropped, the query ends.
    pub async fn run(&self, sql: &str, format: Format) -> Result<Answer, SqlError> {
        let settings = &self.shared.settings;
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(SqlError::new(
                Kind::Busy,
                format!(
                    "{} queries are running, the limit (dashboard.sql.concurrent); try again \
                     when one has ended",
                    settings.concurrent
                ),
            ));
        };
        let deadline = Instant::now() + Duration::from_secs(settings.deadline_s);
        let stop = Stop::at(deadline);
        // Dropped with this future, however it ends.
        let _gone = stop.on_drop();
        let work = query::run(Arc::clone(&self.shared), sql.to_owned(), format, stop);
        let task = self.spawn(async move {
            // The permit is released when the work has ended, not when its caller gave up.
            let _place = place;
            work.await
        })?;
        self.watch(task, deadline).await
    }

    /// Compiles the condition of a WHERE on a table with these columns, once those before it are
    /// compiled.
    pub async fn condition(
        &self,
        table: &str,
        schema: SchemaRef,
        text: &str,
    ) -> Result<Condition, SqlError> {
        let (shared, table) = (Arc::clone(&self.shared), table.to_owned());
        let text = text.to_owned();
        let within = Duration::from_secs(self.shared.settings.deadline_s);
        let deadline = Instant::now() + within;
        let late = || query::too_late(within.as_secs());
        let turn = Arc::clone(&self.compiling).lock_owned();
        let turn = timeout_at(deadline.into(), turn).await.map_err(|_| late())?;
        let work = self.spawn(async move {
            // As a query's place, it is released when the work has ended.
            let _turn = turn;
            condition::compile(&shared, &table, schema, &text, Stop::at(deadline)).await
        })?;
        match timeout_at((deadline + GRACE).into(), work).await {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(error)) => Err(SqlError::new(Kind::Internal, error.to_string())),
            Err(_) => Err(late()),
        }
    }

    /// Runs work on the engine's own threads, whose priority is low. It ends when dropped.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<AbortOnDropHandle<T>, SqlError> {
        match &self.runtime {
            Some(runtime) => Ok(AbortOnDropHandle::new(runtime.spawn(work))),
            None => Err(SqlError::new(Kind::Unavailable, "the engine has stopped")),
        }
    }

    /// Waits for a query, and ends it at its deadline, when the process grows too much (the last
    /// safeguard against memory that no pool counts) or when intermediate results fill the disk.
    async fn watch(
        &self,
        mut task: AbortOnDropHandle<Result<Answer, SqlError>>,
        deadline: Instant,
    ) -> Result<Answer, SqlError> {
        let settings = &self.shared.settings;
        let before = resident_bytes().unwrap_or(0);
        let mut looks = tokio::time::interval(POLL_INTERVAL);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let late = tokio::time::sleep_until((deadline + GRACE).into());
        tokio::pin!(late);
        loop {
            tokio::select! {
                ended = &mut task => return ended.unwrap_or_else(|error| {
                    tracing::error!(%error, "a query failed");
                    let detail = "the query hit a bug in the engine; the log of the data process \
                                  has details. Try writing it differently";
                    Err(SqlError::new(Kind::Internal, detail))
                }),
                () = &mut late => return Err(query::too_late(settings.deadline_s)),
                _ = looks.tick() => {
                    let grown = resident_bytes().unwrap_or(0).saturating_sub(before);
                    if grown > settings.growth_bytes {
                        return Err(SqlError::limit(format!(
                            "the process grew by {} MiB during the query, more than \
                             dashboard.sql.growth_bytes allows; ask for less at once, or again \
                             where something else in it grew",
                            grown >> 20
                        )));
                    }
                    if self.fills_the_disk() {
                        return Err(SqlError::new(
                            Kind::Unavailable,
                            "the disk is nearly full, and intermediate results of queries would \
                             take what is left for the log; make room, or ask for less at once",
                        ));
                    }
                }
            }
        }
    }

    /// Whether there are intermediate results on a disk that is nearly full.
    fn fills_the_disk(&self) -> bool {
        let disk = &self.shared.env.disk_manager;
        let is_full = |folder: &PathBuf| free_bytes(folder).is_some_and(|free| free < LEFT_FREE);
        disk.used_disk_space() > 0 && disk.temp_dir_paths().iter().any(is_full)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A runtime must not be waited for within another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn environment(
    settings: &SqlSettings,
    spill: Option<&Path>,
) -> Result<Arc<RuntimeEnv>, EngineError> {
    let named = NonZeroUsize::MIN.saturating_add(2);
    let pool = TrackConsumersPool::new(FairSpillPool::new(settings.memory_bytes), named);
    let mode = match spill {
        Some(folder) => DiskManagerMode::Directories(vec![folder.to_path_buf()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    let disk = DiskManagerBuilder::default()
        .with_mode(mode)
        .with_max_temp_directory_size(settings.spill_bytes);
    // The default registry knows the local file system; ours knows only the stores that the tables
    // of history register.
    let stores = DefaultObjectStoreRegistry::new();
    stores.deregister_store(ObjectStoreUrl::local_filesystem().as_ref())?;
    let env = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .with_object_store_registry(Arc::new(stores))
        .build_arc()?;
    Ok(env)
}
