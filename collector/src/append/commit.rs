//! The committer: the only task that writes to the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use tallylight_eventlog::{LogError, Part, Shards};
use tallylight_schemas::dead::DeadLetter;
use tallylight_schemas::record::{EVENTS, Kind};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{AppendFailure, Outcome, Queue, Set, entries};
use crate::dead_letters::DeadLetters;
use crate::fates::Ledger;
use crate::metrics::{Letter, Metrics};

/// How often a failed log is tried again while there is nothing else to write.
const PROBE: Duration = Duration::from_secs(1);
/// How long the last commits may take when the collector stops: longer than a log retries.
pub(crate) const LAST: Duration = Duration::from_secs(30);

/// Commits what the queue gathers. When it is dropped, because it ended or panicked, there are no
/// more commits, so no request may wait for one and the collector is not ready.
#[derive(Debug)]
pub struct Committer {
    queue: Arc<Queue>,
    log: Shards,
    letters: Arc<DeadLetters>,
    metrics: Arc<Metrics>,
    healthy: Arc<AtomicBool>,
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.healthy.store(false, Ordering::Relaxed);
        self.queue.close();
    }
}

impl Committer {
    /// A committer that reports in `healthy` whether its newest append succeeded.
    pub fn new(
        queue: Arc<Queue>,
        log: Shards,
        letters: Arc<DeadLetters>,
        metrics: Arc<Metrics>,
        healthy: Arc<AtomicBool>,
    ) -> Self {
        Self { queue, log, letters, metrics, healthy }
    }

    /// Commits until `stop`, then commits the rest.
    pub async fn run(self, stop: CancellationToken) {
        while stop.run_until_cancelled(self.wait()).await.is_some() {
            if self.commit().await.is_none() {
                self.probe().await;
            }
        }
        // After a failure the remaining waiters are notified when the queue is closed. A log that
        // never answers does not delay the stop for longer than `LAST`.
        let rest = async { while let Some(Ok(_)) = self.commit().await {} };
        if timeout(LAST, rest).await.is_err() {
            tracing::error!("the log did not take the last commits; none was acknowledged");
        }
    }

    /// Returns when a commit is due, or a probe of a failed log.
    async fn wait(&self) {
        let probe = (!self.healthy.load(Ordering::Relaxed)).then(|| Instant::now() + PROBE);
        loop {
            let woken = self.queue.wake.notified();
            match self.queue.due() {
                Some(due) if due <= Instant::now() => return,
                // Woken early: there may be enough rows now.
                Some(due) => drop(timeout_at(due, woken).await),
                None => match probe {
                    None => woken.await,
                    Some(at) => tokio::select! {
                        () = woken => {}
                        () = sleep_until(at) => return,
                    },
                },
            }
        }
    }

    /// One append to each affected shard; `None` when there was nothing to store.
    async fn commit(&self) -> Option<Outcome> {
        let (sets, shed) = self.queue.take();
        if sets.is_empty() && shed.is_empty() {
            return None;
        }
        let mut ledger = Ledger::default();
        let (mut all, mut waiters) = (Vec::with_capacity(sets.len()), Vec::new());
        let (mut sum, mut letters) = (0, Vec::new());
        for Set { rows, ledger: fates, waiters: more, .. } in sets {
            sum += rows.len();
            let charged =
                |one: &DeadLetter| (one.tenant.clone(), one.reason.clone(), one.received_at);
            letters.extend(rows.letters.iter().map(charged));
            all.push(rows);
            ledger.merge(fates);
            waiters.extend(more);
        }
        self.metrics.commit_rows.observe(sum as f64);
        ledger.merge(shed.clone());
        let outcome = match entries(all, &ledger, self.log.count()) {
            Ok(entries) => self.append(entries).await,
            Err(error) => {
                self.metrics.append_errors.inc();
                tracing::error!(%error, "a commit cannot be encoded");
                Err(AppendFailure::Internal(error.to_string()))
            }
        };
        match &outcome {
            Ok(_) => {
                self.metrics.count_fates(&ledger);
                self.metrics.count_letters(Letter::Kept, letters.len() as u64);
            }
            // Nothing was stored, or that is unknown: counting twice is better than not at all, and
            // a client that sends again should not pay twice.
            Err(failure) => {
                self.queue.shed_again(shed);
                self.metrics.count_letters(Letter::Dropped, letters.len() as u64);
                letters.iter().for_each(|(of, why, at)| self.letters.refund(of, why, *at));
                // What can never be stored has cost its work for good.
                if !matches!(failure, AppendFailure::Internal(_)) {
                    waiters.iter().for_each(|(_, reservation)| reservation.refund());
                }
            }
        }
        for (waiter, reservation) in waiters {
            drop(reservation);
            // The caller may have gone away.
            let _ = waiter.send(outcome.clone());
        }
        Some(outcome)
    }

    /// A tick only shows that appends work; for readers it advances log time.
    async fn probe(&self) {
        if self.healthy.load(Ordering::Relaxed) {
            return;
        }
        let tick = Part { kind: Kind::Tick.code(), ranges: Vec::new(), payload: Bytes::new() };
        let ticks = (0..self.log.count()).map(|shard| (shard, vec![tick.clone()]));
        let _ = self.append(ticks.collect()).await;
    }

    /// Appends to all shards at once. The commit is acknowledged as a whole or not at all: a client
    /// then sends it again, and shards that already have it count duplicates.
    async fn append(&self, entries: BTreeMap<u16, Vec<Part>>) -> Outcome {
        let started = Instant::now();
        let appends =
            entries.into_iter().map(|(shard, parts)| self.log.of(shard).append(EVENTS, parts));
        let mut outcome = Ok(0);
        for result in join_all(appends).await {
            if outcome.is_ok() {
                outcome = result;
            }
        }
        self.metrics.append_seconds.observe(started.elapsed().as_secs_f64());
        let was_healthy = self.healthy.swap(outcome.is_ok(), Ordering::Relaxed);
        outcome.map_err(|error| {
            self.metrics.append_errors.inc();
            let failure = match error {
                LogError::Unavailable(_) | LogError::Unsure(_) | LogError::Closed(_) => {
                    AppendFailure::Unavailable(error.to_string())
                }
                LogError::Invalid(_) | LogError::Data(_) => {
                    AppendFailure::Internal(error.to_string())
                }
            };
            // An outage is logged once. A commit that can never succeed is always logged, as its
            // caller is referred to this log.
            if was_healthy || matches!(failure, AppendFailure::Internal(_)) {
                tracing::error!(%error, "the log refuses appends");
            }
            failure
        })
    }
}
