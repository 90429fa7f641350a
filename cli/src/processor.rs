//! Builds the stream processor with history and snapshots, for every process that has one.

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::anyhow;
use tallylight_eventlog::EventLog;
use tallylight_schemas::clock::Clock;
use tallylight_serve::{Priority, threads};
use tallylight_store::history::History;
use tallylight_stream_processor::audit::{AuditStats, Keeper, Reach};
use tallylight_stream_processor::{Metrics, Parts, Processor, archive, build};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::log::LogKind;
use crate::settings::Settings;

/// A processor that is open and does not run yet.
pub(crate) struct OpenedProcessor {
    pub(crate) processor: Processor,
    /// The history that it writes, for readers in the same process.
    pub(crate) history: History,
}

/// Builds the processor of a log, or of one of its shards.
pub(crate) async fn open(
    settings: &Settings,
    log: &Arc<dyn EventLog>,
    clock: &Arc<dyn Clock>,
    metrics: Metrics,
) -> anyhow::Result<OpenedProcessor> {
    let archive = open_archive(settings, log.as_ref(), clock).await?;
    let history = archive.history.clone();
    let (log, clock) = (Arc::clone(log), Arc::clone(clock));
    let parts = Parts { log, clock, archive: Some(archive), metrics };
    let processor = build(settings.processor.clone(), parts).await?;
    Ok(OpenedProcessor { processor, history })
}

/// How long the audit's last read of history may take.
const LAST_READ: Duration = Duration::from_secs(10);

/// Threads of the audit that may block on the disk. While Delta reads a table's log, one of its
/// threads waits for others: a single thread would wait for ever.
const READERS: usize = 8;

/// Runs audit and repair on their own threads at the lowest priority, since they are not urgent.
/// Returns their figures, and a guard that ends them when it is dropped.
pub(crate) fn audit(
    settings: &Settings,
    history: History,
    reach: Arc<dyn Reach>,
) -> anyhow::Result<(watch::Receiver<AuditStats>, DropGuard)> {
    let keeper = Keeper::new(&settings.processor, history, reach);
    let stats = keeper.stats();
    let stop = CancellationToken::new();
    let runtime = audit_threads()?;
    let auditing = keeper.run(stop.clone());
    let work = async move {
        auditing.await;
        // A running read of Delta cannot be stopped, and panics when its runtime is dropped.
        // Nothing waits for this thread.
        tokio::time::sleep(LAST_READ).await;
    };
    // Spawned, since the thread that blocks here has normal priority.
    let work = move || runtime.block_on(runtime.spawn(work));
    std::thread::Builder::new().name("audit".to_owned()).spawn(work)?;
    Ok((stats, stop.drop_guard()))
}

/// The threads of the audit: one works at a time, however many block on the disk.
fn audit_threads() -> io::Result<Runtime> {
    threads("audit", Priority::Lowest).worker_threads(1).max_blocking_threads(READERS).build()
}

/// Threads of a process that write history. While collector and processor each need a core, these
/// get a quarter of one (nice 5): a checkpoint may be some seconds late, figures may not. With
/// less, memory would fill with waiting rows.
static WRITERS: LazyLock<io::Result<Runtime>> =
    LazyLock::new(|| threads("history", Priority::Low).worker_threads(1).build());

/// The runtime that writes history, for as long as the process lives.
pub(crate) fn writers() -> anyhow::Result<Handle> {
    let writers = WRITERS.as_ref();
    Ok(writers.map_err(|error| anyhow!("the threads of history: {error}"))?.handle().clone())
}

/// History and snapshots of this log.
async fn open_archive(
    settings: &Settings,
    log: &dyn EventLog,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<archive::Parts> {
    let parts = tallylight_store::history::Parts {
        dir: settings.data_dir.join("history"),
        log_id: log.id().to_owned(),
        shard: log.shard(),
        clock: Arc::clone(clock),
        faults: None,
    };
    let mut history = History::open(settings.history.clone(), parts).await?;
    if settings.log.kind == LogKind::Kafka {
        history = history.of_changing_owners();
    }
    let parts = archive::Parts::open(&settings.data_dir, log, history)?;
    Ok(archive::Parts { writers: Some(writers()?), ..parts })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tallylight_schemas::clock::WallClock;
    use tallylight_schemas::dead::DeadLetter;
    use tallylight_schemas::ident::Shard;
    use tallylight_schemas::ipc;
    use tallylight_schemas::tables::Table;
    use tallylight_store::history::{Parts as HistoryParts, Settings as HistorySettings};

    use super::*;

    #[test]
    fn the_audit_reads_tables_that_others_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let parts = HistoryParts {
            dir: folder.path().to_owned(),
            log_id: "test".to_owned(),
            shard: Shard::WHOLE,
            clock: Arc::new(WallClock),
            faults: None,
        };
        let threads = audit_threads().expect("threads");
        let (report, done) = mpsc::sync_channel(1);
        threads.spawn(async move {
            let history = History::open(HistorySettings::default(), parts).await?;
            let history = history.of_changing_owners();
            let letter = DeadLetter { tenant: "demo".to_owned(), ..DeadLetter::default() };
            history.add(Table::DeadLetters, 0, 0, ipc::to_batch(&[letter])?);
            history.commit(1).await?;
            let view = history.view(Table::DeadLetters).await?;
            report.send(view.delta.is_some() && view.hot.is_empty())?;
            anyhow::Ok(())
        });
        // Timed on this thread: if the audit's threads wait for one another, so do their timers.
        let read = done.recv_timeout(Duration::from_secs(30));
        threads.shutdown_background();
        assert_eq!(read, Ok(true));
    }
}
