//! Build, serve, drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tallylight_eventlog::EventLog;
use tallylight_schemas::clock::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::admit::Admission;
use crate::append::{Committer, Queue};
use crate::metrics::Metrics;
use crate::receive::{Collector, router};
use crate::settings::Settings;

/// How long accepting pauses when the machine refuses a connection (out of files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a collector works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The time of arrival.
    pub clock: Arc<dyn Clock>,
    /// Where records go.
    pub log: Arc<dyn EventLog>,
}

/// Why a collector could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Every mistake in the settings.
    #[error("collector settings: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A collector that listens and does not serve yet.
#[derive(Debug)]
pub struct Service {
    listener: TcpListener,
    addr: SocketAddr,
    router: Router,
    committer: Committer,
    metrics: Arc<Metrics>,
    connections: usize,
    idle: Duration,
    drain: Duration,
}

/// Checks the settings, binds the listener and wires the parts together.
pub async fn build(settings: Settings, parts: Parts) -> Result<Service, BuildError> {
    settings.validate().map_err(BuildError::Settings)?;
    let listening = |source| BuildError::Listen { addr: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(listening)?;
    let addr = listener.local_addr().map_err(listening)?;
    let metrics = Arc::new(Metrics::default());
    let queue = Arc::new(Queue::new(&settings, metrics.clone()));
    let healthy = Arc::new(AtomicBool::new(true));
    let committer = Committer::new(queue.clone(), parts.log, metrics.clone(), healthy.clone());
    let collector = Collector {
        admission: Admission::new(&settings),
        queue,
        metrics: metrics.clone(),
        clock: parts.clock,
        healthy,
        max_records: settings.request_records,
    };
    Ok(Service {
        listener,
        addr,
        router: router(Arc::new(collector)),
        committer,
        metrics,
        connections: settings.connections,
        idle: Duration::from_millis(settings.idle_ms),
        drain: Duration::from_millis(settings.drain_ms),
    })
}

impl Service {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The routes, to be called without a connection. They answer while the service runs.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves until `stop`; then accepts nothing more, answers what is under way and commits
    /// what has gathered.
    pub async fn run(self, stop: CancellationToken) {
        let Self { listener, router, committer, metrics, connections, idle, drain, addr } = self;
        let stop_commits = CancellationToken::new();
        let commits = tokio::spawn(committer.run(stop_commits.clone()));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(idle);
        let server = Server { http, router, metrics, graceful: GracefulShutdown::new() };
        tracing::info!(%addr, "collector listens");
        let places = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        while let Some((stream, place)) = stop.run_until_cancelled(accept(&listener, &places)).await
        {
            server.spawn(stream, place);
        }
        drop(listener);
        if tokio::time::timeout(drain, server.graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still under way when the drain ended");
        }
        stop_commits.cancel();
        if let Err(error) = commits.await {
            tracing::error!(%error, "the commit task ended early");
        }
        tracing::info!(%addr, "collector stopped");
    }
}

struct Server {
    http: http1::Builder,
    router: Router,
    metrics: Arc<Metrics>,
    graceful: GracefulShutdown,
}

impl Server {
    fn spawn(&self, stream: TcpStream, place: OwnedSemaphorePermit) {
        // Answers are one small packet: waiting to fill it only delays them.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(self.router.clone());
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let connection = self.graceful.watch(connection);
        let metrics = self.metrics.clone();
        metrics.connections.inc();
        tokio::spawn(async move {
            // Clients break off all the time; what they had sent has been answered or not.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            metrics.connections.dec();
            drop(place);
        });
    }
}

/// Waits for a free place, then for a client; while no place is free, clients wait in the
/// system's backlog.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            // The semaphore is never closed.
            std::future::pending::<()>().await;
            continue;
        };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "a connection was refused");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
