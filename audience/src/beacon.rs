//! CMCD v2 event mode: sends records in batches and retries each batch unchanged until the
//! collector acknowledges it, waiting as long as the collector asks.

use std::sync::Once;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::RETRY_AFTER;
use tallylight_schemas::headers;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::pure::pace::Pace;

/// The most records in a batch.
const BATCH: usize = 8;
/// The longest that the oldest record of a batch waits.
const LINGER: Duration = Duration::from_millis(700);
/// Records that may wait while the collector is unreachable.
const QUEUE: usize = 1_024;
/// The longest wait before a retry, whatever `Retry-After` asks.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The wait after a failure doubles up to this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// Whether the log already says that the collector is unreachable.
static AWAY: Once = Once::new();
/// A reporter keeps retrying this long after its session has ended.
const LAST_EFFORT: Duration = Duration::from_secs(60);

/// Sends one session's records, in order.
#[derive(Debug)]
pub struct Reporter {
    lines: Option<mpsc::Sender<String>>,
    task: JoinHandle<u64>,
    pace: watch::Receiver<Pace>,
    overflow: u64,
}

impl Reporter {
    /// A reporter to `url` (the collector's `/v1/cmcd` with its key).
    pub fn spawn(client: reqwest::Client, url: String) -> Self {
        let (lines, queue) = mpsc::channel(QUEUE);
        let (asked_pace, pace) = watch::channel(Pace::default());
        let task = tokio::spawn(send_all(Endpoint { client, url, asked_pace }, queue));
        Self { lines: Some(lines), task, pace, overflow: 0 }
    }

    /// Queues a record; when the queue is full, the record is lost and counted.
    pub fn send(&mut self, line: String) {
        if self.lines.as_ref().is_none_or(|lines| lines.try_send(line).is_err()) {
            self.overflow += 1;
        }
    }

    /// The pace that the collector's newest answer asks for.
    pub fn pace(&self) -> Pace {
        *self.pace.borrow()
    }

    /// Delivers the remaining records and returns how many were never acknowledged.
    pub async fn finish(mut self) -> u64 {
        self.lines = None;
        self.overflow + self.task.await.unwrap_or(u64::MAX)
    }
}

/// The collector's endpoint, and the pace it asked for.
struct Endpoint {
    client: reqwest::Client,
    url: String,
    asked_pace: watch::Sender<Pace>,
}

async fn send_all(endpoint: Endpoint, mut queue: mpsc::Receiver<String>) -> u64 {
    let mut lost = 0;
    while let Some(first) = queue.recv().await {
        let mut batch = vec![first];
        let deadline = Instant::now() + LINGER;
        while batch.len() < BATCH {
            match timeout(deadline.saturating_duration_since(Instant::now()), queue.recv()).await {
                Ok(Some(line)) => batch.push(line),
                Ok(None) | Err(_) => break,
            }
        }
        let count = batch.len() as u64;
        if !deliver(&endpoint, batch.join("\n"), &queue).await {
            lost += count;
        }
    }
    lost
}

/// Sends one batch until it is acknowledged. A retry repeats the same bytes, so the processor
/// sees a duplicate, never a second event.
async fn deliver(endpoint: &Endpoint, body: String, queue: &mpsc::Receiver<String>) -> bool {
    let mut pause = Duration::from_millis(300);
    let mut ended_at = None;
    loop {
        let answer = endpoint
            .client
            .post(&endpoint.url)
            .header("content-type", "application/cmcd")
            .timeout(Duration::from_secs(10))
            .body(body.clone())
            .send()
            .await;
        let wait = answer.as_ref().ok().and_then(|answer| {
            endpoint.asked_pace.send_replace(pace(answer));
            number(answer, RETRY_AFTER.as_str())
        });
        match answer.map(|answer| answer.status().as_u16()) {
            // All viewers of a process share one collector, so this is logged once.
            Err(error) if pause == LONGEST_BACKOFF => AWAY.call_once(|| {
                let error = error.without_url();
                tracing::warn!(?error, "the collector cannot be reached; beacons wait");
            }),
            Ok(200..=299) => return true,
            Ok(status @ 400..=499) if status != 429 && status != 408 => {
                tracing::warn!(status, "the collector refuses beacons");
                return false;
            }
            _ => {}
        }
        if queue.is_closed() {
            let since = *ended_at.get_or_insert_with(Instant::now);
            if since.elapsed() > LAST_EFFORT {
                return false;
            }
        }
        sleep(wait.map_or(pause, Duration::from_secs).min(LONGEST_PAUSE)).await;
        pause = (pause * 2).min(LONGEST_BACKOFF);
    }
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

fn number(answer: &Response, name: &str) -> Option<u64> {
    header(answer, name)?.parse().ok()
}

/// Applies until the next answer; without the header, every report is wanted.
fn pace(answer: &Response) -> Pace {
    header(answer, headers::PACE).map(Pace::read).unwrap_or_default()
}
