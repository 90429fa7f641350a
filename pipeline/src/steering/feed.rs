//! The dashboard's feed as steering reads it: an ordinary client (docs/feed.md). It keeps the last
//! minute, reconnects with `resume` after a drop, and restores the incidents and actions in the log
//! at the start.

mod message;
pub(super) mod window;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use parking_lot::Mutex;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use message::Incoming;
use window::Window;

/// Seconds of the past that are requested.
const SINCE_S: u32 = 60;
/// The feed sends something every second; a connection that is silent for this long is dropped.
const SILENT: Duration = Duration::from_secs(4);
/// Timeout for connecting.
const CONNECT: Duration = Duration::from_secs(3);
/// The delay between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// What the feed has sent so far.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) window: Mutex<Window>,
}

/// Follows the feed of the dashboard at `base` until aborted.
pub(super) async fn follow(feed: Arc<Feed>, base: String) {
    let base = base.trim_end_matches('/').replacen("http", "ws", 1);
    loop {
        let url = {
            let window = feed.window.lock();
            let resume = window
                .resume()
                .map_or(String::new(), |(session, seq)| format!("&resume={seq}&session={session}"));
            format!("{base}/v1/feed?since_s={SINCE_S}{resume}")
        };
        if let Err(why) = listen(&feed, &url).await {
            tracing::debug!(why, "the feed is away");
        }
        feed.window.lock().disconnected();
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
                // A message type of a later version is ignored.
                if let Ok(incoming) = serde_json::from_str::<Incoming>(&text) {
                    feed.window.lock().take(incoming);
                }
            }
            Some(Ok(Message::Close(_))) | None => return Err("it was closed".into()),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.to_string()),
        }
    }
}
