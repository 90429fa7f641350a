//! HTTP as a player uses it, over a line of limited bandwidth.

use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

/// A request without an answer for this long is an error, even if the server is holding it.
const TIMEOUT: Duration = Duration::from_secs(20);
/// A steering answer that takes longer counts as none.
const STEERING_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest body a player accepts.
const MAX_BODY: u64 = 8 << 20;

/// The client that all viewers of this process share.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("tallylight-audience/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(Duration::from_secs(30))
        .no_proxy()
        .build()
}

/// A complete answer to a media request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Body bytes.
    pub bytes: u64,
    /// From sending the request to the complete body.
    pub took: Duration,
    /// The part of `took` before the first byte.
    pub ttfb: Duration,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// An answer, but not 200.
    #[error("status {0}")]
    Status(u16),
    /// The answer is missing or incomplete.
    #[error("{0}")]
    Broken(String),
}

/// Fetches a text, such as a playlist, at full speed.
pub async fn text(client: &reqwest::Client, url: Url) -> Result<String, FetchError> {
    text_of(client.get(url)).await
}

/// Posts JSON and returns the answer, at full speed.
pub async fn post(client: &reqwest::Client, url: Url, body: String) -> Result<String, FetchError> {
    text_of(client.post(url).header("content-type", "application/json").body(body)).await
}

async fn text_of(request: reqwest::RequestBuilder) -> Result<String, FetchError> {
    let broken = |error: reqwest::Error| FetchError::Broken(error.to_string());
    let answer = request.timeout(TIMEOUT).send().await.map_err(broken)?;
    if answer.status() != 200 {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    answer.text().await.map_err(broken)
}

/// Status, `Retry-After` in seconds and body of a steering server's answer; status 0 without one.
pub async fn steering(client: &reqwest::Client, url: Url) -> (u16, Option<u64>, String) {
    let Ok(answer) = client.get(url).timeout(STEERING_TIMEOUT).send().await else {
        return (0, None, String::new());
    };
    let wait = answer.headers().get("retry-after");
    let wait = wait.and_then(|value| value.to_str().ok()?.parse().ok());
    let status = answer.status().as_u16();
    match answer.text().await {
        Ok(body) => (status, wait, body),
        Err(_) => (0, wait, String::new()),
    }
}

/// Fetches a media object no faster than the line carries; `kbps` may change meanwhile.
pub async fn media(
    client: &reqwest::Client,
    url: Url,
    mut kbps: watch::Receiver<u32>,
) -> Result<Fetched, FetchError> {
    let started = Instant::now();
    let broken = |error: reqwest::Error| FetchError::Broken(error.to_string());
    let late = |_| FetchError::Broken("no answer in time".to_owned());
    let answer = timeout(TIMEOUT, client.get(url).send()).await.map_err(late)?.map_err(broken)?;
    if answer.status() != 200 {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    let ttfb = started.elapsed();
    let mut bytes = 0;
    let mut body = answer.bytes_stream();
    while let Some(chunk) = timeout(TIMEOUT, body.next()).await.map_err(late)? {
        let chunk = chunk.map_err(broken)?.len() as u64;
        bytes += chunk;
        if bytes > MAX_BODY {
            return Err(FetchError::Broken(format!("a body above {MAX_BODY} bytes")));
        }
        carry(chunk, &mut kbps).await;
    }
    Ok(Fetched { bytes, took: started.elapsed(), ttfb })
}

/// Waits as long as the line needs for `bytes`, following changes of its bandwidth.
async fn carry(bytes: u64, kbps: &mut watch::Receiver<u32>) {
    let mut bits_left = bytes as f64 * 8.0;
    while bits_left > 0.0 {
        let line_kbps = f64::from(*kbps.borrow_and_update()).max(1.0);
        let began = Instant::now();
        let whole = Duration::from_secs_f64(bits_left / (line_kbps * 1_000.0));
        // The runtime's timer ticks in milliseconds; less is not worth a sleep.
        if whole < Duration::from_millis(1) {
            return;
        }
        tokio::select! {
            () = sleep(whole) => return,
            changed = kbps.changed() => {
                if changed.is_err() {
                    return;
                }
                bits_left -= began.elapsed().as_secs_f64() * line_kbps * 1_000.0;
            }
        }
    }
}
