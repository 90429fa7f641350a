//! The log in Kafka, shared by many processes (ADR 10). How to run it: `docs/kafka.md`.
//!
//! A shard is one Kafka partition of each topic, so offsets are Kafka's, and a shard has one order
//! (ADR 25). An entry is acknowledged once every in-sync replica has it.

mod client;
mod group;
mod log;
mod make;
mod reader;
mod record;
mod topic;
mod writer;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::ident::{MAX_PARTITIONS, Shard};
use tallylight_schemas::settings::outside;

pub use self::group::{Change, Group};
pub use self::log::KafkaLog;

use self::topic::Topic;
use self::writer::Writer;
use crate::common::valid_name;
use crate::{EventLog, LogError, Shards, TopicSettings};

/// How often the ends of the topics are requested.
const ENDS_EVERY: Duration = Duration::from_secs(1);
/// The smallest cap per shard: Kafka drops whole segments, and a segment must fit the largest entry.
pub const MIN_CAP_BYTES: u64 = 2 * make::MIN_SEGMENT;

/// Where the brokers are, and how topics are created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// Some of the brokers, `HOST:PORT`, separated by commas.
    pub brokers: String,
    /// Prefix of the topics' names, so that several logs can share a cluster.
    pub prefix: String,
    /// Replicas of each topic when it is created; `None`: the brokers' default.
    pub replicas: Option<u16>,
    /// Replicas that must have an entry before it is acknowledged; `None`: the brokers' default.
    pub min_in_sync: Option<u16>,
    /// Shards of the log when its topics are created: at most this many processors can share the
    /// work.
    pub shards: u16,
    /// How long an append is retried before it fails.
    pub append_within: Duration,
    /// The topics.
    pub topics: Vec<TopicSettings>,
}

impl KafkaSettings {
    /// Settings with the brokers' defaults for topics, and appends that outlast a failover.
    pub fn new(brokers: impl Into<String>, topics: Vec<TopicSettings>) -> Self {
        Self {
            brokers: brokers.into(),
            prefix: "tallylight".to_owned(),
            replicas: None,
            min_in_sync: None,
            shards: 4,
            append_within: Duration::from_secs(15),
            topics,
        }
    }

    /// The Kafka name of one of our topics.
    fn name(&self, topic: &str) -> String {
        format!("{}-{topic}", self.prefix)
    }

