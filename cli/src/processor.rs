//! The stream processor with history and snapshots, as whatever process has one builds it.

use std::fs::{File, TryLockError};
use std::sync::Arc;

use anyhow::{Context, bail};
use tallylight_eventlog::EventLog;
use tallylight_schemas::clock::Clock;
use tallylight_store::archive::History;
use tallylight_store::snapshot::Snapshots;
use tallylight_stream_processor::audit::{AuditStats, Keeper};
use tallylight_stream_processor::{Parts, Processor, archive, build};
use thread_priority::{ThreadPriority, set_current_thread_priority};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::settings::Settings;

/// A processor that does not run yet.
pub(crate) struct Owning {
    pub(crate) processor: Processor,
    /// What it writes, to be read beside it.
    pub(crate) history: History,
    /// How the books stand.
    pub(crate) audit: watch::Receiver<AuditStats>,
    /// To be kept while it runs: audit and repair end with it.
    pub(crate) keeping: DropGuard,
    /// To be kept while it runs: the data folder is its own.
    pub(crate) owner: File,
}

/// Builds the processor of the data folder. The disk log keeps a second one away by itself;
/// Kafka does not.
pub(crate) async fn open(
    settings: &Settings,
    log: &Arc<dyn EventLog>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Owning> {
    let owner = claim(settings)?;
    let archive = open_archive(settings, log.as_ref(), clock).await?;
    let history = archive.history.clone();
    let parts = Parts { log: Arc::clone(log), clock: Arc::clone(clock), archive: Some(archive) };
    let processor = build(settings.processor.clone(), parts).await?;
    let keeper = Keeper::new(&settings.processor, history.clone(), processor.handle().stats());
    let (audit, keeping) = (keeper.stats(), keep(keeper)?);
    Ok(Owning { processor, history, audit, keeping, owner })
}

/// Lets audit and repair work on threads of their own, at the lowest priority: they have time.
fn keep(keeper: Keeper) -> anyhow::Result<DropGuard> {
    let stop = CancellationToken::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .thread_name("audit")
        .on_thread_start(|| {
            if set_current_thread_priority(ThreadPriority::Min).is_err() {
                tracing::warn!("the threads of the audit keep the priority of the others");
            }
        })
        .enable_all()
        .build()?;
    let work = keeper.run(stop.clone());
    std::thread::Builder::new().name("audit".to_owned()).spawn(move || runtime.block_on(work))?;
    Ok(stop.drop_guard())
}

/// Two processors on one data folder would take each other's history away. The lock is let go
/// by the system when the process ends, however it does.
fn claim(settings: &Settings) -> anyhow::Result<File> {
    let dir = &settings.data_dir;
    std::fs::create_dir_all(dir)
        .with_context(|| format!("cannot make the data folder {}", dir.display()))?;
    let path = dir.join("processor.lock");
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another processor works in {}; there is one at a time: stop that one first",
            dir.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot claim {}", path.display()))
        }
    }
}

/// History and snapshots of this log.
async fn open_archive(
    settings: &Settings,
    log: &dyn EventLog,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<archive::Parts> {
    let parts = tallylight_store::archive::Parts {
        dir: settings.data_dir.join("history"),
        log_id: log.id().to_owned(),
        clock: Arc::clone(clock),
        faults: None,
    };
    let history = History::open(settings.history.clone(), parts).await?;
    let dir = settings.data_dir.join("snapshots");
    let snapshots = Snapshots::open(dir, log.id(), archive::STATE_VERSION)?;
    Ok(archive::Parts { history, snapshots })
}
