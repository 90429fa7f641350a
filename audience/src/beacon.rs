//! CMCD v2 event mode: records in batches, retried as they are until acknowledged, no faster than
//! the collector asks.

use std::sync::Once;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::RETRY_AFTER;
use tallylight_schemas::headers;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::pure::pace::Pace;

/// Records sent together at most.
const BATCH: usize = 8;
/// The oldest record of a batch waits this long at most.
const LINGER: Duration = Duration::from_millis(700);
/// Records that may wait while the collector is away.
const QUEUE: usize = 1_024;
/// A retry waits this long at most, whatever is asked.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The wait after a failure doubles up to this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// Whether it was said that the collector is away.
static AWAY: Once = Once::new();
/// After its session a reporter goes on trying this long.
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
        let (asked, pace) = watch::channel(Pace::default());
        let task = tokio::spawn(send_all(Way { client, url, asked }, queue));
        Self { lines: Some(lines), task, pace, overflow: 0 }
    }

    /// Queues a record; beyond the queue it is lost and counted.
    pub fn send(&mut self, line: String) {
        if self.lines.as_ref().is_none_or(|lines| lines.try_send(line).is_err()) {
            self.overflow += 1;
        }
    }

    /// What the collector's newest answer asks for.
    pub fn pace(&self) -> Pace {
        *self.pace.borrow()
    }

    /// Delivers what is left and says how many records were never acknowledged.
    pub async fn finish(mut self) -> u64 {
        self.lines = None;
        self.overflow + self.task.await.unwrap_or(u64::MAX)
    }
}

/// The way to the collector, and what it asked for.
struct Way {
    client: reqwest::Client,
    url: String,
    asked: watch::Sender<Pace>,
}

async fn send_all(way: Way, mut queue: mpsc::Receiver<String>) -> u64 {
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
        if !deliver(&way, batch.join("\n"), &queue).await {
            lost += count;
        }
    }
    lost
}

/// One batch until it is acknowledged. A retry repeats the same bytes, so the processor sees
/// a duplicate, never a second event.
async fn deliver(way: &Way, body: String, queue: &mpsc::Receiver<String>) -> bool {
    let mut pause = Duration::from_millis(300);
    let mut ended_at = None;
    loop {
        let answer = way
            .client
            .post(&way.url)
            .header("content-type", "application/cmcd")
            .timeout(Duration::from_secs(10))
            .body(body.clone())
            .send()
            .await;
        let wait = answer.as_ref().ok().and_then(|answer| {
            way.asked.send_replace(pace(answer));
            number(answer, RETRY_AFTER.as_str())
        });
        match answer.map(|answer| answer.status().as_u16()) {
            // The viewers of a process have one collector: for all of them it is said once.
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

/// It holds until the next answer: without the header all is wanted.
fn pace(answer: &Response) -> Pace {
    header(answer, headers::PACE).map(Pace::read).unwrap_or_default()
}
