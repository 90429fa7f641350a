//! The log in Kafka: what many processes share (ADR 10). How to run it: `docs/kafka.md`.
//!
//! A topic of ours is a topic of one partition there, so offsets are Kafka's, and there is one
//! order. Every replica in sync has an entry before it is acknowledged.

mod client;
mod make;
mod reader;
mod record;
mod topic;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use tallylight_schemas::clock::Clock;
use tokio::sync::watch;

use self::reader::Past;
use self::topic::{Place, Topic};
use self::writer::Writer;
use crate::common::{lock, unknown, valid_name};
use crate::{Batch, EventLog, LogError, Part, TopicSettings, Usage};

/// The one partition of each topic.
const PARTITION: i32 = 0;
/// How often the ends of the topics are asked for.
const ENDS_EVERY: Duration = Duration::from_secs(1);
/// How long a read waits for what is known to be there.
const READ_WITHIN: Duration = Duration::from_secs(5);
/// Kafka drops whole segments of 1 MiB at least, so that less cannot be held to.
const MIN_CAP_BYTES: u64 = 4 << 20;

/// Where the brokers are, and how topics are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// Some of the brokers, `HOST:PORT` with commas between.
    pub brokers: String,
    /// What the topics' names begin with, so that logs share a cluster.
    pub prefix: String,
    /// Copies of each topic when it is made; `None`: as the brokers say.
    pub replicas: Option<u16>,
    /// Copies that must have an entry before it is acknowledged; `None`: as the brokers say.
    pub min_in_sync: Option<u16>,
    /// How long an append tries before it fails.
    pub append_within: Duration,
    /// The topics.
    pub topics: Vec<TopicSettings>,
}

impl KafkaSettings {
    /// Settings with topics as the brokers make them, and appends that outlast a failover.
    pub fn new(brokers: impl Into<String>, topics: Vec<TopicSettings>) -> Self {
        Self {
            brokers: brokers.into(),
            prefix: "tallylight".to_owned(),
            replicas: None,
            min_in_sync: None,
            append_within: Duration::from_secs(15),
            topics,
        }
    }