    /// Reports all mistakes at once.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        let address =
            |one: &str| one.rsplit_once(':').is_some_and(|(_, p)| p.parse::<u16>().is_ok());
        if !self.brokers.split(',').all(address) {
            wrong.push(format!("brokers {:?} are not HOST:PORT,HOST:PORT", self.brokers));
        }
        for name in self.topics.iter().map(|topic| &topic.name).chain([&self.prefix]) {
            if !valid_name(name) {
                wrong.push(format!("name {name:?} is not [a-z0-9_-]{{1,64}}"));
            }
        }
        let most = u64::from(MAX_PARTITIONS);
        wrong.extend(outside(&[("shards", u64::from(self.shards), 1..=most)]));
        let least = MIN_CAP_BYTES * u64::from(self.shards);
        for topic in self.topics.iter().filter(|topic| topic.cap_bytes < least) {
            wrong.push(format!(
                "topic {:?} has a cap of {} bytes, and Kafka cannot keep less than {MIN_CAP_BYTES} per \
                 shard: {least}; raise the cap or use fewer shards",
                topic.name, topic.cap_bytes
            ));
        }
        if self.min_in_sync > self.replicas && self.replicas.is_some() {
            wrong.push("min_in_sync is above replicas: nothing could be appended".to_owned());
        }
        if self.append_within < Duration::from_secs(1) {
            wrong.push("append_within is below 1 s, less than an election takes".to_owned());
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

/// A log in Kafka as this process uses it: what its shards have in common. Other processes may use
/// the log too.
pub struct Kafka {
    id: String,
    settings: Arc<KafkaSettings>,
    shards: u16,
    writer: Writer,
    /// Requests metadata from brokers; reads no entries.
    metadata_client: Arc<reader::Client>,
    watched: Arc<Mutex<Vec<Weak<Topic>>>>,
    stop: Arc<AtomicBool>,
    watcher: Mutex<Option<JoinHandle<()>>>,
}

impl Kafka {
    /// Opens the log, creating missing topics. [`LogError::Unavailable`] while no broker answers.
    pub async fn open(
        settings: KafkaSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, LogError> {
        settings.validate().map_err(|wrong| LogError::Invalid(wrong.join("; ")))?;
        let settings = Arc::new(settings);
        let made = make::log(&settings).await?;
        let writer = Writer::new(Arc::clone(&settings), clock)?;
        let (watched, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let watcher = spawn("kafka-ends", {
            let (client, watched, settings, stop) = (
                Arc::clone(&made.metadata_client),
                Arc::clone(&watched),
                Arc::clone(&settings),
                Arc::clone(&stop),
            );
            move || watch_ends(&client, &watched, &settings, &stop)
        })?;
        let make::Made { id, shards, metadata_client } = made;
        let watcher = Mutex::new(Some(watcher));
        Ok(Arc::new(Self { id, settings, shards, writer, metadata_client, watched, stop, watcher }))
    }

    /// The number of shards: the partitions of its topics in Kafka.
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// One shard. A topic that it follows is followed until the shard is dropped.
    pub async fn shard(self: &Arc<Self>, shard: Shard) -> Result<KafkaLog, LogError> {
        KafkaLog::open(Arc::clone(self), shard).await
    }

    /// All shards.
    pub async fn all(self: &Arc<Self>) -> Result<Shards, LogError> {
        let mut logs: Vec<Arc<dyn EventLog>> = Vec::new();
        for shard in (0..self.shards).filter_map(|number| Shard::new(number, self.shards)) {
            logs.push(Arc::new(self.shard(shard).await?));
        }
        Shards::new(logs).ok_or_else(|| LogError::Data("the log has no shard".to_owned()))
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        join(self.watcher.lock().take());
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a reader of Kafka panicked");
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LogError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| LogError::Unavailable(format!("cannot start a reader of Kafka: {error}")))
}

/// Runs blocking work on a blocking thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| LogError::Unavailable(format!("the read was aborted: {error}")))?
}

/// Keeps the ends of the topics up to date until `stop`, even for topics that this process does not
/// follow.
fn watch_ends(
    client: &reader::Client,
    watched: &Mutex<Vec<Weak<Topic>>>,
    settings: &KafkaSettings,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Relaxed) {
        let topics = {
            let mut watched = watched.lock();
            watched.retain(|topic| topic.strong_count() > 0);
            watched.clone()
        };
        ask_each(&topics, stop, |topic| match reader::ends(client, settings, topic.location()) {
            Ok(ends) => topic.learned(ends),
            Err(error) => tracing::debug!(%error, "the topics' ends"),
        });
        // Nothing is assigned, so this only waits and serves the library's callbacks.
        let steps = ENDS_EVERY.as_millis() / reader::POLL_INTERVAL.as_millis();
        for _ in 0..steps {
            if !stop.load(Ordering::Relaxed) {
                let _ = client.poll(reader::POLL_INTERVAL);
            }
        }
    }
}

/// Calls `ask` for each topic that is still in use. While no broker answers, each call takes
/// seconds, so `stop` is checked before each.
fn ask_each(topics: &[Weak<Topic>], stop: &AtomicBool, mut ask: impl FnMut(&Topic)) {
    for topic in topics.iter().filter_map(Weak::upgrade) {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        ask(&topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_topic_is_asked_for_after_stop() {
        let topic = |partition| {
            let settings = TopicSettings::new("events", 1 << 30);
            Arc::new(Topic::new(settings, ("t-events".to_owned(), partition), (0, 0)))
        };
        let topics = [0, 1, 2].map(topic);
        let watched: Vec<Weak<Topic>> = topics.iter().map(Arc::downgrade).collect();
        let (stop, mut asked) = (AtomicBool::new(false), 0);
        ask_each(&watched, &stop, |_| {
            asked += 1;
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(asked, 1);
    }
}
