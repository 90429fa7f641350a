//! Readers of one topic: a follower of its end, and a reader of older entries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::client::{Context, REQUEST, consuming, create, unavailable};
use super::topic::{Collect, Topic};
use super::{KafkaSettings, record};
use crate::{Batch, Entry, LogError};

pub(super) type Client = BaseConsumer<Context>;

/// How long a broker holds the follower's request; it answers at once when an entry arrives.
const LONG_WAIT: Duration = Duration::from_millis(500);
/// The same for reads of older entries, where a pending request delays the next seek.
const SHORT_WAIT: Duration = Duration::from_millis(10);
/// How often a follower checks whether it should stop.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Polls without a usable entry after which a read of older entries fails.
const MAX_IDLE: usize = 25;

/// The oldest and the next offset of a partition, from its leader. Blocks.
pub(super) fn ends(
    client: &Client,
    settings: &KafkaSettings,
    (name, partition): (&str, i32),
) -> Result<(u64, u64), LogError> {
    let (low, high) = client.fetch_watermarks(name, partition, REQUEST).map_err(|error| {
        unavailable(&format!("cannot find the ends of {name}"), settings, &error)
    })?;
    Ok((u64::try_from(low).unwrap_or(0), u64::try_from(high).unwrap_or(0)))
}

/// A consumer that requests metadata and reads no entries.
pub(super) fn metadata_client(settings: &KafkaSettings) -> Result<Client, LogError> {
    create(&consuming(settings, SHORT_WAIT))
}

/// Starts reading at `offset`. Before the next `assign` or `unassign` a message must have arrived
/// or been waited for: librdkafka 2.12 aborts the process (`rktp_started`) if a partition is
/// stopped while it is already being stopped.
fn assign(client: &Client, topic: &Topic, offset: u64) -> Result<(), KafkaError> {
    let (name, partition) = topic.location();
    let mut list = TopicPartitionList::new();
    let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
    list.add_partition_offset(name, partition, offset)?;
    client.assign(&list)
}

fn out_of_range(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AutoOffsetReset, OffsetOutOfRange};
    matches!(error.rdkafka_error_code(), Some(AutoOffsetReset | OffsetOutOfRange))
}

/// Offset, size and entry of a message; no entry if Tallylight did not write it.
fn taken(message: &impl Message) -> (u64, u64, Option<Entry>) {
    let offset = u64::try_from(message.offset()).unwrap_or(0);
    let value = Bytes::copy_from_slice(message.payload().unwrap_or_default());
    (offset, value.len() as u64, record::decode(offset, value))
}

/// A consumer for [`follow`].
pub(super) fn following_client(settings: &KafkaSettings) -> Result<Client, LogError> {
    create(&consuming(settings, LONG_WAIT))
}

/// Follows the end of `topic`, from where that begins until `stop`. Errors that the consumer reports
/// are temporary: the library continues by itself once a broker answers.
pub(super) fn follow(
    client: &Client,
    (topic, mut at): (&Topic, u64),
    settings: &KafkaSettings,
    stop: &AtomicBool,
) {
    let mut placed = assign(client, topic, at).is_ok();
    while !stop.load(Ordering::Relaxed) {
        if !placed {
            placed = assign(client, topic, at).is_ok();
        }
        match client.poll(POLL_INTERVAL) {
            None => {}
            Some(Ok(message)) => {
                let (offset, bytes, entry) = taken(&message);
                topic.saw(offset, bytes, entry);
                at = offset + 1;
            }
            Some(Err(error)) if out_of_range(&error) => {
                // If no broker answers with the ends, the next round asks again.
                placed = false;
                if let Ok((low, high)) = ends(client, settings, topic.location()) {
                    if low <= at {
                        // The caps cannot be the cause: the tail was lost, and may have been
                        // written again since.
                        return topic.cut(at, high);
                    }
                    // The caps overtook this reader: the entries that it missed count as lost.
                    topic.learned((low, high));
                    at = low;
                    topic.jumped(at);
                }
            }
            Some(Err(error)) => tracing::debug!(%error, topic = topic.name, "following"),
        }
    }
}

/// Reads entries that are no longer in memory.
#[derive(Default)]
pub(super) struct PastReader {
    client: Option<Client>,
    /// The offset at which the consumer continues.
    position: Option<u64>,
    /// An entry that arrived and did not fit.
    held: Option<Entry>,
}

impl PastReader {
    /// Entries in `from..to`. Blocks.
    pub(super) fn read(
        &mut self,
        (topic, settings): (&Arc<Topic>, &KafkaSettings),
        (from, to, lost): (u64, u64, u64),
        max_bytes: usize,
    ) -> Result<Batch, LogError> {
        let client = match self.client.take() {
            Some(client) => client,
            None => create(&consuming(settings, SHORT_WAIT))?,
        };
        let mut collect = Collect::new(from, lost, max_bytes);
        let outcome = self.fill(&client, (topic, settings), to, &mut collect);
        if outcome.is_err() || collect.next() >= to {
            // No read continues from here, so stop prefetching.
            (self.position, self.held) = (None, None);
            let _ = client.unassign();
        }
        self.client = Some(client);
        outcome.map(|()| collect.done(None))
    }

    fn fill(
        &mut self,
        client: &Client,
        (topic, settings): (&Arc<Topic>, &KafkaSettings),
        to: u64,
        collect: &mut Collect,
    ) -> Result<(), LogError> {
        let failed = |error: &KafkaError| unavailable("cannot read", settings, error);
        let held = self.held.take().filter(|entry| entry.offset == collect.next());
        if let Some(entry) = held {
            collect.take(&entry);
        } else if self.position != Some(collect.next()) {
            assign(client, topic, collect.next()).map_err(|error| failed(&error))?;
        }
        let mut idle = 0;
        while collect.next() < to {
            if idle > MAX_IDLE {
                let what = format!("no broker sends {} of {}", collect.next(), topic.name);
                return Err(LogError::Unavailable(what));
            }
            match client.poll(POLL_INTERVAL) {
                None => idle += 1,
                Some(Ok(message)) => {
                    let (offset, bytes, entry) = taken(&message);
                    self.position = Some(offset + 1);
                    let Some(entry) = entry else {
                        collect.pass(offset + 1);
                        continue;
                    };
                    topic.measured(bytes);
                    if offset >= to {
                        collect.pass(to);
                    } else if !collect.take(&entry) {
                        self.held = Some(entry);
                        self.position = Some(offset);
                        return Ok(());
                    }
                }
                Some(Err(error)) if out_of_range(&error) => {
                    idle += 1;
                    let (low, high) = ends(client, settings, topic.location())?;
                    topic.learned((low, high));
                    collect.pass(low.min(to));
                    if collect.next() < to {
                        assign(client, topic, collect.next()).map_err(|error| failed(&error))?;
                    }
                }
                Some(Err(error)) => tracing::debug!(%error, topic = topic.name, "reading"),
            }
        }
        Ok(())
    }
}
