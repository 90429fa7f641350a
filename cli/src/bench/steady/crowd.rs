//! Viewers that report in real time at a given rate, from one thread with its own runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::bail;
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::headers;
use tokio::time::{Instant, sleep, sleep_until};

use crate::bench::{load, sample};

/// Concurrent requests.
const CLIENTS: usize = 64;
/// Viewers. At the rates of two cores each reports about every ten seconds, as players do.
const SESSIONS: usize = 800_000;
/// Records of a request.
const PER_POST: usize = 100;
/// How long a refused client waits.
const REFUSED: Duration = Duration::from_secs(1);

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Records of requests that were answered with 204.
    pub(super) records: u64,
    /// Records of them that were not accepted.
    pub(super) shed: u64,
    /// Records of requests that were refused as a whole: a player would send them again.
    pub(super) refused: u64,
    /// The number of the first record that was not sent.
    pub(super) next: usize,
    /// The duration.
    pub(super) took: Duration,
}

/// Posts `per_s` records per second, starting with record `first`. If answers are slow, sending
/// falls behind.
pub(super) async fn send(
    url: String,
    per_s: f64,
    lasting: Duration,
    first: usize,
) -> anyhow::Result<Sent> {
    load::on_own_thread(move || async move { all(&url, per_s, lasting, first).await }).await
}

async fn all(url: &str, per_s: f64, lasting: Duration, first: usize) -> anyhow::Result<Sent> {
    let client = reqwest::Client::new();
    let posts = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, url, posts) = (client.clone(), url.to_owned(), Arc::clone(&posts));
        senders.spawn(async move {
            let mut own = Sent::default();
            loop {
                let post = posts.fetch_add(1, Ordering::Relaxed);
                let due = began + Duration::from_secs_f64((post * PER_POST) as f64 / per_s);
                if due.max(Instant::now()) > began + lasting {
                    return Ok::<_, anyhow::Error>(own);
                }
                sleep_until(due).await;
                let from = first + post * PER_POST;
                let body = sample::body_now(from, PER_POST, SESSIONS, WallClock.now_ms());
                let request = client.post(&url).header("content-type", "application/cmcd");
                if !own.note(&request.body(body).send().await?)? {
                    sleep(REFUSED).await;
                }
            }
        });
    }
    let mut sent = Sent::default();
    while let Some(sender) = senders.join_next().await {
        let own = sender??;
        sent.records += own.records;
        sent.shed += own.shed;
        sent.refused += own.refused;
    }
    sent.next = first + posts.load(Ordering::Relaxed) * PER_POST;
    sent.took = began.elapsed();
    Ok(sent)
}

impl Sent {
    /// Counts the result of a request; returns whether it was taken.
    fn note(&mut self, answer: &reqwest::Response) -> anyhow::Result<bool> {
        match answer.status().as_u16() {
            204 => {
                let fates = answer.headers().get(headers::FATES);
                let accepted = fates.and_then(|text| taken(text.to_str().ok()?)).unwrap_or(0);
                self.records += PER_POST as u64;
                self.shed += (PER_POST as u64).saturating_sub(accepted);
            }
            429 | 503 => self.refused += PER_POST as u64,
            other => bail!("the collector answered {other}"),
        }
        Ok(answer.status().is_success())
    }
}

/// How many records were accepted, from the fates in an answer.
fn taken(fates: &str) -> Option<u64> {
    fates.split(", ").find_map(|fate| fate.strip_prefix("accepted="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::taken;

    #[test]
    fn what_was_accepted_is_read_from_the_fates() {
        assert_eq!(taken("shed;overload=60, accepted=40"), Some(40));
        assert_eq!(taken("shed;overload=100"), None);
    }
}
