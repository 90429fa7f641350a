//! One shard of a log in Kafka: one partition of each of its topics.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tallylight_schemas::ident::Shard;
use tokio::sync::watch;

use super::reader::{self, PastReader};
use super::topic::{ReadPlan, Topic};
use super::{Kafka, blocking, join, spawn};
use crate::common::unknown;
use crate::{Batch, EventLog, LogError, Part, TopicSettings, Usage};

/// How long a read waits for entries that are known to exist.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// A shard that is open for reading and writing. Other processes may write it too.
pub struct KafkaLog {
    kafka: Arc<Kafka>,
    shard: Shard,
    topics: BTreeMap<String, Opened>,
    stop: Arc<AtomicBool>,
}

struct Opened {
    topic: Arc<Topic>,
    past: Arc<Mutex<PastReader>>,
    /// Started by the first read: a process that only appends receives nothing back.
    follower: Mutex<Option<JoinHandle<()>>>,
}

impl KafkaLog {
    pub(super) async fn open(kafka: Arc<Kafka>, shard: Shard) -> Result<Self, LogError> {
        let mut topics = BTreeMap::new();
        for settings in &kafka.settings.topics {
            let (cap_bytes, name) = (settings.cap_bytes / u64::from(shard.of()), &settings.name);
            let location = (kafka.settings.name(name), i32::from(shard.number()));
            let (client, of) = (Arc::clone(&kafka.metadata_client), Arc::clone(&kafka.settings));
            let (kafka_name, partition) = location.clone();
            let ends = blocking(move || reader::ends(&client, &of, (&kafka_name, partition)));
            let settings = TopicSettings { cap_bytes, ..settings.clone() };
            let topic = Arc::new(Topic::new(settings, location, ends.await?));
            kafka.watched.lock().push(Arc::downgrade(&topic));
            let opened = Opened { topic, past: Arc::default(), follower: Mutex::default() };
            topics.insert(name.clone(), opened);
        }
        Ok(Self { kafka, shard, topics, stop: Arc::default() })
    }

    fn opened(&self, topic: &str) -> Result<&Opened, LogError> {
        self.topics.get(topic).ok_or_else(|| unknown(topic))
    }

    /// The topic; it is followed from now on.
    fn followed(&self, topic: &str) -> Result<&Opened, LogError> {
        let opened = self.opened(topic)?;
        let mut follower = opened.follower.lock();
        if follower.is_none() {
            let topic = Arc::clone(&opened.topic);
            let (settings, stop) = (Arc::clone(&self.kafka.settings), Arc::clone(&self.stop));
            // Threads or files may be short for a moment.
            let client = reader::following_client(&settings)
                .map_err(|error| LogError::Unavailable(error.to_string()))?;
            let from = topic.begin();
            let work = move || reader::follow(&client, (&topic, from), &settings, &stop);
            *follower = Some(spawn("kafka-follow", work)?);
        }
        drop(follower);
        Ok(opened)
    }

    /// Checks that `from` is not past the end, asking a broker if necessary.
    async fn check_end(&self, topic: &Arc<Topic>, from: u64) -> Result<(), LogError> {
        if from <= *topic.head.borrow() {
            return Ok(());
        }
        let client = Arc::clone(&self.kafka.metadata_client);
        let (settings, of) = (Arc::clone(&self.kafka.settings), Arc::clone(topic));
        blocking(move || {
            of.learned(reader::ends(&client, &settings, of.location())?);
            Ok(())
        })
        .await?;
        let end = *topic.head.borrow();
        if from <= end {
            return Ok(());
        }
        Err(LogError::Invalid(format!(
            "offset {from} of topic {} is past its end, {end}; was the topic deleted?",
            topic.name
        )))
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    fn id(&self) -> &str {
        &self.kafka.id
    }

    fn shard(&self) -> Shard {
        self.shard
    }

    async fn append(&self, topic: &str, parts: Vec<Part>) -> Result<u64, LogError> {
        self.kafka.writer.append(&self.opened(topic)?.topic, &parts).await
    }

    async fn read(&self, topic: &str, from: u64, max_bytes: usize) -> Result<Batch, LogError> {
        let opened = self.followed(topic)?;
        let topic = &opened.topic;
        topic.check_whole()?;
        self.check_end(topic, from).await?;
        let head = *topic.head.borrow();
        if from == head {
            return Ok(Batch { next: from, ..Batch::default() });
        }
        // Entries acknowledged here are still to arrive from the broker. If they do not, the read
        // below returns what there is, or an error.
        let mut followed = topic.followed.subscribe();
        let caught_up = followed.wait_for(|followed| *followed >= head);
        let _ = tokio::time::timeout(READ_WITHIN, caught_up).await;
        match topic.read(from, max_bytes)? {
            ReadPlan::Cached(batch) => Ok(batch),
            ReadPlan::FromBrokers { from, to, lost } => {
                let (past, topic) = (Arc::clone(&opened.past), Arc::clone(topic));
                let settings = Arc::clone(&self.kafka.settings);
                blocking(move || past.lock().read((&topic, &settings), (from, to, lost), max_bytes))
                    .await
            }
        }
    }

    fn head(&self, topic: &str) -> Result<watch::Receiver<u64>, LogError> {
        Ok(self.followed(topic)?.topic.head.subscribe())
    }

    fn usage(&self, topic: &str) -> Result<Usage, LogError> {
        Ok(self.opened(topic)?.topic.usage())
    }

    async fn close(&self) {
        self.kafka.writer.close().await;
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let followers = self.topics.values().filter_map(|opened| opened.follower.lock().take());
        join(followers);
    }
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = (&self.kafka.settings, self.shard);
        f.debug_struct("KafkaLog").field("of", &log).finish_non_exhaustive()
    }
}
