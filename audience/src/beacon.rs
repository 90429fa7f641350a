//! CMCD v2 event mode: sends records in batches and retries each batch unchanged until the
//! collector acknowledges it, waiting as long as the collector asks.

use std::pin::pin;
use std::sync::Once;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::RETRY_AFTER;
use tallylight_schemas::headers;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

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
    /// The last effort begins when it is dropped.
    session: DropGuard,
}

impl Reporter {
    /// A reporter to `url` (the collector's `/v1/cmcd` with its key).
    pub fn spawn(client: reqwest::Client, url: String) -> Self {
        Self::with_last_effort(client, url, LAST_EFFORT)
    }

    fn with_last_effort(client: reqwest::Client, url: String, last_effort: Duration) -> Self {
        let (lines, queue) = mpsc::channel(QUEUE);
        let (asked_pace, pace) = watch::channel(Pace::default());
        let ended = CancellationToken::new();
        let session = ended.clone().drop_guard();
        let given_up = async move {
            ended.cancelled().await;
            sleep(last_effort).await;
        };
        let task = tokio::spawn(send_all(Endpoint { client, url, asked_pace }, queue, given_up));
        Self { lines: Some(lines), task, pace, overflow: 0, session }
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
        drop(self.session);
        self.overflow + self.task.await.unwrap_or(u64::MAX)
    }
}

/// The collector's endpoint, and the pace it asked for.
struct Endpoint {
    client: reqwest::Client,
    url: String,
    asked_pace: watch::Sender<Pace>,
}

/// Sends the records until the queue is closed and empty or `given_up`, and returns how many were
/// never acknowledged.
async fn send_all(
    endpoint: Endpoint,
    mut queue: mpsc::Receiver<String>,
    given_up: impl Future<Output = ()>,
) -> u64 {
    let mut given_up = pin!(given_up);
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
        let delivered = tokio::select! {
            delivered = deliver(&endpoint, batch.join("\n")) => delivered,
            () = &mut given_up => return lost + count + queue.len() as u64,
        };
        if !delivered {
            lost += count;
        }
    }
    lost
}

/// Sends one batch until it is acknowledged. A retry repeats the same bytes, so the processor
/// sees a duplicate, never a second event.
async fn deliver(endpoint: &Endpoint, body: String) -> bool {
    let mut pause = Duration::from_millis(300);
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// More records than two batches hold.
    const RECORDS: u64 = 20;
    const RECORD: &str = "e=ps";
    const EFFORT: Duration = Duration::from_secs(1);

    /// A reporter that has records for a collector which accepts connections and does not answer.
    async fn waiting() -> (Reporter, TcpListener) {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/cmcd", silent.local_addr().unwrap());
        let client = crate::fetch::client().unwrap();
        let mut reporter = Reporter::with_last_effort(client, url, EFFORT);
        for _ in 0..RECORDS {
            reporter.send(RECORD.to_owned());
        }
        (reporter, silent)
    }

    #[tokio::test]
    async fn all_batches_share_one_last_effort() {
        let (reporter, _silent) = waiting().await;
        let ended = Instant::now();
        let finish = timeout(Duration::from_secs(5), reporter.finish());
        assert_eq!(finish.await.expect("one effort for all batches"), RECORDS);
        assert!(ended.elapsed() >= EFFORT, "{:?}", ended.elapsed());
    }

    #[tokio::test]
    async fn the_last_effort_begins_when_the_session_ends() {
        let (reporter, silent) = waiting().await;
        sleep(EFFORT * 2).await;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = silent.accept().await {
                tokio::spawn(async move {
                    let mut read = [0; 4_096];
                    while let Ok(count @ 1..) = stream.read(&mut read).await {
                        if read[..count].ends_with(RECORD.as_bytes()) {
                            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                            stream.write_all(answer).await.unwrap();
                        }
                    }
                });
            }
        });
        assert_eq!(reporter.finish().await, 0);
    }
}
