//! Accepting connections, serving them, and ending them.

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
use crate::asking::Asked;
use crate::life::Life;
use crate::place::Placed;
use crate::roll::Roll;
use crate::strangers::Strangers;
use crate::tls::Tls;

/// Accepting pauses for so long when the machine refuses a connection (out of files, say), and
/// twice as long each time it refuses again and nobody can be spared.
const ACCEPT_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// So many idle connections give their files at a time then.
const ROOM: usize = 8;
/// How often room is looked for while a client waits for a place.
const WAIT_FOR_PLACE: Duration = Duration::from_millis(50);
/// A connection that was told to end gets so long to say goodbye.
const GOODBYE: Duration = Duration::from_millis(250);

/// All connections of one server.
pub(crate) struct Connections {
    http: Builder<TokioExecutor>,
    tls: Option<Arc<Tls>>,
    strangers: Arc<Strangers>,
    router: Router,
    limits: Limits,
    places: Arc<Semaphore>,
    open: Gauge,
    roll: Arc<Roll>,
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
            places: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            open,
            roll: Arc::default(),
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
            never = self.roll.watch(&self.limits) => never,
            never = fresh => never,
        }
    }

    async fn accept_all(&self, listener: &TcpListener) -> Infallible {
        let mut number = 0;
        let mut pause = ACCEPT_PAUSE;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let place = self.place().await;
                    number += 1;
                    self.spawn(number, stream, peer, place);
                    pause = ACCEPT_PAUSE;
                }
                Err(error) => pause = self.refused(&error, pause).await,
            }
        }
    }

    /// The machine has no room for one more. Whoever is idle gives theirs, and a pause keeps
    /// the loop from turning for nothing.
    async fn refused(&self, error: &io::Error, pause: Duration) -> Duration {
        if pause == ACCEPT_PAUSE {
            tracing::warn!(%error, "a connection was refused; idle ones are closed");
        }
        let room = (0..ROOM).filter(|_| self.roll.make_room(Instant::now())).count();
        let pause = if room > 0 { ACCEPT_PAUSE } else { pause };
        tokio::time::sleep(pause).await;
        (pause * 2).min(LONGEST_PAUSE)
    }

    /// A place for the client that was accepted; the others wait in the system's backlog.
    async fn place(&self) -> OwnedSemaphorePermit {
        loop {
            if let Ok(place) = self.places.clone().try_acquire_owned() {
                return place;
            }
            self.roll.make_room(Instant::now());
            let place = self.places.clone().acquire_owned();
            if let Ok(Ok(place)) = timeout(WAIT_FOR_PLACE, place).await {
                return place;
            }
        }
    }

    fn spawn(&self, number: u64, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        // Head and body are two small writes: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let life = Arc::new(Life::new(Instant::now()));
        let stream = Placed::new(stream, place, self.open.clone(), life.clone());
        let entered = self.roll.enter(number, life.clone());
        let inner = TowerToHyperService::new(self.router.clone());
        let strangers = self.strangers.clone();
        let asked = Asked { inner, peer, life: life.clone(), strangers: strangers.clone() };
        let (http, draining) = (self.http.clone(), self.draining.clone());
        let acceptor = self.tls.as_ref().map(|tls| tls.acceptor());
        let serving = async move {
            let _entered = entered;
            let Some(acceptor) = acceptor else {
                return serve(&http, stream, asked, &life, &draining).await;
            };
            let greeted = strangers.greet(peer.ip(), Box::pin(acceptor.accept(stream)));
            let greeted = draining.run_until_cancelled(greeted);
            match life.end.run_until_cancelled(greeted).await.flatten().flatten() {
                Some(Ok(stream)) => serve(&http, stream, asked, &life, &draining).await,
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

    /// Lets open requests end; cuts off what is left after `within`.
    pub(crate) async fn drain(self, within: Duration) {
        self.draining.cancel();
        self.tasks.close();
        if timeout(within, self.tasks.wait()).await.is_err() {
            let open = self.tasks.len();
            tracing::warn!(open, "requests were still under way when the drain ended");
        }
    }
}

/// Serves one connection until its client, its life or a drain ends it.
async fn serve(
    http: &Builder<TokioExecutor>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    asked: Asked,
    life: &Life,
    draining: &CancellationToken,
) {
    let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), asked);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match life.end.run_until_cancelled(connection).await {
                Some(ended) => ended,
                None => return,
            }
        }
        () = life.end.cancelled() => {
            life.say_goodbye();
            connection.as_mut().graceful_shutdown();
            let _ = timeout(GOODBYE, connection).await;
            return;
        }
    };
    // Clients break off all the time; what they had sent has been answered or not.
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}
