//! The settings of the log, and opening it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tallylight_eventlog::disk::{DiskLog, DiskSettings, SEGMENT_BYTES};
use tallylight_eventlog::kafka::{Kafka, KafkaSettings};
use tallylight_eventlog::{EventLog, LogError, Shards, TopicSettings};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::record;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// Delay before another attempt to reach the brokers.
const RETRY: Duration = Duration::from_secs(1);

/// Where the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogKind {
    /// In the data folder, with one process as its owner.
    Disk,
    /// In Kafka, for any number of processes.
    Kafka,
}

/// The log between the collector and its readers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    /// Where it is. `--log` sets it, and `brokers`.
    pub(crate) kind: LogKind,
    /// Events kept; beyond it the oldest segment is dropped and counted. In Kafka each shard has an
    /// equal part of at least 33 MiB, and a quarter of that (at least 16 MiB) is dropped at a time.
    pub(crate) events_cap_bytes: u64,
    /// Rows kept, likewise.
    pub(crate) rows_cap_bytes: u64,
    /// How long events are kept at most; none: until the bytes run out. Events that a processor has
    /// not read by then are lost, and counted. In Kafka it is set when the topic is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cap_hours: Option<u32>,
    /// Size of a segment file on disk; a quarter of the topic's cap if that is less.
    pub(crate) segment_bytes: u64,
    /// Some brokers of the Kafka cluster, `HOST:PORT,HOST:PORT`.
    pub(crate) brokers: String,
    /// Prefix of the topics in Kafka: `<prefix>-events`, `<prefix>-rows`, `<prefix>-id`.
    pub(crate) prefix: String,
    /// Replicas of a topic in Kafka when it is created; none: the brokers' default. Existing topics
    /// are not changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replicas: Option<u16>,
    /// Replicas that must have an entry before it is acknowledged, set when a topic in Kafka is
    /// created; none: the brokers' default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_in_sync: Option<u16>,
    /// Shards of the log in Kafka, fixed when it is created: this many processors can share the
    /// work. At most `partitions`.
    pub(crate) shards: u16,
    /// How long an append to Kafka is retried before it fails; longer than an election takes.
    pub(crate) append_within_s: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        let kafka = KafkaSettings::new("127.0.0.1:9092", Vec::new());
        Self {
            kind: LogKind::Disk,
            events_cap_bytes: 2 << 30,
            rows_cap_bytes: 256 << 20,
            cap_hours: None,
            segment_bytes: SEGMENT_BYTES,
            brokers: kafka.brokers,
            prefix: kafka.prefix,
            replicas: kafka.replicas,
            min_in_sync: kafka.min_in_sync,
            shards: kafka.shards,
            append_within_s: kafka.append_within.as_secs(),
        }
    }
}

impl LogSettings {
    /// Applies `--log`: `disk`, or `kafka://HOST:PORT,HOST:PORT`.
    pub(crate) fn apply(&mut self, flag: &str) -> anyhow::Result<()> {
        if flag == "disk" {
            self.kind = LogKind::Disk;
        } else if let Some(brokers) = flag.strip_prefix("kafka://") {
            self.kind = LogKind::Kafka;
            brokers.trim_end_matches('/').clone_into(&mut self.brokers);
        } else {
            bail!("--log {flag}: give `disk` or `kafka://HOST:PORT,HOST:PORT`");
        }
        Ok(())
    }

    fn topics(&self) -> Vec<TopicSettings> {
        let cap_age = self.cap_hours.map(|hours| Duration::from_secs(u64::from(hours) * 3_600));
        let events = TopicSettings::new(record::EVENTS, self.events_cap_bytes);
        // Rows record how far they cover the events: without any rows a start uses no snapshot.
        let rows = TopicSettings::new(record::ROWS, self.rows_cap_bytes);
        vec![TopicSettings { cap_age, ..events }, rows]
    }

    fn disk(&self, dir: PathBuf) -> DiskSettings {
        DiskSettings { dir, segment_bytes: self.segment_bytes, topics: self.topics() }
    }

