//! Determines which shards this process owns, by a Kafka consumer group over the partitions of one
//! topic. The group reads nothing and commits no offsets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tallylight_schemas::ident::Shard;
use tokio::sync::{mpsc, oneshot};

use super::client::{Context, REQUEST, common, unavailable};
use super::{Kafka, KafkaSettings, blocking, join, reader, spawn};
use crate::LogError;

/// An owner that sends no heartbeat for this long loses its shards.
const SESSION: Duration = Duration::from_secs(6);
/// How often an owner sends a heartbeat.
const HEARTBEAT: Duration = Duration::from_millis(1_500);
/// How long leaving may wait for the brokers.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);
/// How long the owners are requested before the list of brokers is: a viewer's page waits 3 s.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often an error of the group is logged while it lasts.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// Changes that may be queued.
const WAITING: usize = 16;

/// What changes about the shards that this process owns.
#[derive(Debug)]
pub enum Change {
    /// These are owned from now on.
    Given(Vec<Shard>),
    /// These move to another owner, but not before the sender is used or dropped: time to save
    /// state.
    Taken(Vec<Shard>, oneshot::Sender<()>),
    /// These were lost and may have another owner already.
    Lost(Vec<Shard>),
}

/// Membership in the group.
#[derive(Debug)]
pub struct Group {
    changes: mpsc::Receiver<Change>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The name of the group.
fn name(settings: &KafkaSettings) -> String {
    format!("{}-owners", settings.prefix)
}

impl Kafka {
    /// Joins the processes that share the shards of `topic`. [`Kafka::owners`] returns `address`
    /// for this process.
    pub fn join(&self, topic: &str, address: &str) -> Result<Group, LogError> {
        let (changed, changes) = mpsc::channel(WAITING);
        let mut config = common(&self.settings);
        config
            .set("group.id", name(&self.settings))
            .set("client.id", address)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", SESSION.as_millis().to_string())
            .set("heartbeat.interval.ms", HEARTBEAT.as_millis().to_string())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("allow.auto.create.topics", "false");
        let member: BaseConsumer<Member> = config
            .create_with_context(Member { shards: self.shards, changed })
            .map_err(|error| LogError::Invalid(format!("the settings of Kafka: {error}")))?;
        let topic = self.settings.name(topic);
        member
            .subscribe(&[&topic])
            .map_err(|error| unavailable("cannot join the owners", &self.settings, &error))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = Some(spawn("kafka-group", move || take_part(&member, &stopping))?);
        Ok(Group { changes, stop, thread })
    }

    /// The addresses of the processes that share the shards. One that has just died may still be
    /// listed.
    pub async fn owners(&self) -> Result<Vec<String>, LogError> {
        let (client, settings) = (Arc::clone(&self.metadata_client), Arc::clone(&self.settings));
        blocking(move || {
            let group = name(&settings);
            let ask = |within: Duration| client.fetch_group_list(Some(&group), within);
            // Every broker that the library knows is asked, and one that does not answer fails all
            // of it. With new metadata the library drops brokers that are gone.
            let found = ask(ASK_AGAIN_AFTER).or_else(|_| {
                let topic = settings.topics.first().map(|topic| settings.name(&topic.name));
                client.fetch_metadata(topic.as_deref(), REQUEST)?;
                ask(REQUEST)
            });
            let found =
                found.map_err(|error| unavailable("cannot find the owners", &settings, &error))?;
            let members = found.groups().iter().flat_map(|group| group.members());
            let mut all: Vec<String> = members.map(|one| one.client_id().to_owned()).collect();
            all.sort_unstable();
            all.dedup();
            Ok(all)
        })
        .await
    }
}

impl Group {
    /// The next change; `None` once this process has left the group.
    pub async fn change(&mut self) -> Option<Change> {
        self.changes.recv().await
    }

    /// Leaves the group: [`Group::change`] reports the owned shards as taken.
    pub fn leave(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.leave();
        // Changes are no longer received, so the thread must not wait for an answer.
        self.changes.close();
        while self.changes.try_recv().is_ok() {}
        join(self.thread.take());
    }
}

/// Polls the library until `stop`, then leaves.
fn take_part(member: &BaseConsumer<Member>, stop: &AtomicBool) {
    let mut logged: Option<Instant> = None;
    let mut poll = || {
        // Partitions are paused, so only errors arrive. Most are temporary; one that persists keeps
        // this process out of the group and is logged repeatedly.
        if let Some(Err(error)) = member.poll(reader::POLL_INTERVAL)
            && logged.is_none_or(|at| at.elapsed() >= LOG_EVERY)
        {
            logged = Some(Instant::now());
            tracing::warn!(%error, "the group of owners");
        }
    };
    while !stop.load(Ordering::Relaxed) {
        poll();
    }
    member.unsubscribe();
    let deadline = Instant::now() + LEAVE_WITHIN;
    let owns = || member.assignment().is_ok_and(|owned| owned.count() > 0);
    while owns() && Instant::now() < deadline {
        poll();
    }
}

/// Callbacks of the library for changes of the owners.
#[derive(Debug)]
struct Member {
    shards: u16,
    changed: mpsc::Sender<Change>,
}

impl Member {
    fn given(
        &self,
        member: &BaseConsumer<Self>,
        list: &mut TopicPartitionList,
    ) -> Result<(), KafkaError> {
        // The owner of a shard reads it with another consumer, from the position of its state.
        list.set_all_offsets(Offset::End)?;
        member.incremental_assign(list)?;
        member.pause(list)?;
        let _ = self.changed.blocking_send(Change::Given(self.named(list)));
        Ok(())
    }

    fn taken(
        &self,
        member: &BaseConsumer<Self>,
        list: &TopicPartitionList,
    ) -> Result<(), KafkaError> {
        let shards = self.named(list);
        if member.assignment_lost() {
            let _ = self.changed.blocking_send(Change::Lost(shards));
        } else if !shards.is_empty() {
            let (done, stopped) = oneshot::channel();
            let sent = self.changed.blocking_send(Change::Taken(shards, done));
            // The library keeps sending heartbeats meanwhile.
            let _ = sent.map(|()| stopped.blocking_recv());
        }
        member.incremental_unassign(list)
    }

    fn named(&self, list: &TopicPartitionList) -> Vec<Shard> {
        let numbers = list.elements().into_iter().map(|one| u16::try_from(one.partition()));
        numbers.flatten().filter_map(|number| Shard::new(number, self.shards)).collect()
    }
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Context.error(error, reason);
    }
}

impl ConsumerContext for Member {
    fn rebalance(
        &self,
        member: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let outcome = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.given(member, list),
            _ => self.taken(member, list),
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "the shards of this process could not be changed");
        }
    }
}
