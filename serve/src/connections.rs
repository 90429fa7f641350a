//! Accepts, serves and ends connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::Limits;
use crate::life::Life;
use crate::registry::Registry;
use crate::request::ConnectionService;
use crate::strangers::Strangers;
use crate::stream::CountedStream;
use crate::tls::Tls;

/// Accepting pauses for this long when the system refuses a connection (out of file handles, for
/// example), and twice as long each time it refuses again and no connection can be ended.
const ACCEPT_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// This many connections are ended at a time to free file handles.
const ROOM: usize = 8;
/// How often to try to make room while a client waits.
const RETRY_ROOM: Duration = Duration::from_millis(50);
/// How long a connection may take to close cleanly.
const CLOSE_WITHIN: Duration = Duration::from_millis(250);

/// All connections of one server.
pub(crate) struct Connections {
    http: Builder<TokioExecutor>,
    tls: Option<Arc<Tls>>,
    strangers: Arc<Strangers>,
    router: Router,
    limits: Limits,
    permits: Arc<Semaphore>,
    open: Gauge,
    registry: Arc<Registry>,
    tasks: TaskTracker,
    draining: CancellationToken,
    /// Cancelled when this is dropped: no connection outlives its server.
    cut: CancellationToken,
    _cut: DropGuard,
}

impl Connections {
    pub(crate) fn new(router: Router, limits: Limits, open: Gauge, tls: Option<Arc<Tls>>) -> Self {
        let cut = CancellationToken::new();
        Self {
            http: crate::http::builder(),
            tls,
            strangers: Arc::default(),
            router,
            limits,
            permits: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            open,
            registry: Arc::default(),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            _cut: cut.clone().drop_guard(),
            cut,
        }
    }

    /// Accepts and serves for as long as it is polled.
    pub(crate) async fn accept(&self, listener: &TcpListener) -> Infallible {
        let fresh = async {
            match &self.tls {
                Some(tls) => tls.keep_fresh().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            never = self.accept_all(listener) => never,
            never = self.registry.watch(&self.limits) => never,
            never = fresh => never,
        }
    }

    async fn accept_all(&self, listener: &TcpListener) -> Infallible {
        let mut number = 0;
        let mut pause = ACCEPT_PAUSE;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let permit = self.permit().await;
                    number += 1;
                    self.spawn(number, stream, peer, permit);
                    pause = ACCEPT_PAUSE;
                }
                Err(error) => pause = self.refused(&error, pause).await,
            }
        }
    }

    /// The system cannot take another connection. Idle ones are ended, and a pause keeps the loop
    /// from spinning.
    async fn refused(&self, error: &io::Error, pause: Duration) -> Duration {
        if pause == ACCEPT_PAUSE {
            tracing::warn!(%error, "a connection was refused; idle ones are closed");
        }
        let room = (0..ROOM).filter(|_| self.registry.make_room(Instant::now())).count();
        let pause = if room > 0 { ACCEPT_PAUSE } else { pause };
        tokio::time::sleep(pause).await;
        (pause * 2).min(LONGEST_PAUSE)
    }

    /// A permit for the accepted client; further clients wait in the system's backlog.
    async fn permit(&self) -> OwnedSemaphorePermit {
        loop {
            if let Ok(permit) = self.permits.clone().try_acquire_owned() {
                return permit;
            }
            self.registry.make_room(Instant::now());
            let permit = self.permits.clone().acquire_owned();
            if let Ok(Ok(permit)) = timeout(RETRY_ROOM, permit).await {
                return permit;
            }
        }
    }

    fn spawn(
        &self,
        number: u64,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) {
        // Head and body are two small writes, which Nagle's algorithm would only delay.
        let _ = stream.set_nodelay(true);
        let life = Arc::new(Life::new(Instant::now()));
        let stream = CountedStream::new(stream, permit, self.open.clone(), life.clone());
        let registered = self.registry.add(number, life.clone());
        let inner = TowerToHyperService::new(self.router.clone());
        let strangers = self.strangers.clone();
        let service =
            ConnectionService { inner, peer, life: life.clone(), strangers: strangers.clone() };
        let (http, draining) = (self.http.clone(), self.draining.clone());
        let acceptor = self.tls.as_ref().map(|tls| tls.acceptor());
        let serving = async move {
            let _registered = registered;
            let Some(acceptor) = acceptor else {
                return serve(&http, stream, service, &life, &draining).await;
            };
            let handshake = strangers.handshake(peer.ip(), Box::pin(acceptor.accept(stream)));
            let handshake = draining.run_until_cancelled(handshake);
            match life.end.run_until_cancelled(handshake).await.flatten().flatten() {
                Some(Ok(stream)) => serve(&http, stream, service, &life, &draining).await,
                Some(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                None => {}
            }
            if !life.has_asked() {
                strangers.learn(peer.ip(), false, Instant::now());
            }
        };
        let cut = self.cut.clone();
        self.tasks.spawn(async move { cut.run_until_cancelled(serving).await });
    }

    /// Lets requests in progress end; cuts off the rest after `within`.
    pub(crate) async fn drain(self, within: Duration) {
        self.draining.cancel();
        self.tasks.close();
        if timeout(within, self.tasks.wait()).await.is_err() {
            let open = self.tasks.len();
            tracing::warn!(open, "requests were still in progress when the drain ended");
        }
    }
}

/// Serves one connection until its client, its life or a drain ends it.
async fn serve(
    http: &Builder<TokioExecutor>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: ConnectionService,
    life: &Life,
    draining: &CancellationToken,
) {
    let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = draining.cancelled() => {
            life.answer_now.cancel();
            connection.as_mut().graceful_shutdown();
            match life.end.run_until_cancelled(connection).await {
                Some(ended) => ended,
                None => return,
            }
        }
        () = life.end.cancelled() => {
            life.begin_closing();
            connection.as_mut().graceful_shutdown();
            let _ = timeout(CLOSE_WITHIN, connection).await;
            return;
        }
    };
    // Clients disconnect all the time, so this is not an error of the server.
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}
