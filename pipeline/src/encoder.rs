//! The encoder: a source of CMAF fragments on the schedule, with the packager in its process.
//!
//! Source `gst` draws and encodes a live programme with GStreamer (feature `media`). Source
//! `loop` plays a short recording of it, shifted to the current time, and needs no GStreamer.
//! Both are locked to Unix time: what segment K holds follows from K, so a restarted or a second encoder
//! continues where another stopped (ADR 20).

mod faults;
mod looped;
mod pure;
mod settings;

#[cfg(feature = "media")]
mod feed;
#[cfg(feature = "media")]
mod live;
#[cfg(feature = "media")]
mod meter;
#[cfg(feature = "media")]
mod offline;
#[cfg(feature = "media")]
mod programme;
#[cfg(feature = "media")]
mod record;

use std::sync::Arc;
use std::time::Duration;

use tallylight_schemas::clock::Clock;
use tallylight_schemas::delivery::Service;
use tokio_util::sync::CancellationToken;

use crate::mp4::Mp4Error;
use crate::packager::{
    self, HttpPublish, InputFacts, Packager, PackagerError, Publish, TrackMedia,
};
use crate::report::{CollectorEndpoint, Reporter};

pub use faults::Faults;
pub use pure::strip::read_strip;
#[cfg(feature = "media")]
pub use record::record;
pub use settings::{Audio, Codec, Rung, Settings, Source};

/// How long sending the last reports may take at the end.
const LAST_REPORTS: Duration = Duration::from_secs(2);

/// The encoder's dependencies.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where objects are published; `None`: to the origin of the settings, over HTTP.
    pub publish: Option<Arc<dyn Publish>>,
    /// The fault switches.
    pub faults: Arc<Faults>,
}

impl Parts {
    /// Publishes to the origin of the settings.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, publish: None, faults: Arc::default() }
    }
}

/// Why the encoder ended. The supervisor starts it again, whatever it was.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// The settings are invalid.
    #[error("the encoder's settings are wrong: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// This build has no GStreamer.
    #[error("this build has no GStreamer: build with `--features media`, or use `--source loop`")]
    NoMedia,
    /// The wall clock was set. Frames are numbered by it, so only a restart continues cleanly.
    #[error("the wall clock jumped by {by_ms} ms; restart to continue on the new time")]
    ClockJumped {
        /// By how much, ms.
        by_ms: i64,
    },
    /// The machine does not keep up with real time.
    #[error("encoding is {late_ms} ms behind the clock; the machine is too slow for this ladder")]
    Behind {
        /// By how much, ms.
        late_ms: i64,
    },
    /// GStreamer failed.
    #[error("the media pipeline failed: {0}")]
    Media(String),
    /// A recorded or rendered segment is not what it should be.
    #[error("{what}: {source}")]
    Segment {
        /// The segment.
        what: String,
        /// The cause.
        source: Mp4Error,
    },
    /// Packaging failed.
    #[error(transparent)]
    Packager(#[from] PackagerError),
    /// The HTTP client could not be built.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// A recording could not be written.
    #[error("the recording could not be written: {0}")]
    Write(#[from] std::io::Error),
}

/// Runs an encoder and its packager until cancelled or until it must be restarted.
pub async fn run(
    settings: Settings,
    parts: Parts,
    cancel: CancellationToken,
) -> Result<(), EncoderError> {
    settings.validate().map_err(EncoderError::Settings)?;
    settings.playable()?;
    // All tasks are cancelled when this function ends, so none is left running.
    let cancel = cancel.child_token();
    let _ends = cancel.clone().drop_guard();
    #[cfg(feature = "media")]
    if settings.source == Source::Gst {
        return programme::run(&settings, &parts, &cancel).await;
    }
    looped::run(&settings, &parts, &cancel).await
}

/// A packager for `media`, which reports to the collector of the settings.
fn packager(
    settings: &Settings,
    parts: &Parts,
    media: Vec<TrackMedia>,
) -> Result<(Packager, Arc<InputFacts>, Option<Reporter>), EncoderError> {
    let publish: Arc<dyn Publish> = match parts.publish.clone() {
        Some(publish) => publish,
        None => Arc::new(HttpPublish::new(&settings.origin_url)?),
    };
    let source = format!("packager-{}", settings.pipeline);
    let report = |collector: &String| {
        let key = settings.service_key.as_deref();
        let endpoint = CollectorEndpoint::new(Some(collector), &settings.write_key, key);
        Reporter::spawn(&endpoint, Service::Packager, &source, &parts.clock)
    };
    let reporter = settings.collector_url.as_ref().map(report).transpose()?;
    let config = packager::Config {
        stream: settings.stream.clone(),
        pipeline: settings.pipeline.clone(),
        grid: settings.grid,
        fps: settings.fps,
    };
    let inputs = Arc::new(InputFacts::default());
    let parts = packager::Parts {
        clock: Arc::clone(&parts.clock),
        publish,
        reporter: reporter.clone(),
        inputs: Arc::clone(&inputs),
        faults: Arc::clone(&parts.faults),
    };
    Ok((Packager::new(config, parts, media)?, inputs, reporter))
}

/// Logs the packager's counts and sends the last reports.
async fn finish(packager: &Packager, reporter: Option<Reporter>) {
    let counts = packager.counts();
    tracing::info!(?counts, "the packager ends");
    if let Some(reporter) = reporter {
        reporter.close(LAST_REPORTS).await;
    }
}
