//! The stream processor with history and snapshots, as whatever process has one builds it.

use std::sync::Arc;
use std::time::Duration;

use tallylight_eventlog::EventLog;
use tallylight_schemas::clock::Clock;
use tallylight_store::archive::History;
use tallylight_stream_processor::audit::{AuditStats, Keeper, Reach};
use tallylight_stream_processor::{Metrics, Parts, Processor, archive, build};
use thread_priority::{ThreadPriority, set_current_thread_priority};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::settings::Settings;

/// A processor that does not run yet.
pub(crate) struct Owning {
    pub(crate) processor: Processor,
    /// What it writes, to be read beside it.
    pub(crate) history: History,
}

/// Builds the processor of a log, or of one shard of it.
pub(crate) async fn open(
    settings: &Settings,
    log: &Arc<dyn EventLog>,
    clock: &Arc<dyn Clock>,
    metrics: Metrics,
) -> anyhow::Result<Owning> {
    let archive = open_archive(settings, log.as_ref(), clock).await?;
    let history = archive.history.clone();
    let (log, clock) = (Arc::clone(log), Arc::clone(clock));
    let parts = Parts { log, clock, archive: Some(archive), metrics };
    let processor = build(settings.processor.clone(), parts).await?;
    Ok(Owning { processor, history })
}

/// How long the audit's last read of history may take.
const LAST_READ: Duration = Duration::from_secs(10);

/// Lets audit and repair work on threads of their own, at the lowest priority: they have time.
/// They end with what this answers beside how the books stand.
pub(crate) fn keep(
    settings: &Settings,
    history: History,
    reach: Arc<dyn Reach>,
) -> anyhow::Result<(watch::Receiver<AuditStats>, DropGuard)> {
    let keeper = Keeper::new(&settings.processor, history, reach);
    let stats = keeper.stats();
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
    let keeping = keeper.run(stop.clone());
    let work = async move {
        keeping.await;
        // A read of Delta's that is under way is not asked to stop, and panics when the runtime
        // goes from under it. Nobody waits for this thread.
        tokio::time::sleep(LAST_READ).await;
    };
    std::thread::Builder::new().name("audit".to_owned()).spawn(move || runtime.block_on(work))?;
    Ok((stats, stop.drop_guard()))
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
        shard: log.shard(),
        clock: Arc::clone(clock),
        faults: None,
    };
    let history = History::open(settings.history.clone(), parts).await?;
    Ok(archive::Parts::open(&settings.data_dir, log, history)?)
}
