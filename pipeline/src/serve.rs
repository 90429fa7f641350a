//! What the HTTP services of this room share: listening, draining, problems, paths, CMSD.

pub mod body;
pub mod build;
pub mod cmsd;
pub mod cors;
pub mod metrics;
pub mod path;
pub mod problem;
pub mod upstream;
pub mod viewer;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A request's head must be there within this time.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Open requests may go on this long after a drain began; a held one needs four seconds.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait when the machine has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound listener and what answers on it.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    connections: usize,
}

impl Server {
    /// Binds `listen`; at most `connections` connections are served at a time, the others
    /// wait in the kernel's backlog.
    pub async fn bind(listen: SocketAddr, connections: usize) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {listen}: {error}"))
        })?;
        let addr = listener.local_addr()?;
        Ok(Self { listener, addr, connections })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `cancel`, then lets open requests end, for a few seconds at most.
    pub async fn run(self, router: Router, cancel: CancellationToken) {
        let graceful = GracefulShutdown::new();
        let slots = Arc::new(Semaphore::new(self.connections));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).half_close(false);
        loop {
            let slot = tokio::select! {
                () = cancel.cancelled() => break,
                Ok(slot) = slots.clone().acquire_owned() => slot,
            };
            let accepted = tokio::select! {
                () = cancel.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let connection = http.serve_connection(io_of(stream), service(router.clone()));
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::trace!(%error, "a connection ended");
                }
                drop(slot);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(DRAIN_WITHIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still open when the drain's time was over");
        }
    }
}

fn io_of(stream: TcpStream) -> TokioIo<TcpStream> {
    // Headers and body are two writes; without this the second may wait for an ACK.
    let _ = stream.set_nodelay(true);
    TokioIo::new(stream)
}

fn service(
    router: Router,
) -> impl hyper::service::Service<
    hyper::Request<hyper::body::Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> {
    hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        router.clone().oneshot(request.map(Body::new))
    })
}

#[cfg(test)]
#[path = "serve/tests.rs"]
mod tests;
