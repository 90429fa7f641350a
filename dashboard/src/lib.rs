//! What people see: API, WebSocket feed, pages.
//!
//! - [`Settings`] and [`build`] make a [`Dashboard`]; [`Dashboard::run`] serves until cancelled.
//! - `feed` follows topic `rows` and sends changes to every client (docs/feed.md).
//! - [`Sessions`] asks the processor about single viewers; `proxy` forwards media, manifests and
//!   beacons, so that one port is enough for a browser.
//! - [`sql`] answers SQL queries (docs/sql.md); `tail` shows records as they arrive, `series`
//!   aggregates them over time by any dimensions.

mod app;
mod feed;
mod health;
mod memory;
mod pages;
mod problem;
mod proxy;
mod reading;
mod rules;
mod series;
mod sessions;
mod settings;
pub mod sql;
mod tail;

use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tallylight_eventlog::Shards;
use tallylight_schemas::clock::Clock;
use tallylight_serve::{BindError, Limits, Server, TaskEnded};
use tallylight_store::history::History;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use feed::Facts;
pub use sessions::{MAX_SESSIONS, OpenSessions, Sessions};
pub use settings::{Expected, FeedSettings, LiveEvent, Phase, Settings, Upstreams};

pub(crate) use app::App;

/// Called once a second for facts that the dashboard cannot observe itself. It must not block.
pub type FactsSource = Arc<dyn Fn() -> Facts + Send + Sync>;

/// What the dashboard is made of.
pub struct Parts {
    /// The log from which topic `rows` is read.
    pub log: Shards,
    /// The source of sessions.
    pub sessions: Arc<dyn Sessions>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The history tables; they are empty without it.
    pub history: Option<History>,
    /// Further facts from the hosting process.
    pub facts: Option<FactsSource>,
    /// Metrics of the processor when it shares this process and has no port of its own.
    pub neighbours: Registry,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("log", &self.log).finish_non_exhaustive()
    }
}

/// Why the dashboard cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// All invalid settings.
    #[error("dashboard settings: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The address is in use or not allowed.
    #[error("dashboard {0}; stop what uses it or set `listen`")]
    Bind(#[from] BindError),
    /// The SQL engine cannot be set up.
    #[error("dashboard {0}")]
    Sql(#[from] sql::EngineError),
    /// An upstream uses TLS, and no certificate is trusted.
    #[error(
        "dashboard: upstreams use TLS, and no certificate is trusted here ({0}); install \
         ca-certificates, or name a file of certificates in SSL_CERT_FILE"
    )]
    Trust(std::io::Error),
    /// A task of the dashboard ended without being stopped: a bug, or its topic has become shorter.
    #[error("dashboard: {0}")]
    Internal(#[from] TaskEnded),
}

/// The dashboard, listening.
pub struct Dashboard {
    app: Arc<App>,
    server: Server,
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").field("address", &self.addr()).finish_non_exhaustive()
    }
}

/// Checks the settings and listens. Clients that connect wait until the dashboard runs.
pub async fn listen(settings: &Settings) -> Result<Server, Error> {
    settings.validate().map_err(Error::Settings)?;
    let limits = Limits {
        connections: settings.connections,
        head_within: Duration::from_secs(settings.idle_s.min(10)),
        idle_within: Duration::from_secs(settings.idle_s),
        request_within: REQUEST,
        drain_within: DRAIN,
    };
    Ok(Server::bind(settings.listen, limits).await?)
}

/// [Listens](listen) and wires the parts together.
pub async fn build(settings: Settings, parts: Parts) -> Result<Dashboard, Error> {
    build_on(listen(&settings).await?, settings, parts)
}

/// Wires the parts together behind a server that already listens with these settings.
pub fn build_on(server: Server, settings: Settings, parts: Parts) -> Result<Dashboard, Error> {
    let app = Arc::new(App::new(settings, parts)?);
    Ok(Dashboard { server: server.counting(app.metrics.connections.clone()), app })
}

/// Longest request; a query ends at its own deadline long before.
const REQUEST: Duration = Duration::from_secs(300);
/// How long requests in progress may take to finish once the dashboard stops.
const DRAIN: Duration = Duration::from_secs(5);

impl Dashboard {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Serves until `stop` is cancelled, then ends the feeds and drains.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let Self { app, server } = self;
        let mut tasks = JoinSet::new();
        tasks.spawn(feed::follow::follow(Arc::clone(&app)));
        tasks.spawn(feed::follow::publish(Arc::clone(&app)));
        tasks.spawn(feed::status::beat(Arc::clone(&app)));

        // The feeds are stopped at once; they end while requests drain.
        let stopping = stop.clone();
        let feeds = async {
            stopping.cancelled().await;
            app.stop.cancel();
        };
        let outcome = {
            let mut serving = pin!(server.run(app::router(&app), &mut tasks, stop));
            tokio::select! {
                outcome = &mut serving => outcome,
                () = feeds => serving.await,
            }
        };
        app.stop.cancel();
        app.tasks.close();
        if tokio::time::timeout(DRAIN, app.tasks.wait()).await.is_err() {
            let waited_s = DRAIN.as_secs();
            tracing::warn!(waited_s, "feeds were still open after the stop; they are cut off");
        }
        tasks.shutdown().await;
        Ok(outcome?)
    }
}
