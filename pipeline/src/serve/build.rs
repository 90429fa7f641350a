//! Shared by the services' `build` functions.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tallylight_schemas::clock::Clock;
use tallylight_serve::{BindError, Limits, Server, TaskEnded};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::report::Reporter;

/// A service's dependencies besides its settings.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The clock that it reads.
    pub clock: Arc<dyn Clock>,
}

/// Why a service could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// All mistakes in its settings.
    #[error("wrong settings: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The port cannot be used.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// The data directory cannot be used.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The HTTP client could not be built.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A service that is bound and ready to run.
#[derive(Debug)]
pub struct Service {
    pub(crate) server: Server,
    pub(crate) router: Router,
    pub(crate) reporter: Reporter,
    /// Tasks that run as long as the service does.
    pub(crate) background: JoinSet<()>,
}

/// A request's head must arrive within this time.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The next request must arrive within this time: players fetch every few seconds.
const IDLE_WITHIN: Duration = Duration::from_secs(60);
/// An answer must end within this time: a segment of a megabyte over a slow line.
const REQUEST_WITHIN: Duration = Duration::from_secs(120);
/// Open requests may continue this long after a drain began; a held one needs four seconds.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// How long a drain waits for the last delivery events.
const REPORT_WITHIN: Duration = Duration::from_secs(2);

impl Service {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Serves until `cancel`, then drains: open requests end and the last events are reported.
    /// An error means that it drained because a background task ended by itself.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), TaskEnded> {
        let Self { server, router, reporter, mut background } = self;
        let outcome = server.run(router, &mut background, cancel).await;
        background.shutdown().await;
        reporter.close(REPORT_WITHIN).await;
        outcome
    }
}

/// Listens on `listen`, for at most `connections` concurrent connections.
pub(crate) async fn bind(listen: SocketAddr, connections: usize) -> Result<Server, BindError> {
    let limits = Limits {
        connections,
        head_within: HEAD_WITHIN,
        idle_within: IDLE_WITHIN,
        request_within: REQUEST_WITHIN,
        drain_within: DRAIN_WITHIN,
    };
    Server::bind(listen, limits).await
}

/// Adds `mistake` when `wrong`.
pub(crate) fn mistake(mistakes: &mut Vec<String>, wrong: bool, mistake: impl Into<String>) {
    if wrong {
        mistakes.push(mistake.into());
    }
}

/// `Ok` when there are none.
pub(crate) fn verdict(mistakes: Vec<String>) -> Result<(), Vec<String>> {
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// What an address must be, for mistakes that [`is_http`] finds.
pub(crate) const HTTP: &str = "an http:// or https:// address";

/// Whether `text` is an absolute `http` or `https` address.
pub(crate) fn is_http(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
