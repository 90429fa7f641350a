//! HTTP as a player does it, over a line of limited width.

use std::time::Duration;

use futures::StreamExt;
use tallylight_schemas::headers;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

/// No answer within this is an error, held requests included.
const TIMEOUT: Duration = Duration::from_secs(20);
/// A steering answer that takes longer is none.
const STEERING_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest body a player takes.
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

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Body bytes.
    pub bytes: u64,
    /// Request sent to body whole.
    pub took: Duration,
    /// The part of it before the first byte.
    pub ttfb: Duration,
    /// The edge that answered, by its own word.
    pub edge: Option<String>,
    /// The origin's slate stood in for the programme.
    pub slate: bool,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// An answer, but not 200.
    #[error("status {0}")]
    Status(u16),
    /// No whole answer.
    #[error("{0}")]
    Broken(String),
}

/// A text, such as a playlist, at full speed.
pub async fn text(client: &reqwest::Client, url: Url) -> Result<String, FetchError> {
    text_of(client.get(url)).await
}

/// The answer to a POST of JSON, at full speed.
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

/// Status, `Retry-After` in seconds and body of what a steering server says; status 0 when it
/// says nothing.
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

/// A media object, read no faster than the line carries; `kbps` may change meanwhile.
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
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let slate = header(headers::PIPELINE) == Some("slate");
    let edge = header(headers::EDGE).map(str::to_owned);
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
    Ok(Fetched { bytes, took: started.elapsed(), ttfb, edge, slate })
}

/// Waits as long as the line takes for `bytes`, at whatever width it has meanwhile.
async fn carry(bytes: u64, kbps: &mut watch::Receiver<u32>) {
    let mut bits_left = bytes as f64 * 8.0;
    while bits_left > 0.0 {
        let width = f64::from(*kbps.borrow_and_update()).max(1.0);
        let began = Instant::now();
        let whole = Duration::from_secs_f64(bits_left / (width * 1_000.0));
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
                bits_left -= began.elapsed().as_secs_f64() * width * 1_000.0;
            }
        }
    }
}
