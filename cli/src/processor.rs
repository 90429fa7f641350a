//! The stream processor with history and snapshots, as whatever process has one builds it.

use std::io;
use std::sync::{Arc, LazyLock, Once};
use std::time::Duration;

use anyhow::anyhow;
use tallylight_eventlog::EventLog;
use tallylight_schemas::clock::Clock;
use tallylight_store::archive::History;
use tallylight_stream_processor::audit::{AuditStats, Keeper, Reach};
use tallylight_stream_processor::{Metrics, Parts, Processor, archive, build};
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::runtime::{Handle, Runtime};
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
    let runtime = threads("audit", ThreadPriority::Min).max_blocking_threads(1).build()?;
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

/// Threads of a process that write history. While both door and processor want a core these have a
/// quarter of one (nice 5): a checkpoint may come some seconds later, and figures may not. Never less,
/// or memory would fill with rows that wait.
static WRITERS: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    let nice_5 = ThreadPriorityValue::try_from(34).map_err(io::Error::other)?;
    threads("history", ThreadPriority::Crossplatform(nice_5)).build()
});

/// Who writes history; for as long as the process lives.
pub(crate) fn writers() -> anyhow::Result<Handle> {
    let writers = WRITERS.as_ref();
    Ok(writers.map_err(|error| anyhow!("the threads of history: {error}"))?.handle().clone())
}

/// A runtime of one thread, and others that block, with a priority of their own.
fn threads(name: &'static str, priority: ThreadPriority) -> tokio::runtime::Builder {
    let (mut builder, told) = (tokio::runtime::Builder::new_multi_thread(), Once::new());
    builder.worker_threads(1).thread_name(name).enable_all().on_thread_start(move || {
        // Where the system does not let us, all is done all the same.
        if set_current_thread_priority(priority).is_err() {
            told.call_once(|| tracing::warn!(name, "threads keep the priority of the others"));
        }
    });
    builder
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
    let parts = archive::Parts::open(&settings.data_dir, log, history)?;
    Ok(archive::Parts { writers: Some(writers()?), ..parts })
}
