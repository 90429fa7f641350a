//! What the services' `build` functions share.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tallylight_schemas::clock::Clock;
use tokio_util::sync::CancellationToken;

use super::Server;
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
    /// The port or the data directory cannot be used.
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
    pub(crate) background: Vec<tokio::task::JoinHandle<()>>,
}

/// How long a drain waits for the last delivery events.
const REPORT_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

impl Service {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Serves until `cancel`, then drains: open requests end and the last events are reported.
    pub async fn run(self, cancel: CancellationToken) {
        self.server.run(self.router, cancel).await;
        for task in self.background {
            task.abort();
        }
        self.reporter.close(REPORT_WITHIN).await;
    }
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

/// Whether `text` is an absolute `http` address.
pub(crate) fn is_http(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| url.scheme() == "http" && url.has_host())
}
