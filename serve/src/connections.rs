//! Accepting connections, serving them, and ending them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::Limits;
use crate::place::Placed;

/// How long accepting pauses when the machine refuses a connection (out of files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who is at the other end of the connection: an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Says with each request who sent it.
struct WithPeer {
    inner: TowerToHyperService<Router>,
    peer: SocketAddr,
}

impl Service<Request<Incoming>> for WithPeer {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Peer(self.peer));
        self.inner.call(request)
    }
}

/// All connections of one server.
pub(crate) struct Connections {
    http: http1::Builder,
    router: Router,
    places: Arc<Semaphore>,
    open: Gauge,
    tasks: TaskTracker,
    draining: CancellationToken,
    /// Cancelled when this is dropped: no connection outlives its server.
    cut: CancellationToken,
    _cut: DropGuard,
}

impl Connections {
    pub(crate) fn new(router: Router, limits: &Limits, open: Gauge) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.head_within);
        let cut = CancellationToken::new();
        Self {
            http,
            router,
            places: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            open,
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            _cut: cut.clone().drop_guard(),
            cut,
        }
    }

    /// Accepts and serves for as long as it is polled.
    pub(crate) async fn accept(&self, listener: &TcpListener) -> Infallible {
        loop {
            // First a place, then a client: one without a place waits in the system's backlog.
            let Ok(place) = self.places.clone().acquire_owned().await else {
                // The semaphore is never closed.
                return std::future::pending().await;
            };
            match listener.accept().await {
                Ok((stream, peer)) => self.spawn(stream, peer, place),
                Err(error) => {
                    tracing::warn!(%error, "a connection was refused");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        // Head and body are two small writes: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let stream = TokioIo::new(Placed::new(stream, place, self.open.clone()));
        let inner = TowerToHyperService::new(self.router.clone());
        let service = WithPeer { inner, peer };
        let connection = self.http.serve_connection(stream, service).with_upgrades();
        let draining = self.draining.clone();
        let serving = async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = draining.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            // Clients break off all the time; what they had sent has been answered or not.
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
        };
        let cut = self.cut.clone();
        self.tasks.spawn(async move { cut.run_until_cancelled(serving).await });
    }

    /// Lets open requests end; cuts off what is left after `within`.
    pub(crate) async fn drain(self, within: Duration) {
        self.draining.cancel();
        self.tasks.close();
        if tokio::time::timeout(within, self.tasks.wait()).await.is_err() {
            let open = self.tasks.len();
            tracing::warn!(open, "requests were still under way when the drain ended");
        }
    }
}
