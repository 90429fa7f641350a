//! The dashboard's feed as steering reads it: a client like any other (docs/feed.md). It keeps
//! the last minute, comes back with `resume` after a drop, and takes up at the start what the
//! log knows of incidents and actions.

mod message;
pub(super) mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use message::Incoming;
use window::Window;

/// Seconds of the past that are asked for.
const SINCE_S: u32 = 60;
/// The feed says something every second; one that is silent for so long is dropped.
const SILENT: Duration = Duration::from_secs(4);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// What the feed said so far.
#[derive(Debug, Default)]
pub(super) struct Feed {
    window: Mutex<Window>,
}

impl Feed {
    /// Every critical section leaves the window whole, so a poisoned lock is still good.
    pub(super) fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows the feed of the dashboard at `base` until aborted.
pub(super) async fn follow(feed: Arc<Feed>, base: String) {
    let base = base.trim_end_matches('/').replacen("http", "ws", 1);
    loop {
        let url = {
            let window = feed.window();
            let resume = window
                .resume()
                .map_or(String::new(), |(session, seq)| format!("&resume={seq}&session={session}"));
            format!("{base}/v1/feed?since_s={SINCE_S}{resume}")
        };
        if let Err(why) = listen(&feed, &url).await {
            tracing::debug!(why, "the feed is away");
        }
        feed.window().disconnected();
        sleep(PAUSE).await;
    }
}

async fn listen(feed: &Feed, url: &str) -> Result<(), String> {
    let connected = timeout(CONNECT, connect_async(url)).await;
    let (mut socket, _) = connected
        .map_err(|_| "it does not answer".to_owned())?
        .map_err(|error| error.to_string())?;
    loop {
        let message = timeout(SILENT, socket.next()).await;
        let message = message.map_err(|_| "it is silent".to_owned())?;
        match message {
            Some(Ok(Message::Text(text))) => {
                // Something of a later version is passed over.
                if let Ok(incoming) = serde_json::from_str::<Incoming>(&text) {
                    feed.window().take(incoming);
                }
            }
            Some(Ok(Message::Close(_))) | None => return Err("it was closed".into()),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.to_string()),
        }
    }
}