    /// All mistakes together.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        let address =
            |one: &str| one.rsplit_once(':').is_some_and(|(_, p)| p.parse::<u16>().is_ok());
        if !self.brokers.split(',').all(address) {
            wrong.push(format!("log: brokers {:?} are not HOST:PORT,HOST:PORT", self.brokers));
        }
        for name in self.topics.iter().map(|topic| &topic.name).chain([&self.prefix]) {
            if !valid_name(name) {
                wrong.push(format!("log: name {name:?} is not [a-z0-9_-]{{1,64}}"));
            }
        }
        for topic in self.topics.iter().filter(|topic| topic.cap_bytes < MIN_CAP_BYTES) {
            wrong.push(format!("log: topic {:?} caps below 4 MiB, which Kafka cannot", topic.name));
        }
        if self.min_in_sync > self.replicas && self.replicas.is_some() {
            wrong.push("log: min_in_sync is above replicas: nothing could be appended".to_owned());
        }
        if self.append_within < Duration::from_secs(1) {
            wrong.push("log: append_within is below 1 s, less than an election takes".to_owned());
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

/// A log that is open for reading and writing. Others may write it too.
pub struct KafkaLog {
    id: String,
    settings: Arc<KafkaSettings>,
    topics: BTreeMap<String, Opened>,
    writer: Writer,
    stop: Arc<AtomicBool>,
    watcher: Mutex<Option<JoinHandle<()>>>,
}

struct Opened {
    topic: Arc<Topic>,
    past: Arc<Mutex<Past>>,
    /// Started by the first who reads: a process that only appends is sent nothing back.
    follower: Mutex<Option<JoinHandle<()>>>,
}

impl KafkaLog {
    /// Opens the log; topics that are missing are made. [`LogError::Unavailable`] while no
    /// broker answers.
    pub async fn open(settings: KafkaSettings, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        settings.validate().map_err(|wrong| LogError::Invalid(wrong.join("; ")))?;
        let settings = Arc::new(settings);
        let made = make::log(&settings).await?;
        let topics: Vec<Arc<Topic>> = made.topics.into_iter().map(Arc::new).collect();
        let writer = Writer::new(Arc::clone(&settings), clock)?;
        let stop = Arc::new(AtomicBool::new(false));
        let watcher = spawn("kafka-ends", {
            let (topics, settings, stop) =
                (topics.clone(), Arc::clone(&settings), Arc::clone(&stop));
            move || watch_ends(&topics, &settings, &stop)
        })?;
        let opened = |topic: Arc<Topic>| {
            let name = topic.settings.name.clone();
            (name, Opened { topic, past: Arc::default(), follower: Mutex::default() })
        };
        Ok(Self {
            id: made.id,
            settings,
            topics: topics.into_iter().map(opened).collect(),
            writer,
            stop,
            watcher: Mutex::new(Some(watcher)),
        })
    }

    fn opened(&self, topic: &str) -> Result<&Opened, LogError> {
        self.topics.get(topic).ok_or_else(|| unknown(topic))
    }

    /// The topic, followed from now on if it was not.
    fn followed(&self, topic: &str) -> Result<&Opened, LogError> {
        let opened = self.opened(topic)?;
        let mut follower = lock(&opened.follower);
        if follower.is_none() {
            let topic = Arc::clone(&opened.topic);
            let (settings, stop) = (Arc::clone(&self.settings), Arc::clone(&self.stop));
            let work = move || reader::follow(&topic, &settings, &stop);
            *follower = Some(spawn("kafka-follow", work)?);
        }
        drop(follower);
        Ok(opened)
    }

    /// Makes sure that `from` is no further than the end, by asking a broker if need be.
    async fn check_end(&self, topic: &Arc<Topic>, from: u64) -> Result<(), LogError> {
        if from <= *topic.head.borrow() {
            return Ok(());
        }
        let (settings, asked) = (Arc::clone(&self.settings), Arc::clone(topic));
        blocking(move || {
            asked.learned(reader::ends(&reader::asking(&settings)?, &settings, &asked.name)?);
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
        &self.id
    }

    async fn append(&self, topic: &str, parts: Vec<Part>) -> Result<u64, LogError> {
        self.writer.append(&self.opened(topic)?.topic, &parts).await
    }

    async fn read(&self, topic: &str, from: u64, max_bytes: usize) -> Result<Batch, LogError> {
        let opened = self.followed(topic)?;
        let topic = &opened.topic;
        self.check_end(topic, from).await?;
        let head = *topic.head.borrow();
        if from == head {
            return Ok(Batch { next: from, ..Batch::default() });
        }
        // What was acknowledged here is on its way back. If it does not come, the read below
        // answers with what there is, or says so.
        let mut followed = topic.followed.subscribe();
        let caught_up = followed.wait_for(|followed| *followed >= head);
        let _ = tokio::time::timeout(READ_WITHIN, caught_up).await;
        match topic.read(from, max_bytes)? {
            Place::Here(batch) => Ok(batch),
            Place::Past { from, to, lost } => {
                let (past, topic) = (Arc::clone(&opened.past), Arc::clone(topic));
                let settings = Arc::clone(&self.settings);
                blocking(move || lock(&past).read((&topic, &settings), (from, to, lost), max_bytes))
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
        self.writer.close().await;
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let followers = self.topics.values().filter_map(|opened| lock(&opened.follower).take());
        for thread in followers.chain(lock(&self.watcher).take()) {
            if thread.join().is_err() {
                tracing::error!("a reader of Kafka panicked");
            }
        }
    }
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLog").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LogError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| LogError::Unavailable(format!("cannot start a reader of Kafka: {error}")))
}

/// Does what blocks where blocking is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| LogError::Unavailable(format!("the read was given up: {error}")))?
}

/// Learns the ends of the topics, also of those that nobody follows here, until `stop`.
fn watch_ends(topics: &[Arc<Topic>], settings: &KafkaSettings, stop: &AtomicBool) {
    let client = match reader::asking(settings) {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "cannot watch the topics' ends"),
    };
    while !stop.load(Ordering::Relaxed) {
        for topic in topics {
            match reader::ends(&client, settings, &topic.name) {
                Ok(ends) => topic.learned(ends),
                Err(error) => tracing::debug!(%error, "the topics' ends"),
            }
        }
        // Nothing is assigned, so this only passes the time, and takes what the library reports.
        let steps = ENDS_EVERY.as_millis() / reader::LOOK.as_millis();
        for _ in 0..steps {
            if !stop.load(Ordering::Relaxed) {
                let _ = client.poll(reader::LOOK);
            }
        }
    }
}
