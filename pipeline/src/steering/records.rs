//! Incidents and actions on their way into the log: the newest record of each, sent until the
//! collector has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use reqwest::Client;
use serde_json::Value;
use tokio::sync::Notify;

use super::pure::state::Effect;
use crate::report::CollectorEndpoint;
use crate::report::send::{Answer, send};

/// Records in one POST.
const BATCH: usize = 50;
/// Ids that may wait; beyond it the record that has waited longest is dropped.
const CAPACITY: usize = 1_000;
/// The wait after a failure; doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// The waiting records.
#[derive(Debug)]
pub(super) struct Records {
    waiting: Mutex<BTreeMap<String, (u64, Value)>>,
    arrived: Notify,
    count: AtomicU64,
    /// Records dropped before the collector is known to have them.
    lost: Counter,
    /// Whether that was reported since the collector last accepted any.
    warned: AtomicBool,
}

impl Records {
    pub(super) fn new(lost: Counter) -> Self {
        let (waiting, arrived) = (Mutex::default(), Notify::new());
        Self { waiting, arrived, count: 0.into(), lost, warned: false.into() }
    }

    /// Queues the records of a decision; never waits. Records are queued after the state was
    /// unlocked, so an older record of an id may arrive after a newer one: the newer one stays.
    pub(super) fn push(&self, effect: &Effect) {
        let (id, kind, value) = match effect {
            Effect::Action(row) => (&row.id, "action", serde_json::to_value(row)),
            Effect::Incident(row) => (&row.id, "incident", serde_json::to_value(row)),
            Effect::Mask { .. } => return,
        };
        let Ok(mut value) = value else { return };
        if let Some(object) = value.as_object_mut() {
            object.insert("type".into(), kind.into());
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting.lock();
        let written = |value: &Value| value["updated_at"].as_i64();
        if waiting.get(id).is_some_and(|(_, held)| written(held) > written(&value)) {
            return;
        }
        waiting.insert(id.clone(), (number, value));
        if waiting.len() > CAPACITY {
            let oldest = waiting.iter().min_by_key(|(_, (number, _))| *number);
            let oldest = oldest.map(|(id, _)| id.clone());
            oldest.and_then(|id| waiting.remove(&id));
            self.lost.inc();
            if !self.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!("the collector takes no control records; the oldest are dropped");
            }
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    fn oldest(&self) -> Vec<(String, u64, Value)> {
        let waiting = self.waiting.lock();
        let mut all: Vec<_> = waiting
            .iter()
            .map(|(id, (number, value))| (id.clone(), *number, value.clone()))
            .collect();
        all.sort_by_key(|(_, number, _)| *number);
        all.truncate(BATCH);
        all
    }

    /// Drops what was sent, unless a newer record of its id has arrived meanwhile.
    fn settle(&self, sent: &[(String, u64, Value)]) {
        let mut waiting = self.waiting.lock();
        for (id, number, _) in sent {
            if waiting.get(id).is_some_and(|(held, _)| held == number) {
                waiting.remove(id);
            }
        }
    }
}

/// A time in which the collector takes no records. Its beginning and its end are logged, so that a
/// wrong key shows and does not fill the log.
#[derive(Debug, Default)]
struct Outage {
    /// The last wait; none while the collector takes records.
    pause: Option<Duration>,
}

impl Outage {
    /// Whether this failure is the first, and how long to wait after it.
    fn failed(&mut self) -> (bool, Duration) {
        let pause = self.pause.map_or(PAUSE, |before| (before * 2).min(LONGEST_PAUSE));
        (self.pause.replace(pause).is_none(), pause)
    }

    /// Ends it; whether there was one.
    fn end(&mut self) -> bool {
        self.pause.take().is_some()
    }
}

/// Sends until aborted.
pub(super) async fn post(records: Arc<Records>, collector: CollectorEndpoint, client: Client) {
    let mut outage = Outage::default();
    loop {
        let batch = records.oldest();
        if batch.is_empty() || collector.url.is_empty() {
            records.settle(&batch);
            records.arrived.notified().await;
            continue;
        }
        let body: Vec<&Value> = batch.iter().map(|(_, _, value)| value).collect();
        match send(&client, &collector, &body).await {
            Answer::Taken(refusals) => {
                if refusals.count > 0 {
                    tracing::warn!(?refusals, "the collector did not store control records");
                }
                records.settle(&batch);
                records.warned.store(false, Ordering::Relaxed);
                if outage.end() {
                    tracing::info!("the collector takes incidents and actions again");
                }
            }
            Answer::Refused(status) => {
                tracing::warn!(%status, "the collector refused control records for good");
                records.settle(&batch);
                outage.end();
            }
            Answer::Later(why) => {
                let (first, pause) = outage.failed();
                if first {
                    // Without the query, which holds the key.
                    let url = collector.url.split('?').next();
                    tracing::warn!(
                        why,
                        url,
                        "the collector takes no incidents and actions; they wait. Check that it \
                         runs at this address and knows the `write_key` and `service_key` of \
                         `steering`"
                    );
                }
                tokio::time::sleep(pause).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn incident(id: &str, updated_at: i64) -> Effect {
        let row = json!({"tenant": "demo", "id": id, "opened_at": 1, "cause": "Edge e1 is slow",
            "culprit": "edge", "cohort": "viewers", "viewers": 1, "severity": "watch",
            "evidence": "[]", "state": "open", "updated_at": updated_at});
        Effect::Incident(serde_json::from_value(row).unwrap())
    }

    #[test]
    fn the_record_that_waited_longest_is_dropped_and_counted() {
        let records = Records::new(Counter::default());
        // Ids descend while time advances; the record of the last second is written again at the
        // end.
        let of = |n: usize| format!("{:04}", 2 * CAPACITY - n);
        let write = |n| records.push(&incident(&of(n), 1));
        (0..CAPACITY).for_each(write);
        write(1);
        assert_eq!(records.lost.get(), 0);
        (CAPACITY..CAPACITY + 2).for_each(write);
        let waiting = records.waiting.lock();
        assert_eq!((records.lost.get(), waiting.len()), (2, CAPACITY));
        let is_there = [0, 1, 2, 3, CAPACITY, CAPACITY + 1].map(|n| waiting.contains_key(&of(n)));
        assert_eq!(is_there, [false, true, false, true, true, true]);
    }

    #[test]
    fn an_outage_begins_and_ends_once_and_its_waits_grow_to_a_bound() {
        let mut outage = Outage::default();
        for _ in 0..2 {
            assert!(!outage.end());
            let failed: Vec<(bool, u128)> = (0..7)
                .map(|_| outage.failed())
                .map(|(first, pause)| (first, pause.as_millis()))
                .collect();
            let (firsts, pauses): (Vec<bool>, Vec<u128>) = failed.into_iter().unzip();
            assert_eq!(firsts, [true, false, false, false, false, false, false]);
            assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
            assert!(outage.end());
        }
    }

    #[test]
    fn an_older_record_that_comes_late_replaces_no_newer_one() {
        let records = Records::new(Counter::default());
        let held = || records.oldest()[0].2["updated_at"].as_i64();
        for (updated_at, kept) in [(3, 3), (5, 5), (4, 5), (6, 6)] {
            records.push(&incident("i", updated_at));
            assert_eq!(held(), Some(kept));
        }
    }
}
