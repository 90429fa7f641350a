//! An in-memory log for tests that behaves like the disk log and injects faults.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::ident::Shard;
use tokio::sync::watch;

use crate::common::{fresh, unknown};
use crate::entry::checked_len;
use crate::{Batch, Entry, EventLog, LogError, Part, TopicSettings, Usage};

/// The most faults that may be queued.
const MAX_FAULTS: usize = 1_024;

/// What happens to one append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It fails and nothing is stored.
    FailBefore,
    /// It is stored, but the answer is lost.
    FailAfter,
    /// It is delayed by this long.
    Delay(Duration),
    /// It fails, and so does every later append, as after a failed sync.
    Stop,
}

/// A log in memory. It is not durable: it lives as long as the process.
#[derive(Debug)]
pub struct MemoryLog {
    id: String,
    shard: Shard,
    clock: Arc<dyn Clock>,
    topics: BTreeMap<String, Topic>,
    faults: Mutex<VecDeque<Fault>>,
    closed: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Topic {
    settings: TopicSettings,
    state: Mutex<State>,
    head: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// Entries with their sizes in bytes.
    entries: VecDeque<(Entry, u64)>,
    bytes: u64,
    next: u64,
    last_us: Option<i64>,
}

impl State {
    fn earliest(&self) -> u64 {
        self.next - self.entries.len() as u64
    }

    fn push(&mut self, parts: Vec<Part>, bytes: u64, now_us: i64) -> u64 {
        let appended_at_us = self.last_us.map_or(now_us, |last| last.max(now_us));
        self.last_us = Some(appended_at_us);
        let offset = self.next;
        self.entries.push_back((Entry { offset, appended_at_us, parts }, bytes));
        self.bytes += bytes;
        self.next += 1;
        offset
    }

    /// Drops entries beyond the caps, but never the newest entry.
    fn enforce_caps(&mut self, settings: &TopicSettings, now_us: i64) {
        let age = settings.cap_age.map(|age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        while self.entries.len() > 1
            && let Some((oldest, bytes)) = self.entries.front()
        {
            let aged = age.is_some_and(|age| oldest.appended_at_us < now_us.saturating_sub(age));
            if self.bytes <= settings.cap_bytes && !aged {
                break;
            }
            self.bytes -= bytes;
            self.entries.pop_front();
        }
    }
}

impl MemoryLog {
    /// An empty log of `topics`.
    pub fn new(topics: Vec<TopicSettings>, clock: Arc<dyn Clock>) -> Self {
        Self::part(fresh(), Shard::WHOLE, topics, clock)
    }

    /// The shards of an empty log of `topics`, in order.
    pub fn shards(
        count: u16,
        topics: &[TopicSettings],
        clock: &Arc<dyn Clock>,
    ) -> Vec<Arc<dyn EventLog>> {
        let (id, all) = (fresh(), (0..count).filter_map(|number| Shard::new(number, count)));
        let one = |shard| Self::part(id.clone(), shard, topics.to_vec(), Arc::clone(clock));
        all.map(|shard| Arc::new(one(shard)) as Arc<dyn EventLog>).collect()
    }

    fn part(id: String, shard: Shard, topics: Vec<TopicSettings>, clock: Arc<dyn Clock>) -> Self {
        let topic = |settings: TopicSettings| {
            let head = watch::Sender::new(0);
            (settings.name.clone(), Topic { settings, state: Mutex::default(), head })
        };
        Self {
            id,
            shard,
            clock,
            topics: topics.into_iter().map(topic).collect(),
            faults: Mutex::default(),
            closed: Mutex::default(),
        }
    }

    /// Queues `fault` for the next append that has no fault yet. At most 1,024 are queued; more are
    /// ignored.
    pub fn inject(&self, fault: Fault) {
        let mut faults = self.faults.lock();
        if faults.len() < MAX_FAULTS {
            faults.push_back(fault);
        }
    }

    fn topic(&self, topic: &str) -> Result<&Topic, LogError> {
        self.topics.get(topic).ok_or_else(|| unknown(topic))
    }

    fn check_open(&self) -> Result<(), LogError> {
        self.closed.lock().as_ref().map_or(Ok(()), |why| Err(LogError::Closed(why.clone())))
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn id(&self) -> &str {
        &self.id
    }

    fn shard(&self) -> Shard {
        self.shard
    }

    async fn append(&self, topic: &str, parts: Vec<Part>) -> Result<u64, LogError> {
        let topic = self.topic(topic)?;
        let bytes = checked_len(&parts)? as u64;
        let fault = self.faults.lock().pop_front();
        match &fault {
            Some(Fault::FailBefore) => {
                return Err(LogError::Unavailable("as the test asked for, before".into()));
            }
            Some(Fault::Stop) => {
                self.closed.lock().get_or_insert_with(|| "stopped as the test asked for".into());
            }
            Some(Fault::Delay(delay)) => tokio::time::sleep(*delay).await,
            Some(Fault::FailAfter) | None => {}
        }
        self.check_open()?;
        let now_us = self.clock.now_us();
        let offset = {
            let mut state = topic.state.lock();
            let offset = state.push(parts, bytes, now_us);
            state.enforce_caps(&topic.settings, now_us);
            // Under the lock, so that the head never steps back.
            topic.head.send_replace(offset + 1);
            offset
        };
        if fault == Some(Fault::FailAfter) {
            return Err(LogError::Unsure("as the test asked for, after storing".into()));
        }
        Ok(offset)
    }

    async fn read(&self, topic: &str, from: u64, max_bytes: usize) -> Result<Batch, LogError> {
        let state = self.topic(topic)?.state.lock();
        if from > state.next {
            let next = state.next;
            return Err(LogError::Invalid(format!("offset {from} is past the end, {next}")));
        }
        let start = from.max(state.earliest());
        let mut batch = Batch { next: start, lost: start - from, ..Batch::default() };
        let mut taken = 0;
        let skip = usize::try_from(start - state.earliest()).unwrap_or(usize::MAX);
        for (entry, _) in state.entries.iter().skip(skip) {
            taken += entry.parts.iter().map(|part| part.payload.len()).sum::<usize>();
            if taken > max_bytes && !batch.entries.is_empty() {
                break;
            }
            batch.next = entry.offset + 1;
            batch.entries.push(entry.clone());
        }
        Ok(batch)
    }

    fn head(&self, topic: &str) -> Result<watch::Receiver<u64>, LogError> {
        Ok(self.topic(topic)?.head.subscribe())
    }

    fn usage(&self, topic: &str) -> Result<Usage, LogError> {
        let topic = self.topic(topic)?;
        let state = topic.state.lock();
        Ok(Usage {
            bytes: Some(state.bytes),
            cap_bytes: topic.settings.cap_bytes,
            earliest: state.earliest(),
            next: state.next,
            dropped_entries: state.earliest(),
            quarantined_entries: 0,
        })
    }

    async fn close(&self) {
        self.closed.lock().get_or_insert_with(|| "it was closed".into());
    }
}
