//! Builds, serves and drains a collector.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use tallylight_eventlog::Shards;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::ident::each_shard_has_one;
use tallylight_serve::{BindError, Limits, Server, TaskEnded, TlsError};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admit::Admission;
use crate::append::{Committer, Queue};
use crate::beacons::Ring;
use crate::dead_letters::DeadLetters;
use crate::enrich::Enricher;
use crate::metrics::Metrics;
use crate::receive::{Collector, router};
use crate::settings::Settings;
use crate::talkers::Talkers;

/// What a collector is built from.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The clock that records are received by.
    pub clock: Arc<dyn Clock>,
    /// Where records go.
    pub log: Shards,
}

/// Why a collector could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Every mistake in the settings.
    #[error("collector settings: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A collector that listens but does not serve yet.
#[derive(Debug)]
pub struct Service {
    server: Server,
    router: Router,
    committer: Committer,
}

/// Checks the settings and listens. Connections wait until the service runs.
pub async fn listen(settings: &Settings) -> Result<Server, BuildError> {
    settings.validate().map_err(BuildError::Settings)?;
    let limits = Limits {
        connections: settings.connections,
        head_within: Duration::from_millis(settings.head_ms),
        idle_within: Duration::from_millis(settings.idle_ms),
        request_within: Duration::from_millis(settings.request_ms),
        drain_within: Duration::from_millis(settings.drain_ms),
    };
    let server = Server::bind(settings.listen, limits).await?;
    Ok(match settings.tls.clone() {
        Some(files) => server.with_tls(files)?,
        None => server,
    })
}

/// [Listens](listen) and assembles the collector.
pub async fn build(settings: Settings, parts: Parts) -> Result<Service, BuildError> {
    build_on(listen(&settings).await?, settings, parts)
}

/// Assembles the collector behind a server that listens as these settings say.
pub fn build_on(server: Server, settings: Settings, parts: Parts) -> Result<Service, BuildError> {
    each_shard_has_one(settings.partitions, parts.log.count())
        .map_err(|why| BuildError::Settings(vec![why]))?;
    let metrics = Arc::new(Metrics::default());
    let server = server.counting(metrics.connections.clone());
    let queue = Arc::new(Queue::new(&settings, metrics.clone()));
    let healthy = Arc::new(AtomicBool::new(true));
    let letters = Arc::new(DeadLetters::new(settings.dead_letters_per_day, metrics.clone()));
    let committer =
        Committer::new(queue.clone(), parts.log, letters.clone(), metrics.clone(), healthy.clone());
    let collector = Collector {
        admission: Admission::new(&settings),
        enricher: Enricher::new(&settings.enrich),
        talkers: Talkers::new(settings.session_records_per_s),
        letters,
        queue,
        metrics,
        clock: parts.clock,
        healthy,
        max_records: settings.request_records,
        beacons: Ring::default(),
        beacons_to_all: settings.beacons_to_all,
    };
    Ok(Service { server, router: router(Arc::new(collector)), committer })
}

impl Service {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The routes, to be called without a connection. They answer while the service runs.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves until `stop`; then accepts nothing more, answers the requests under way and commits
    /// what was gathered. An error means that the committer ended by itself: waiting requests were
    /// answered with an error, and the collector is no longer usable.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TaskEnded> {
        let Self { server, router, committer } = self;
        let addr = server.addr();
        tracing::info!(%addr, "collector listens");
        // Commits continue while requests drain, since they wait for them.
        let stop_commits = CancellationToken::new();
        // Also when this future is dropped early: a thread cannot be dropped.
        let _stopped = stop_commits.clone().drop_guard();
        let mut commits = JoinSet::new();
        match Handle::current().runtime_flavor() {
            // A single-threaded runtime has no thread to spare.
            RuntimeFlavor::CurrentThread => commits.spawn(committer.run(stop_commits.clone())),
            // A thread of its own: a task would wait behind the requests of an overloaded
            // collector, which wait for its commit.
            _ => {
                let (runtime, stop) = (Handle::current(), stop_commits.clone());
                commits.spawn_blocking(move || runtime.block_on(committer.run(stop)))
            }
        };
        server.run(router, &mut commits, stop).await?;
        stop_commits.cancel();
        while let Some(ended) = commits.join_next().await {
            ended?;
        }
        tracing::info!(%addr, "collector stopped");
        Ok(())
    }
}
