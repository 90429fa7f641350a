//! Configuration of our Kafka clients, and logging of their messages.

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::KafkaSettings;
use crate::{LogError, MAX_ENTRY_BYTES};

/// The largest record, including Kafka's overhead.
pub(super) const MAX_RECORD_BYTES: usize = MAX_ENTRY_BYTES + (64 << 10);
/// How long one request to a broker may take.
pub(super) const REQUEST: Duration = Duration::from_secs(5);

/// Sends the library's messages to our log.
#[derive(Debug, Clone)]
pub(super) struct Context;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, message, "kafka client");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Single brokers come and go; the library switches to another one by itself.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            tracing::warn!(reason, "no Kafka broker answers");
        } else {
            tracing::debug!(%error, reason, "kafka client");
        }
    }
}

impl rdkafka::consumer::ConsumerContext for Context {}

/// Configuration common to all our clients.
pub(super) fn common(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("client.id", "tallylight")
        .set("message.max.bytes", MAX_RECORD_BYTES.to_string())
        .set("socket.timeout.ms", "10000")
        .set("socket.connection.setup.timeout.ms", "5000")
        .set("socket.nagle.disable", "true")
        .set("reconnect.backoff.max.ms", "1000")
        .set("log.connection.close", "false");
    config
}

/// Producers wait for every in-sync replica, and a record that the library resends is stored once.
pub(super) fn producing(settings: &KafkaSettings) -> ClientConfig {
    let mut config = common(settings);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.timeout.ms", settings.append_within.as_millis().to_string())
        .set("request.timeout.ms", REQUEST.as_millis().to_string())
        .set("queue.buffering.max.kbytes", (256 << 10).to_string())
        // Callers append in batches already, and payloads are compressed.
        .set("linger.ms", "0")
        .set("compression.type", "none");
    config
}

/// Consumers choose their own offsets, join no group and check every checksum. `wait` is how long a
/// broker holds a request for which there is nothing yet.
pub(super) fn consuming(settings: &KafkaSettings, wait: Duration) -> ClientConfig {
    let mut config = common(settings);
    config
        // Never joined: the library requires a group id for any consumer.
        .set("group.id", format!("{}-reader", settings.prefix))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("allow.auto.create.topics", "false")
        .set("check.crcs", "true")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", wait.as_millis().to_string())
        .set("fetch.error.backoff.ms", "100")
        .set("queued.max.messages.kbytes", (4 << 10).to_string());
    config
}

/// Creates a client, or says why it cannot.
pub(super) fn create<T: FromClientConfigAndContext<Context>>(
    config: &ClientConfig,
) -> Result<T, LogError> {
    T::from_config_and_context(config, Context)
        .map_err(|error| LogError::Invalid(format!("the settings of Kafka: {error}")))
}

/// The error for a request that failed or was not answered.
pub(super) fn unavailable(what: &str, settings: &KafkaSettings, error: &KafkaError) -> LogError {
    LogError::Unavailable(format!("{what} at Kafka {}: {error}", settings.brokers))
}
