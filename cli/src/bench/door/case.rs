//! The variants of the collector.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tallylight_collector::Settings;
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::kafka::{Kafka, KafkaSettings};
use tallylight_eventlog::{Shards, TopicSettings};
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::ipc::STREAM_MEDIA_TYPE;
use tallylight_schemas::record::EVENTS;
use tallylight_serve::TlsFiles;

use super::DoorArgs;
use crate::bench::load::Target;

/// A collector to be measured; the plain one takes CMCD without TLS into the disk log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Case {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether events come as an Arrow stream.
    pub(crate) arrow: bool,
    tls: Option<TlsFiles>,
    kafka: Option<String>,
    /// Requests identify their senders, and this file has their countries.
    senders: Option<PathBuf>,
}

impl Case {
    pub(crate) fn plain() -> Self {
        Self { name: "disk", ..Self::default() }
    }

    /// Every variant that can be measured, and what is missing for the others.
    pub(crate) fn all(args: &DoorArgs) -> (Vec<Self>, Vec<String>) {
        let plain = Self::plain();
        let arrow = Self { name: "disk, Arrow stream", arrow: true, ..plain.clone() };
        let (mut all, mut lacking) = (vec![plain.clone(), arrow], Vec::new());
        let mut add = |case: Option<Self>, lacks: &str| match case {
            Some(case) => all.push(case),
            None => lacking.push(lacks.to_owned()),
        };
        let tls = args.cert.clone().zip(args.key.clone()).map(|(cert, key)| TlsFiles { cert, key });
        let with = tls.map(|tls| Self { name: "disk, TLS", tls: Some(tls), ..plain.clone() });
        add(with, "TLS: not measured, give --cert and --key");
        let senders = args.country_file.clone();
        let with = senders.map(|file| Self {
            name: "disk, senders looked up",
            senders: Some(file),
            ..plain.clone()
        });
        add(with, "senders looked up: not measured, give --country-file");
        let kafka = args.kafka.clone();
        let with = kafka.map(|brokers| Self { name: "Kafka", kafka: Some(brokers), ..plain });
        add(with, "Kafka: not measured, give --kafka");
        (all, lacking)
    }

    /// The log that records go to.
    pub(crate) async fn log(&self, folder: &Path) -> anyhow::Result<Shards> {
        let topics = vec![TopicSettings::new(EVENTS, 1 << 30)];
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let Some(brokers) = &self.kafka else {
            return Ok(Arc::new(DiskLog::open(DiskSettings::new(folder, topics), clock)?).into());
        };
        // A new log, to which nothing else has written.
        let prefix = format!("bench-{}", clock.now_us());
        let append_within = Duration::from_secs(10);
        let settings =
            KafkaSettings { prefix, append_within, ..KafkaSettings::new(brokers.clone(), topics) };
        Ok(Kafka::open(settings, clock).await?.all().await?)
    }

    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings { listen: ([127, 0, 0, 1], 0).into(), ..Settings::default() };
        // Room for all concurrent requests at 1,000 events per POST, so that nothing is shed.
        (settings.queue_records, settings.queue_bytes) = (1 << 19, 256 << 20);
        settings.tls.clone_from(&self.tls);
        if self.senders.is_some() {
            settings.enrich.country_file.clone_from(&self.senders);
            settings.enrich.trusted_proxies = "127.0.0.0/8".parse().into_iter().collect();
        }
        settings
    }

    /// Where and how to send.
    pub(crate) fn to(&self, at: SocketAddr) -> anyhow::Result<Target> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let (path, media_type) = match self.arrow {
            true => ("events", STREAM_MEDIA_TYPE),
            false => ("cmcd", "application/cmcd"),
        };
        let certificate = self.tls.as_ref().map(|files| std::fs::read(&files.cert)).transpose()?;
        Ok(Target {
            url: format!("{scheme}://{at}/v1/{path}?k=demo"),
            media_type,
            certificate,
            identifies_sender: self.senders.is_some(),
        })
    }
}
