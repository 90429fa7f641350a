//! Runs one stream processor for each shard that this process owns. Each has its own position in
//! its shard, its own state, snapshots and rows (ADR 25).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tallylight_eventlog::EventLog;
use tallylight_eventlog::kafka::{Change, Kafka};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::ident::Shard;
use tallylight_store::history::{History, HistoryError};
use tallylight_store::snapshot::SnapshotError;
use tallylight_stream_processor::{Metrics, ProcessorError, ProcessorHandle};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::remote_processors::RemoteProcessors;
use crate::processor::{self, OpenedProcessor};
use crate::settings::Settings;

/// Delay before another attempt to open a shard, and the longest after many: each attempt occupies
/// the other shards' threads for a moment.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the log says why a shard cannot be opened.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// A shard whose processor runs, and the history that it writes.
#[derive(Debug, Clone)]
pub(super) struct RunningShard {
    pub(super) shard: Shard,
    pub(super) handle: ProcessorHandle,
    pub(super) history: History,
}

/// The shards of this process, shared with its HTTP API.
#[derive(Debug, Clone, Default)]
pub(super) struct LocalShards(Arc<Mutex<ShardTable>>);

/// The shards assigned to this process.
#[derive(Debug, Default)]
struct ShardTable {
    /// Shards that are not open yet.
    opening: BTreeSet<Shard>,
    running: BTreeMap<Shard, RunningShard>,
}

impl LocalShards {
    /// The shards that run now.
    pub(super) fn running(&self) -> Vec<RunningShard> {
        self.0.lock().running.values().cloned().collect()
    }

    /// The shard with this number, if it runs here.
    pub(super) fn get(&self, shard: u16) -> Option<RunningShard> {
        self.0.lock().running.values().find(|one| one.shard.number() == shard).cloned()
    }

    /// Numbers of the shards that were assigned to this process and are not open yet.
    pub(super) fn opening(&self) -> Vec<u16> {
        self.0.lock().opening.iter().map(|shard| shard.number()).collect()
    }

    /// Notes that a shard was assigned to this process.
    pub(super) fn assign(&self, shard: Shard) {
        self.0.lock().opening.insert(shard);
    }

    fn opened(&self, shard: RunningShard) {
        let mut table = self.0.lock();
        table.opening.remove(&shard.shard);
        table.running.insert(shard.shard, shard);
    }

    /// Forgets a shard.
    pub(super) fn remove(&self, shard: Shard) {
        let mut table = self.0.lock();
        table.opening.remove(&shard);
        table.running.remove(&shard);
    }
}

/// What the processors of all shards are built from.
struct Shared {
    settings: Settings,
    kafka: Arc<Kafka>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    local: LocalShards,
    remote: Arc<RemoteProcessors>,
}

/// The task of a shard's processor.
struct ShardTask {
    stop: CancellationToken,
    work: JoinHandle<anyhow::Result<()>>,
}

/// Starts and stops the processors as Kafka assigns and takes away shards.
pub(super) struct ShardRunner {
    shared: Arc<Shared>,
    running: BTreeMap<Shard, ShardTask>,
}

impl ShardRunner {
    pub(super) fn new(
        settings: Settings,
        kafka: Arc<Kafka>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let remote = Arc::new(RemoteProcessors::new(Arc::clone(&kafka))?);
        let local = LocalShards::default();
        let shared = Arc::new(Shared { settings, kafka, clock, metrics, local, remote });
        Ok(Self { shared, running: BTreeMap::new() })
    }

    /// The shards of this process.
    pub(super) fn local(&self) -> LocalShards {
        self.shared.local.clone()
    }

