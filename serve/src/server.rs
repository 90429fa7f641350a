//! A server: bind, serve, drain.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::connections::Connections;
use crate::tls::{Tls, TlsError, TlsFiles};

/// What a server allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Concurrent connections, including upgraded ones (WebSockets). At the limit, a further client
    /// replaces one that never sent a request, the one idle for longest, or one that sends a body
    /// slowly; while all others await answers, it waits.
    pub connections: usize,
    /// A new connection without a complete request head after this long is closed; this includes
    /// the TLS handshake.
    pub head_within: Duration,
    /// A connection without a complete head for this long after its last answer is closed.
    pub idle_within: Duration,
    /// A request whose answer has not ended this long after its head is cut off.
    pub request_within: Duration,
    /// Requests in progress may continue for this long after a drain begins; then they are cut off.
    pub drain_within: Duration,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {source}")]
pub struct BindError {
    /// The address.
    pub addr: SocketAddr,
    /// The system's error.
    pub source: io::Error,
}

/// A background task of the service ended unexpectedly, so the service is no longer complete: end
/// the process and restart it.
#[derive(Debug, thiserror::Error)]
#[error("a background task ended by itself: {0}")]
pub struct TaskEnded(String);

impl From<JoinError> for TaskEnded {
    fn from(error: JoinError) -> Self {
        Self(error.to_string())
    }
}

/// A bound listener that is not serving yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    limits: Limits,
    open: Gauge,
    tls: Option<Arc<Tls>>,
}

impl Server {
    /// Listens on `listen`; clients may connect from here on, and wait.
    pub async fn bind(listen: SocketAddr, limits: Limits) -> Result<Self, BindError> {
        let failed = |source| BindError { addr: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, addr, limits, open: Gauge::default(), tls: None })
    }

    /// Counts open connections in `gauge`, which the service's registry may hold.
    pub fn counting(self, gauge: Gauge) -> Self {
        Self { open: gauge, ..self }
    }

    /// Accepts only TLS, with a certificate that is reloaded when its files change.
    pub fn with_tls(self, files: TlsFiles) -> Result<Self, TlsError> {
        Ok(Self { tls: Some(Arc::new(Tls::new(files)?)), ..self })
    }

    /// The address it listens on, with the actual port if `listen` had port 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves `router` until `done` completes, and keeps listening: clients that connect afterwards
    /// wait for [`Server::run`]. For a service that is still starting and answers so.
    pub async fn serve_while<T>(&self, router: Router, done: impl Future<Output = T>) -> T {
        let Self { listener, limits, open, tls, .. } = self;
        let connections = Connections::new(router, *limits, open.clone(), tls.clone());
        let result = tokio::select! {
            result = done => result,
            never = connections.accept(listener) => match never {},
        };
        connections.drain(limits.drain_within).await;
        result
    }

    /// Serves `router` until `stop`, then drains: stops accepting, closes idle connections and lets
    /// requests in progress end, within [`Limits::drain_within`].
    ///
    /// Also drains when one of `tasks`, the service's background work, ends or panics, and then
    /// returns the error. The other tasks are left to the caller, which may need them longer.
    /// Upgraded connections belong to the handler that upgraded them and are not drained.
    pub async fn run(
        self,
        router: Router,
        tasks: &mut JoinSet<()>,
        stop: CancellationToken,
    ) -> Result<(), TaskEnded> {
        let Self { listener, addr, limits, open, tls } = self;
        let connections = Connections::new(router, limits, open, tls);
        let outcome = tokio::select! {
            // The same token may end the tasks, which is not an error: check it first.
            biased;
            () = stop.cancelled() => Ok(()),
            ended = first_end(tasks) => Err(ended),
            never = connections.accept(&listener) => match never {},
        };
        if let Err(error) = &outcome {
            tracing::error!(%addr, %error, "the service stops");
        }
        drop(listener);
        connections.drain(limits.drain_within).await;
        outcome
    }
}

/// Waits until one of `tasks` ends; forever if there are none.
async fn first_end(tasks: &mut JoinSet<()>) -> TaskEnded {
    match tasks.join_next().await {
        Some(Ok(())) => TaskEnded("it returned".into()),
        Some(Err(error)) => error.into(),
        None => std::future::pending().await,
    }
}