    fn kafka(&self) -> KafkaSettings {
        KafkaSettings {
            brokers: self.brokers.clone(),
            prefix: self.prefix.clone(),
            replicas: self.replicas,
            min_in_sync: self.min_in_sync,
            shards: self.shards,
            append_within: Duration::from_secs(self.append_within_s),
            topics: self.topics(),
        }
    }

    /// All mistakes together.
    pub(crate) fn validate(&self) -> Result<(), Vec<String>> {
        let mut mistakes = match self.kind {
            // The checks do not look at the folder.
            LogKind::Disk => self.disk(PathBuf::new()).validate().err().unwrap_or_default(),
            LogKind::Kafka => self.kafka().validate().err().unwrap_or_default(),
        };
        if self.cap_hours == Some(0) {
            mistakes
                .push("cap_hours must be 1 or more; left out, only bytes are capped".to_owned());
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }
}

/// Opens the log of the data folder.
pub(crate) async fn disk(
    settings: &Settings,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn EventLog>> {
    let dir = settings.data_dir.join("log");
    let disk = settings.log.disk(dir.clone());
    let log = tokio::task::spawn_blocking(move || DiskLog::open(disk, clock))
        .await?
        .with_context(|| format!("the log in {} cannot be opened", dir.display()))?;
    for topic in [record::EVENTS, record::ROWS] {
        tracing::info!(topic, recovery = ?log.recovery(topic)?, "log opened");
    }
    Ok(Arc::new(log))
}

/// Opens the log in Kafka. Waits for brokers that do not answer, until `stop`.
pub(crate) async fn kafka(
    settings: &LogSettings,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
) -> anyhow::Result<Arc<Kafka>> {
    patiently(settings, stop, async || Kafka::open(settings.kafka(), Arc::clone(clock)).await).await
}

/// Opens the log in Kafka with all its shards, and waits likewise.
pub(crate) async fn whole_kafka(
    settings: &LogSettings,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
) -> anyhow::Result<(Arc<Kafka>, Shards)> {
    let kafka = kafka(settings, clock, stop).await?;
    let shards = patiently(settings, stop, async || kafka.all().await).await?;
    Ok((kafka, shards))
}

/// Repeats a step of opening the log until the brokers answer, or until `stop`.
async fn patiently<T>(
    settings: &LogSettings,
    stop: &CancellationToken,
    open: impl AsyncFn() -> Result<T, LogError>,
) -> anyhow::Result<T> {
    let mut said = String::new();
    loop {
        match open().await {
            Ok(opened) => return Ok(opened),
            Err(LogError::Unavailable(why)) => {
                if said != why {
                    tracing::warn!(why, "waiting for Kafka; trying again each second");
                    said = why;
                }
            }
            Err(error) => return Err(error).context("the log in Kafka cannot be opened"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
            bail!("stopped while waiting for Kafka at {}", settings.brokers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_cap_events_and_no_rows() {
        let ages = |cap_hours| {
            let settings = LogSettings { cap_hours, ..LogSettings::default() };
            let topics = settings.topics().into_iter().map(|topic| topic.cap_age);
            (settings.validate().is_ok(), topics.collect::<Vec<_>>())
        };
        assert_eq!(ages(None), (true, vec![None; 2]));
        assert_eq!(ages(Some(48)), (true, vec![Some(Duration::from_secs(172_800)), None]));
        assert!(!ages(Some(0)).0);
    }

    #[test]
    fn a_disk_log_that_could_keep_nothing_is_refused_by_the_names_of_its_settings() {
        let mut settings = Settings::default();
        settings.log.events_cap_bytes = 0;
        settings.log.rows_cap_bytes = 0;
        settings.log.segment_bytes = 1_023;
        let mistakes = settings.check().unwrap_err().to_string();
        for words in [
            "\n  log: segment_bytes is 1023; it must be 1024 or more",
            "\n  log: events_cap_bytes is 0; it must be 1 or more",
            "\n  log: rows_cap_bytes is 0; it must be 1 or more",
        ] {
            assert!(mistakes.contains(words), "{words:?} is not in {mistakes}");
        }
        // In Kafka segments have a size of their own.
        let kind = LogKind::Kafka;
        let kafka = LogSettings { kind, segment_bytes: 1_023, ..LogSettings::default() };
        assert_eq!(kafka.validate(), Ok(()));
    }
}
