//! What the services' `build` functions share.

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

/// What a service is given besides its settings.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where it reads the time.
    pub clock: Arc<dyn Clock>,
}

/// Why a service could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Mistakes in its settings, all of them: change the settings.
    #[error("wrong settings: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The port cannot be used.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// The data directory cannot be used.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The HTTP client could not be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A service that is bound and ready to run.
#[derive(Debug)]
pub struct Service {
    pub(crate) server: Server,
    pub(crate) router: Router,
    pub(crate) reporter: Reporter,
    /// Work that goes on as long as the service does.
    pub(crate) background: JoinSet<()>,
}

/// A request's head must be there within this time.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The next one within this: players fetch every few seconds.
const IDLE_WITHIN: Duration = Duration::from_secs(60);
/// An answer must have ended within this: a segment of a megabyte over a slow line.
const REQUEST_WITHIN: Duration = Duration::from_secs(120);
/// Open requests may go on this long after a drain began; a held one needs four seconds.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// How long a drain waits for the last delivery events.
const REPORT_WITHIN: Duration = Duration::from_secs(2);

impl Service {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Serves until `cancel`, then drains: open requests end and the last events are reported.
    /// An error says that it drained because a background task ended by itself.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), TaskEnded> {
        let Self { server, router, reporter, mut background } = self;
        let outcome = server.run(router, &mut background, cancel).await;
        background.shutdown().await;
        reporter.close(REPORT_WITHIN).await;
        outcome
    }
}

/// Listens on `listen`, for `connections` connections at a time.
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

/// What an address must be, for [`is_http`] said no.
pub(crate) const HTTP: &str = "an http:// or https:// address";

/// Whether `text` is an absolute `http` or `https` address.
pub(crate) fn is_http(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
