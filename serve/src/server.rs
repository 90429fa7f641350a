//! A listener and its life: bind, serve, drain.

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
    /// Connections at a time, upgraded ones (WebSockets) among them. When all places are taken,
    /// a further client gets that of one who never asked, of who is idle for longest, or of who
    /// sends a body slowly; while all others wait for answers it waits too.
    pub connections: usize,
    /// A new connection without a whole request head for this long is closed; a TLS handshake
    /// is part of it.
    pub head_within: Duration,
    /// A connection without a whole head for this long after its last answer is closed.
    pub idle_within: Duration,
    /// A request whose answer did not end this long after its head is cut off.
    pub request_within: Duration,
    /// Requests under way may go on for this long after a drain began; then they are cut off.
    pub drain_within: Duration,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {source}")]
pub struct BindError {
    /// The address.
    pub addr: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// A background task of the service ended although nobody asked it to, so the service is no
/// longer whole: end the process and start it again.
#[derive(Debug, thiserror::Error)]
#[error("a background task ended by itself: {0}")]
pub struct TaskEnded(String);

impl From<JoinError> for TaskEnded {
    fn from(error: JoinError) -> Self {
        Self(error.to_string())
    }
}

/// A bound listener that does not serve yet.
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

    /// Speaks TLS alone, with a certificate that is read again when its files change.
    pub fn with_tls(self, files: TlsFiles) -> Result<Self, TlsError> {
        Ok(Self { tls: Some(Arc::new(Tls::new(files)?)), ..self })
    }

    /// Where it listens: the real port when `listen` named port 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves `router` until `done` is, and goes on listening: whoever connects from then on waits
    /// for [`Server::run`]. For a service that cannot begin yet, and says so.
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

    /// Serves `router` until `stop`, then drains: accepts nothing more, closes idle connections
    /// and lets requests under way end, within [`Limits::drain_within`].
    ///
    /// Drains also when one of `tasks`, the service's background work, ends or panics, and then
    /// returns the error. Tasks that go on are left to the caller, who may need them longer.
    /// Upgraded connections belong to whoever upgraded them and are not part of the drain.
    pub async fn run(
        self,
        router: Router,
        tasks: &mut JoinSet<()>,
        stop: CancellationToken,
    ) -> Result<(), TaskEnded> {
        let Self { listener, addr, limits, open, tls } = self;
        let connections = Connections::new(router, limits, open, tls);
        let outcome = tokio::select! {
            // Tasks may be told to end by the same token: that is no mistake of theirs.
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

/// Waits until one of `tasks` ends: for ever when there are none.
async fn first_end(tasks: &mut JoinSet<()>) -> TaskEnded {
    match tasks.join_next().await {
        Some(Ok(())) => TaskEnded("it returned".into()),
        Some(Err(error)) => error.into(),
        None => std::future::pending().await,
    }
}
