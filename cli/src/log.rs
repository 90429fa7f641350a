//! Which log there is, and opening it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::kafka::{Kafka, KafkaSettings};
use tallylight_eventlog::{EventLog, LogError, TopicSettings};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::record;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// How long to wait before asking again for brokers that do not answer.
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

/// Settings of the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    /// `disk` or `kafka`.
    pub(crate) kind: LogKind,
    /// Bytes of events kept; beyond it the oldest segment is dropped and counted.
    pub(crate) events_cap_bytes: u64,
    /// Bytes of rows kept.
    pub(crate) rows_cap_bytes: u64,
    /// Bytes of a segment file on disk.
    pub(crate) segment_bytes: u64,
    /// Some brokers of the Kafka cluster, `HOST:PORT,HOST:PORT`.
    pub(crate) brokers: String,
    /// What the topics in Kafka begin with.
    pub(crate) prefix: String,
    /// Copies of a topic in Kafka when it is made; absent: as the brokers say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replicas: Option<u16>,
    /// Copies that must have an entry before it is acknowledged; absent: as the brokers say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_in_sync: Option<u16>,
    /// Shards of the log in Kafka when it is made: so many processors can share the work.
    pub(crate) shards: u16,
    /// How long an append to Kafka tries before it fails, seconds.
    pub(crate) append_within_s: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        let kafka = KafkaSettings::new("127.0.0.1:9092", Vec::new());
        Self {
            kind: LogKind::Disk,
            events_cap_bytes: 2 << 30,
            rows_cap_bytes: 256 << 20,
            segment_bytes: 32 << 20,
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
    /// Takes what `--log` says: `disk`, or `kafka://HOST:PORT,HOST:PORT`.
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
        vec![
            TopicSettings::new(record::EVENTS, self.events_cap_bytes),
            TopicSettings::new(record::ROWS, self.rows_cap_bytes),
        ]
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
        match self.kind {
            // The disk log says so itself when it is opened.
            LogKind::Disk => Ok(()),
            LogKind::Kafka => self.kafka().validate(),
        }
    }
}

/// Opens the log of the data folder.
pub(crate) async fn disk(
    settings: &Settings,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn EventLog>> {
    let dir = settings.data_dir.join("log");
    let LogSettings { segment_bytes, .. } = settings.log;
    let disk = DiskSettings { dir: dir.clone(), segment_bytes, topics: settings.log.topics() };
    let log = tokio::task::spawn_blocking(move || DiskLog::open(disk, clock))
        .await?
        .with_context(|| format!("the log in {} cannot be opened", dir.display()))?;
    for topic in [record::EVENTS, record::ROWS] {
        tracing::info!(topic, recovery = ?log.recovery(topic)?, "log opened");
    }
    Ok(Arc::new(log))
}

/// Opens the log in Kafka. Brokers that do not answer are waited for until `stop`.
pub(crate) async fn kafka(
    settings: &LogSettings,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
) -> anyhow::Result<Arc<Kafka>> {
    let mut said = false;
    loop {
        match Kafka::open(settings.kafka(), Arc::clone(clock)).await {
            Ok(log) => return Ok(log),
            Err(LogError::Unavailable(why)) => {
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(why, "waiting for Kafka; trying again each second");
                }
            }
            Err(error) => return Err(error).context("the log in Kafka cannot be opened"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
            bail!("stopped while waiting for Kafka at {}", settings.brokers);
        }
    }
}
