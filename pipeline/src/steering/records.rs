//! Incidents and actions on their way into the log: the newest record of each, sent until the
//! collector has it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::sync::Notify;

use super::pure::state::Effect;
use crate::report::Door;
use crate::report::send::{Answer, send};

/// Records in one POST.
const BATCH: usize = 50;
/// Ids that may wait; beyond it the first by name makes room.
const CAPACITY: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(500);
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// The records that wait.
#[derive(Debug, Default)]
pub(super) struct Records {
    waiting: Mutex<BTreeMap<String, (u64, Value)>>,
    arrived: Notify,
    count: std::sync::atomic::AtomicU64,
}

impl Records {
    /// Queues what a decision wrote; never waits.
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
        let number = self.count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(id.clone(), (number, value));
        if waiting.len() > CAPACITY {
            waiting.pop_first();
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    fn oldest(&self) -> Vec<(String, u64, Value)> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = waiting
            .iter()
            .map(|(id, (number, value))| (id.clone(), *number, value.clone()))
            .collect();
        all.sort_by_key(|(_, number, _)| *number);
        all.truncate(BATCH);
        all
    }

    /// Drops what was sent, unless a newer record of its id has come meanwhile.
    fn settle(&self, sent: &[(String, u64, Value)]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, number, _) in sent {
            if waiting.get(id).is_some_and(|(held, _)| held == number) {
                waiting.remove(id);
            }
        }
    }
}

/// Sends until aborted.
pub(super) async fn post(records: Arc<Records>, door: Door, client: Client) {
    loop {
        let batch = records.oldest();
        if batch.is_empty() || door.url.is_empty() {
            records.settle(&batch);
            records.arrived.notified().await;
            continue;
        }
        let body: Vec<&Value> = batch.iter().map(|(_, _, value)| value).collect();
        match send(&client, &door, &body).await {
            Answer::Taken(refusals) => {
                if refusals.count > 0 {
                    tracing::warn!(?refusals, "the collector did not store control records");
                }
                records.settle(&batch);
            }
            Answer::Refused(status) => {
                tracing::warn!(%status, "the collector refused control records for good");
                records.settle(&batch);
            }
            Answer::Later(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
