//! Says when there is something to look at, and where.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::settings::{Listener, Settings};

/// After this long without an answer, says what it waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the next stage waits for the one before it.
const STAGE: Duration = Duration::from_secs(5);

/// Waits until these addresses take connections, so that the next stage meets no closed door
/// at its start; after a while goes on regardless, since every client retries.
pub(super) async fn listening(listeners: &[Listener]) {
    let deadline = Instant::now() + STAGE;
    for listener in listeners {
        while Instant::now() < deadline && TcpStream::connect(listener.at).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Prints the address once the dashboard answers.
pub(super) async fn announce(settings: &Settings) -> anyhow::Result<()> {
    let address = settings.dashboard_url();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
    let started = Instant::now();
    let mut warned = false;
    loop {
        let answer = client.get(format!("{address}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            super::say(&format!("on the air at {address}  (Ctrl-C drains and stops)"));
            return Ok(());
        }
        if !warned && started.elapsed() > PATIENCE {
            super::say(&format!("still waiting for {address}/readyz; see the lines above"));
            warned = true;
        }
        sleep(Duration::from_millis(100)).await;
    }
}
