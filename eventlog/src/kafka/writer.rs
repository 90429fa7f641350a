//! Appends entries: bounded, in order, acknowledged by every in-sync replica.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use tallylight_schemas::clock::Clock;
use tokio::sync::Semaphore;

use super::client::{Context, MAX_RECORD_BYTES, create, producing};
use super::topic::Topic;
use super::{KafkaSettings, record};
use crate::entry::checked_len;
use crate::{LogError, Part};

type Client = FutureProducer<Context>;

/// Bytes that may await acknowledgement, in units of [`ROOM_UNIT`].
const QUEUED_ROOM: usize = 64 << 10;
const ROOM_UNIT: usize = 1 << 10;

pub(super) struct Writer {
    settings: Arc<KafkaSettings>,
    clock: Arc<dyn Clock>,
    client: Mutex<Client>,
    room: Semaphore,
    closed: AtomicBool,
}

impl Writer {
    pub(super) fn new(
        settings: Arc<KafkaSettings>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LogError> {
        let client = Mutex::new(create(&producing(&settings))?);
        let room = Semaphore::new(QUEUED_ROOM);
        Ok(Self { settings, clock, client, room, closed: AtomicBool::new(false) })
    }

    pub(super) async fn append(&self, topic: &Topic, parts: &[Part]) -> Result<u64, LogError> {
        let body_len = checked_len(parts)?;
        let units = u32::try_from(body_len.div_ceil(ROOM_UNIT)).unwrap_or(u32::MAX);
        let closed = || LogError::Closed("it was closed".into());
        let _room = self.room.acquire_many(units).await.map_err(|_| closed())?;
        if self.closed.load(Ordering::Relaxed) {
            return Err(closed());
        }
        let client = self.client.lock().clone();
        let sent = topic.timed(self.clock.now_us(), |now_us| {
            let value = record::encode(parts, body_len, now_us);
            let (name, partition) = topic.location();
            let record = FutureRecord::<(), _>::to(name).partition(partition);
            client.send_result(record.payload(&value)).map_err(|(error, _)| error)
        });
        let delivered = match sent {
            Ok(delivery) => delivery.await.map_err(|_| KafkaError::Canceled),
            Err(error) => return Err(self.refused(&client, &error)),
        };
        match delivered {
            Ok(Ok(delivery)) => {
                let offset = u64::try_from(delivery.offset).map_err(|_| {
                    LogError::Data(format!("Kafka stored at offset {}", delivery.offset))
                })?;
                topic.stored(offset);
                Ok(offset)
            }
            Ok(Err((error, _))) | Err(error) => Err(self.failed(&client, &error)),
        }
    }

    /// The error for an append that was never sent.
    fn refused(&self, client: &Client, error: &KafkaError) -> LogError {
        use RDKafkaErrorCode::{Fatal, MessageSizeTooLarge, QueueFull};
        let why = format!("Kafka {}: {error}", self.settings.brokers);
        match error.rdkafka_error_code() {
            Some(MessageSizeTooLarge) => LogError::Invalid(why),
            Some(Fatal) => self.renew(client, why),
            Some(QueueFull) => LogError::Unavailable(format!("{why}: its queue is full")),
            _ => LogError::Unavailable(why),
        }
    }

    /// The error for an append that was sent but not acknowledged.
    fn failed(&self, client: &Client, error: &KafkaError) -> LogError {
        use RDKafkaErrorCode::{Fatal, MessageTimedOut, TopicAuthorizationFailed};
        let why = format!("Kafka {}: {error}", self.settings.brokers);
        let code = error.rdkafka_error_code();
        if let Some(setting) = code.and_then(too_small) {
            return LogError::Invalid(format!(
                "{why}; {setting} of its topics is too small for an entry, set it to \
                 {MAX_RECORD_BYTES} or more"
            ));
        }
        match code {
            Some(TopicAuthorizationFailed) => LogError::Unavailable(why),
            Some(Fatal) => match self.renew(client, why) {
                LogError::Unavailable(why) => LogError::Unsure(why),
                other => other,
            },
            Some(MessageTimedOut) => LogError::Unsure(format!(
                "{why} within {} s; is a broker down, or are fewer replicas in sync than \
                 min.insync.replicas requires?",
                self.settings.append_within.as_secs()
            )),
            _ => LogError::Unsure(why),
        }
    }

    /// Replaces a producer whose state the brokers have lost: it can never send again.
    fn renew(&self, broken: &Client, why: String) -> LogError {
        let mut client = self.client.lock();
        let same = std::ptr::eq(client.client().native_ptr(), broken.client().native_ptr());
        if same {
            tracing::warn!(why, "the producer failed; a new one replaces it");
            match create(&producing(&self.settings)) {
                Ok(fresh) => *client = fresh,
                Err(error) => return error,
            }
        }
        LogError::Unavailable(why)
    }

    /// Accepts no further appends, and waits for those in progress.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let client = self.client.lock().clone();
        let within = self.settings.append_within;
        let flushed = tokio::task::spawn_blocking(move || client.flush(within)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::error!("the log was closed while appends were in progress");
        }
    }
}

/// The topic setting that made a broker refuse an entry as too large.
fn too_small(code: RDKafkaErrorCode) -> Option<&'static str> {
    match code {
        RDKafkaErrorCode::MessageSizeTooLarge => Some("max.message.bytes"),
        RDKafkaErrorCode::MessageBatchTooLarge => Some("segment.bytes"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallylight_schemas::clock::ManualClock;

    use crate::TopicSettings;

    #[test]
    fn an_entry_that_is_too_large_for_the_topic_can_never_be_stored() {
        let topics = vec![TopicSettings::new("rows", 1 << 30)];
        let settings = Arc::new(KafkaSettings::new("127.0.0.1:1", topics));
        let writer = Writer::new(settings, Arc::new(ManualClock::at_us(0))).unwrap();
        let client = writer.client.lock().clone();
        for (code, setting) in [
            (RDKafkaErrorCode::MessageSizeTooLarge, "max.message.bytes"),
            (RDKafkaErrorCode::MessageBatchTooLarge, "segment.bytes"),
        ] {
            match writer.failed(&client, &KafkaError::MessageProduction(code)) {
                LogError::Invalid(why) => assert!(why.contains(setting), "{why}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
