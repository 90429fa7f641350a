//! What people see: API, WebSocket feed, pages.
//!
//! - [`Settings`] and [`build`] make a [`Dashboard`]; [`Dashboard::run`] serves until cancelled.
//! - `feed` follows topic `rows` and tells every client what changed (docs/feed.md).
//! - [`Sessions`] asks the processor about single viewers; `proxy` passes media, manifests and
//!   beacons on, so that one port is enough for a browser.
//! - `guard` refuses callers from elsewhere (D16).

mod app;
mod feed;
mod guard;
mod health;
mod pages;
mod problem;
mod proxy;
mod sessions;
mod settings;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use prometheus_client::registry::Registry;
use tallylight_eventlog::EventLog;
use tallylight_schemas::clock::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use feed::Facts;
pub use sessions::{MAX_SESSIONS, Sessions};
pub use settings::{FeedSettings, Settings, Upstreams};

pub(crate) use app::App;

/// Asked once a second for what the dashboard cannot see by itself. It must not block.
pub type FactsSource = Arc<dyn Fn() -> Facts + Send + Sync>;

/// What the dashboard is made of.
pub struct Parts {
    /// Where topic `rows` is read.
    pub log: Arc<dyn EventLog>,
    /// Where sessions are asked for.
    pub sessions: Arc<dyn Sessions>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the process knows besides; optional.
    pub facts: Option<FactsSource>,
    /// Metrics of who shares this process and has no port of its own: the processor.
    pub neighbours: Registry,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("log", &self.log).finish_non_exhaustive()
    }
}

/// Why the dashboard does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Settings to be corrected, all of them.
    #[error("dashboard settings: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The address is taken or not allowed.
    #[error("dashboard cannot listen on {address}: {source}; stop what uses it or set `listen`")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A task of the dashboard ended although nobody asked it to; a bug.
    #[error("a task of the dashboard ended: {0}")]
    Internal(String),
}

/// The dashboard, listening.
pub struct Dashboard {
    app: Arc<App>,
    listener: TcpListener,
    address: SocketAddr,
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Checks the settings and binds the listener.
pub async fn build(settings: Settings, parts: Parts) -> Result<Dashboard, Error> {
    settings.validate().map_err(Error::Settings)?;
    let bind = |source| Error::Bind { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let app = Arc::new(App::new(settings, parts));
    Ok(Dashboard { app, listener, address })
}

/// Time that requests under way have to end in, once the dashboard is told to stop.
const DRAIN: Duration = Duration::from_secs(5);

impl Dashboard {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled, then ends the feeds and drains.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let Self { app, listener, .. } = self;
        let mut tasks = JoinSet::new();
        tasks.spawn(feed::follow::follow(Arc::clone(&app)));
        tasks.spawn(feed::follow::publish(Arc::clone(&app)));
        tasks.spawn(feed::status::beat(Arc::clone(&app)));

        // A message should leave when it is written, not when more is there to go with it.
        let listener = listener.tap_io(|tcp| {
            let _ = tcp.set_nodelay(true);
        });
        let serve = axum::serve(listener, app::router(&app))
            .with_graceful_shutdown(app.stop.clone().cancelled_owned());
        let mut serve = tokio::spawn(serve.into_future());
        let outcome = tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = tasks.join_next() => Err(Error::Internal(format!("{ended:?}"))),
            ended = &mut serve => Err(Error::Internal(format!("serving: {ended:?}"))),
        };
        app.stop.cancel();
        app.tasks.close();
        let drained = async {
            app.tasks.wait().await;
            if !serve.is_finished() {
                let _ = (&mut serve).await;
            }
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("requests were still under way 5 s after the stop; they are cut off");
        }
        serve.abort();
        tasks.shutdown().await;
        outcome
    }
}