    /// Carries out a change that Kafka's group of owners made.
    pub(super) async fn change(&mut self, change: Change) -> anyhow::Result<()> {
        match change {
            Change::Given(shards) => {
                tracing::info!(?shards, "given");
                for shard in shards {
                    self.abandon(shard).await;
                    self.start(shard);
                }
            }
            Change::Taken(shards, done) => {
                tracing::info!(?shards, "taken");
                let taken = shards.iter().filter_map(|shard| self.running.remove(shard)).collect();
                finish(taken).await?;
                drop(done);
            }
            Change::Lost(shards) => {
                tracing::warn!(?shards, "lost; another may own them already");
                for shard in shards {
                    self.abandon(shard).await;
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, shard: Shard) {
        let stop = CancellationToken::new();
        let work = tokio::spawn(work(Listing::new(&self.shared, shard), stop.clone()));
        self.running.insert(shard, ShardTask { stop, work });
    }

    /// Ends a processor at once, without writing anything more. As after a crash, nothing is lost.
    async fn abandon(&mut self, shard: Shard) {
        if let Some(ShardTask { work, .. }) = self.running.remove(&shard) {
            work.abort();
            let _ = work.await;
        }
    }

    /// Returns when a processor ends without being stopped, with its error.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        let work = self.running.values_mut().map(|task| &mut task.work);
        match work.collect::<Vec<_>>() {
            none if none.is_empty() => std::future::pending().await,
            some => futures::future::select_all(some).await.0?,
        }
    }

    /// Ends all processors in order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        finish(std::mem::take(&mut self.running).into_values().collect()).await
    }
}

/// Ends processors in order: they write what they hold to history.
async fn finish(tasks: Vec<ShardTask>) -> anyhow::Result<()> {
    tasks.iter().for_each(|task| task.stop.cancel());
    for task in tasks {
        task.work.await??;
    }
    Ok(())
}

/// The entry of a shard in the table of this process, from its assignment until this is dropped.
struct Listing(Arc<Shared>, Shard);

impl Listing {
    fn new(shared: &Arc<Shared>, shard: Shard) -> Self {
        shared.local.assign(shard);
        Self(Arc::clone(shared), shard)
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.0.local.remove(self.1);
        self.0.metrics.forget(self.1);
    }
}

/// Opens a shard and processes it until `stop`. While it cannot be opened, the others run.
async fn work(listing: Listing, stop: CancellationToken) -> anyhow::Result<()> {
    let (shared, shard) = (&listing.0, listing.1);
    let (mut pause, mut said) = (RETRY, None);
    let OpenedProcessor { processor, history } = loop {
        match open(shared, shard).await {
            Ok(opened) => break opened,
            Err(error) if concerns_all(&error) => return Err(error),
            Err(error) => {
                if said.is_none_or(|at: Instant| at.elapsed() >= SAID_EVERY) {
                    tracing::warn!(?shard, %error, "cannot open the shard; trying again");
                    said = Some(Instant::now());
                }
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return Ok(());
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    shared.local.opened(RunningShard {
        shard,
        handle: processor.handle(),
        history: history.clone(),
    });
    // The owner of the first shard audits history for all.
    let _audit = match shard.number() {
        0 => Some(processor::audit(&shared.settings, history, Arc::clone(&shared.remote) as _)?),
        _ => None,
    };
    processor.run(stop).await?;
    Ok(())
}

async fn open(shared: &Shared, shard: Shard) -> anyhow::Result<OpenedProcessor> {
    let log: Arc<dyn EventLog> = Arc::new(shared.kafka.shard(shard).await?);
    processor::open(&shared.settings, &log, &shared.clock, shared.metrics.clone()).await
}

/// Whether no shard can be opened until somebody changes the settings, or the data folder, which is
/// that of another log.
fn concerns_all(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ProcessorError::Settings(_)))
        || matches!(error.downcast_ref(), Some(HistoryError::Foreign(_)))
        || matches!(error.downcast_ref(), Some(SnapshotError::Foreign(_)))
}

#[cfg(test)]
mod tests {
    use std::io;

    use tallylight_eventlog::LogError;

    use super::*;

    #[test]
    fn only_wrong_settings_and_wrong_folders_end_what_runs_beside_a_shard() {
        let dir = || std::path::PathBuf::from("snapshots/2");
        let denied = SnapshotError::Disk { dir: dir(), error: io::ErrorKind::NotADirectory.into() };
        let shorter = || LogError::Invalid("it ends before".to_owned());
        let waiting: [anyhow::Error; 5] = [
            denied.into(),
            shorter().into(),
            ProcessorError::Log(shorter()).into(),
            HistoryError::Data("a table".to_owned()).into(),
            HistoryError::Unavailable("a disk".to_owned()).into(),
        ];
        assert!(!waiting.iter().any(concerns_all));
        let ending: [anyhow::Error; 3] = [
            SnapshotError::Foreign(dir()).into(),
            HistoryError::Foreign("of another log".to_owned()).into(),
            ProcessorError::Settings(vec!["partitions".to_owned()]).into(),
        ];
        assert!(ending.iter().all(concerns_all));
    }
}
