//! The task that posts batches and tries again.

use std::error::Error;
use std::sync::Weak;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Serialize;
use tallylight_schemas::headers;

use super::Door;
use super::queue::{Queue, Told};
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
/// How often a sleeping task looks whether anybody still holds the reporter.
const GONE_CHECK: Duration = Duration::from_secs(5);

/// The form the collector's `/v1/events` takes.
#[derive(Serialize)]
struct Tagged<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    event: &'a Told,
}

/// What the collector said.
#[derive(Debug)]
pub(crate) enum Answer {
    /// They are stored, but for those that it names otherwise.
    Taken(Refusals),
    /// Repeating it cannot help: the request itself is wrong.
    Refused(StatusCode),
    /// They may be taken later; why they were not now.
    Later(String),
}

/// What of a batch that was answered with success is not stored after all: the collector takes no
/// services' events without their key, and says so in a header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusals {
    /// How many.
    pub(crate) count: usize,
    /// Which fates they have, as the header words it.
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

/// Runs until the queue is closed and empty, or nobody holds it any more.
pub(super) async fn run(queue: Weak<Queue>, door: Door, client: Client) {
    let (mut backoff, mut said) = (BACKOFF, false);
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
        match post(&client, &door, &batch).await {
            Answer::Taken(Refusals { count, fates }) => {
                queue.settle(batch.len(), count);
                if fates != refusals && count > 0 {
                    tracing::warn!(count, fates, "the collector did not store delivery events");
                }
                refusals = fates;
                if said {
                    tracing::info!("the collector takes delivery events again");
                }
                (backoff, said) = (BACKOFF, false);
            }
            Answer::Refused(status) => {
                tracing::warn!(%status, events = batch.len(), "the collector refused delivery events for good");
                queue.settle(batch.len(), batch.len());
            }
            Answer::Later(why) => {
                drop(queue);
                // A moment without a collector is nobody's business, and an hour is said once.
                if backoff == LONGEST_BACKOFF && !said {
                    // Without the key, which is behind it.
                    let url = door.url.split('?').next();
                    tracing::warn!(why, url, "the collector takes no delivery events; they wait");
                    said = true;
                }
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
            }
        }
    }
}

async fn post(client: &Client, door: &Door, batch: &[Told]) -> Answer {
    let body: Vec<_> = batch.iter().map(|event| Tagged { r#type: "delivery", event }).collect();
    send(client, door, &body).await
}

/// Posts events of any type.
pub(crate) async fn send(client: &Client, door: &Door, body: &impl Serialize) -> Answer {
    let request = client.post(&door.url).json(body);
    match signed(request, door.service_key.as_deref()).send().await {
        Ok(answer) if answer.status().is_success() => {
            let fates = answer.headers().get(headers::FATES).and_then(|text| text.to_str().ok());
            Answer::Taken(Refusals::read(fates.unwrap_or_default()))
        }
        Ok(answer) if is_final(answer.status()) => Answer::Refused(answer.status()),
        Ok(answer) => Answer::Later(answer.status().to_string()),
        Err(error) => Answer::Later(cause(&error.without_url())),
    }
}

/// What is behind a request that failed, such as a certificate that nobody vouches for.
fn cause(error: &reqwest::Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn Error), |&error| error.source());
    chain.last().map(ToString::to_string).unwrap_or_default()
}

/// Answers that say the body itself is wrong. A wrong key or path may be put right while we
/// run, so those are tried again.
fn is_final(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 413 | 415 | 422)
}
