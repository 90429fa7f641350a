//! The task that posts batches and retries them.

use std::error::Error;
use std::sync::Weak;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Serialize;
use tallylight_schemas::headers;

use super::CollectorEndpoint;
use super::queue::{Queue, QueuedEvent};
use crate::serve::upstream::signed;

/// Events in one POST.
const BATCH: usize = 500;
/// How long a batch may fill.
const FILL: Duration = Duration::from_millis(250);
/// First wait after a failure; doubles up to [`LONGEST_BACKOFF`].
const BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// The collector answers after an fsync, so this is generous.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// How often an idle task checks whether the reporter still has an owner.
const GONE_CHECK: Duration = Duration::from_secs(5);

/// The form that the collector's `/v1/events` accepts.
#[derive(Serialize)]
struct Tagged<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    event: &'a QueuedEvent,
}

/// The collector's answer to a batch.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The events are stored, except for those that it names.
    Taken(Refusals),
    /// A retry cannot help: the request itself is wrong.
    Refused(StatusCode),
    /// The events may be accepted later; the reason why they were not now.
    Later(String),
}

/// The events of a successful batch that are not stored: the collector rejects events of services
/// without the service key, and states that in a header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusals {
    /// How many.
    pub(crate) count: usize,
    /// Their fates, as the header names them.
    pub(crate) fates: String,
}

impl Refusals {
    /// Reads the header, such as `accepted=3, rejected;untrusted=1`.
    fn read(header: &str) -> Self {
        let items = header.split(", ").filter(|item| !item.starts_with("accepted="));
        let counted: Vec<(&str, usize)> = items
            .filter_map(|item| {
                let (fate, count) = item.rsplit_once('=')?;
                Some((fate, count.parse().ok()?))
            })
            .collect();
        let fates: Vec<&str> = counted.iter().map(|(fate, _)| *fate).collect();
        Self { count: counted.iter().map(|(_, count)| count).sum(), fates: fates.join(", ") }
    }
}

/// Runs until the queue is closed and empty, or has no owner left.
pub(super) async fn run(queue: Weak<Queue>, endpoint: CollectorEndpoint, client: Client) {
    let (mut backoff, mut logged) = (BACKOFF, false);
    let mut refusals = String::new();
    loop {
        let Some(queue) = queue.upgrade() else { return };
        if queue.len() == 0 {
            if queue.is_closed() {
                return;
            }
            let _ = tokio::time::timeout(GONE_CHECK, queue.arrival()).await;
            continue;
        }
        if queue.len() < BATCH && !queue.is_closed() {
            tokio::time::sleep(FILL).await;
        }
        let batch = queue.oldest(BATCH);
        match post(&client, &endpoint, &batch).await {
            Answer::Taken(Refusals { count, fates }) => {
                queue.settle(batch.len(), count);
                if fates != refusals && count > 0 {
                    tracing::warn!(count, fates, "the collector did not store delivery events");
                }
                refusals = fates;
                if logged {
                    tracing::info!("the collector takes delivery events again");
                }
                (backoff, logged) = (BACKOFF, false);
            }
            Answer::Refused(status) => {
                tracing::warn!(%status, events = batch.len(), "the collector refused delivery events for good");
                queue.settle(batch.len(), batch.len());
            }
            Answer::Later(why) => {
                drop(queue);
                // A short outage is not logged, and a long one only once.
                if backoff == LONGEST_BACKOFF && !logged {
                    // Without the query, which holds the key.
                    let url = endpoint.url.split('?').next();
                    tracing::warn!(why, url, "the collector takes no delivery events; they wait");
                    logged = true;
                }
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
            }
        }
    }
}

async fn post(client: &Client, endpoint: &CollectorEndpoint, batch: &[QueuedEvent]) -> Answer {
    let body: Vec<_> = batch.iter().map(|event| Tagged { r#type: "delivery", event }).collect();
    send(client, endpoint, &body).await
}

/// Posts events of any type.
pub(crate) async fn send(
    client: &Client,
    endpoint: &CollectorEndpoint,
    body: &impl Serialize,
) -> Answer {
    let request = client.post(&endpoint.url).json(body);
    match signed(request, endpoint.service_key.as_deref()).send().await {
        Ok(answer) if answer.status().is_success() => {
            let fates = answer.headers().get(headers::FATES).and_then(|text| text.to_str().ok());
            Answer::Taken(Refusals::read(fates.unwrap_or_default()))
        }
        Ok(answer) if is_final(answer.status()) => Answer::Refused(answer.status()),
        Ok(answer) => Answer::Later(answer.status().to_string()),
        Err(error) => Answer::Later(cause(&error.without_url())),
    }
}

/// The root cause of a failed request, such as an untrusted certificate.
fn cause(error: &reqwest::Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn Error), |&error| error.source());
    chain.last().map(ToString::to_string).unwrap_or_default()
}

/// Whether the status means that the body itself is wrong. A wrong key or path may be corrected
/// while we run, so those requests are retried.
fn is_final(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 413 | 415 | 422)
}
