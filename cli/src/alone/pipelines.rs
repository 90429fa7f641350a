//! A processor for each shard that this process owns, each by itself: its own place in its shard,
//! its own state, snapshots and rows (ADR 25).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tallylight_eventlog::kafka::{Change, Kafka};
use tallylight_eventlog::{EventLog, LogError};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::ident::Shard;
use tallylight_store::archive::{History, HistoryError};
use tallylight_stream_processor::{Metrics, ProcessorError, ProcessorHandle};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::owners::Owners;
use crate::processor::{self, Owning};
use crate::settings::Settings;

/// Wait before a shard is tried again that could not be opened.
const RETRY: Duration = Duration::from_secs(1);

/// A processor that runs, and the history that it writes.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) shard: Shard,
    pub(super) handle: ProcessorHandle,
    pub(super) history: History,
}

/// How to ask the processors of this process.
#[derive(Debug, Clone, Default)]
pub(super) struct Owned(Arc<Mutex<Given>>);

/// What this process was given.
#[derive(Debug, Default)]
struct Given {
    /// Shards that are not open yet.
    opening: BTreeSet<Shard>,
    running: BTreeMap<Shard, Own>,
}

impl Owned {
    fn lock(&self) -> MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that run now.
    pub(super) fn all(&self) -> Vec<Own> {
        self.lock().running.values().cloned().collect()
    }

    /// That of a shard, if it runs here.
    pub(super) fn of(&self, shard: u16) -> Option<Own> {
        self.lock().running.values().find(|own| own.shard.number() == shard).cloned()
    }

    /// Numbers of the shards that were given to this process and are not open yet.
    pub(super) fn opening(&self) -> Vec<u16> {
        self.lock().opening.iter().map(|shard| shard.number()).collect()
    }

    /// Notes that a shard was given.
    pub(super) fn given(&self, shard: Shard) {
        self.lock().opening.insert(shard);
    }

    fn open(&self, own: Own) {
        let mut given = self.lock();
        given.opening.remove(&own.shard);
        given.running.insert(own.shard, own);
    }

    /// Forgets a shard.
    pub(super) fn gone(&self, shard: Shard) {
        let mut given = self.lock();
        given.opening.remove(&shard);
        given.running.remove(&shard);
    }
}

/// What every pipeline is made from.
struct Parts {
    settings: Settings,
    kafka: Arc<Kafka>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    owned: Owned,
    owners: Arc<Owners>,
}

struct Pipeline {
    stop: CancellationToken,
    work: JoinHandle<anyhow::Result<()>>,
}

/// See the module.
pub(super) struct Pipelines {
    parts: Arc<Parts>,
    running: BTreeMap<Shard, Pipeline>,
}

impl Pipelines {
    pub(super) fn new(
        settings: Settings,
        kafka: Arc<Kafka>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let (owned, owners) = (Owned::default(), Arc::new(Owners::new(Arc::clone(&kafka))?));
        let parts = Arc::new(Parts { settings, kafka, clock, metrics, owned, owners });
        Ok(Self { parts, running: BTreeMap::new() })
    }

    /// How to ask them.
    pub(super) fn owned(&self) -> Owned {
        self.parts.owned.clone()
    }

    /// Does what the group of owners says.
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
        let work = tokio::spawn(work(Shown::given(&self.parts, shard), stop.clone()));
        self.running.insert(shard, Pipeline { stop, work });
    }

    /// Ends one as it is: nothing more is written. Nothing is lost by it, as by a crash.
    async fn abandon(&mut self, shard: Shard) {
        if let Some(Pipeline { work, .. }) = self.running.remove(&shard) {
            work.abort();
            let _ = work.await;
        }
    }

    /// Returns when one ends that nobody told to; with its error.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        let work = self.running.values_mut().map(|pipeline| &mut pipeline.work);
        match work.collect::<Vec<_>>() {
            none if none.is_empty() => std::future::pending().await,
            some => futures::future::select_all(some).await.0?,
        }
    }

    /// Ends all that are left in order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        finish(std::mem::take(&mut self.running).into_values().collect()).await
    }
}

/// Lets pipelines end in order: what they have goes to history.
async fn finish(pipelines: Vec<Pipeline>) -> anyhow::Result<()> {
    pipelines.iter().for_each(|pipeline| pipeline.stop.cancel());
    for pipeline in pipelines {
        pipeline.work.await??;
    }
    Ok(())
}

/// What is shown of a shard from when it is given; not any more when this is dropped.
struct Shown(Arc<Parts>, Shard);

impl Shown {
    fn given(parts: &Arc<Parts>, shard: Shard) -> Self {
        parts.owned.given(shard);
        Self(Arc::clone(parts), shard)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.owned.gone(self.1);
        self.0.metrics.forget(self.1);
    }
}

/// Opens a shard and processes it until `stop`.
async fn work(shown: Shown, stop: CancellationToken) -> anyhow::Result<()> {
    let (parts, shard) = (&shown.0, shown.1);
    let Owning { processor, history } = loop {
        match open(parts, shard).await {
            Ok(owning) => break owning,
            Err(error) if passes(&error) => {
                tracing::warn!(?shard, %error, "the shard cannot be opened now");
            }
            Err(error) => return Err(error),
        }
        if stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
            return Ok(());
        }
    };
    parts.owned.open(Own { shard, handle: processor.handle(), history: history.clone() });
    // One keeps the books for all: the owner of the first shard.
    let _keeping = match shard.number() {
        0 => Some(processor::keep(&parts.settings, history, Arc::clone(&parts.owners) as _)?),
        _ => None,
    };
    processor.run(stop).await?;
    Ok(())
}

async fn open(parts: &Parts, shard: Shard) -> anyhow::Result<Owning> {
    let log: Arc<dyn EventLog> = Arc::new(parts.kafka.shard(shard).await?);
    processor::open(&parts.settings, &log, &parts.clock, parts.metrics.clone()).await
}

/// Whether it may go better in a moment.
fn passes(error: &anyhow::Error) -> bool {
    let log = |error: &LogError| matches!(error, LogError::Unavailable(_));
    match error.downcast_ref::<ProcessorError>() {
        Some(ProcessorError::Log(error)) => log(error),
        Some(_) => false,
        None => {
            error.downcast_ref().is_some_and(log)
                || matches!(error.downcast_ref(), Some(HistoryError::Unavailable(_)))
        }
    }
}
