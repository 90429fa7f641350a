//! The origin: accepts segments from packagers, and answers for every K of the schedule.
//!
//! What is served for K follows from the schedule and the copies that arrived in time ([`pure`]);
//! the rest of this module stores, waits and speaks HTTP. Addresses, headers and errors are in
//! `docs/media.md`.

mod announce;
mod copies;
mod disk;
mod facts;
mod get;
mod masks;
pub mod pure;
mod put;
mod segments;
mod settings;
mod slot;
mod stream;
mod sweep;
mod track;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, put};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::delivery;
use tallylight_serve::openmetrics;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::report::{CollectorEndpoint, Reporter};
use crate::serve::build::{BuildError, Parts, Service, bind};
use crate::serve::metrics::Metrics;
use crate::serve::path::MediaPath;
use crate::serve::problem::{self, Problem};
use disk::Disk;
use stream::{Stream, Window};

pub(crate) use facts::is_pipeline;
pub(crate) use get::{IMMUTABLE, PIPELINE, PUBLISHED_AT};
pub use segments::{CopyRow, CopyState, Inputs, SegmentRow, SegmentsPage};
pub(crate) use settings::MAX_STREAMS;
pub use settings::Settings;
pub use track::SLATE;

/// PUTs read concurrently; each may hold a body in memory.
const UPLOADS: usize = 16;

/// All of the origin's state.
#[derive(Debug)]
struct Origin {
    settings: Settings,
    clock: Arc<dyn Clock>,
    reporter: Reporter,
    metrics: Metrics,
    /// Body bytes received.
    bytes_received: Counter,
    /// Slates served in place of a segment.
    slates: Counter,
    streams: Mutex<BTreeMap<String, Arc<Stream>>>,
    waiting: Semaphore,
    uploads: Semaphore,
    disk: Disk,
}

/// Binds the origin and reads back what it has stored.
pub async fn build(settings: Settings, parts: Parts) -> Result<Service, BuildError> {
    settings.validate().map_err(BuildError::Settings)?;
    let server = bind(settings.listen, settings.max_connections).await?;
    let endpoint = CollectorEndpoint::new(
        settings.collector_url.as_deref(),
        &settings.write_key,
        settings.service_key.as_deref(),
    );
    let reporter = Reporter::spawn(&endpoint, delivery::Service::Origin, "origin", &parts.clock)?;
    let disk = Disk::new(settings.media_dir.as_deref());
    let mut metrics = Metrics::new("origin", &reporter);
    let origin = Arc::new(Origin {
        bytes_received: metrics.counter("received_bytes", "Body bytes received"),
        slates: metrics.counter("slates", "Slates served in place of a segment"),
        metrics,
        streams: Mutex::default(),
        waiting: Semaphore::new(settings.max_waiting),
        uploads: Semaphore::new(UPLOADS),
        clock: parts.clock,
        reporter: reporter.clone(),
        disk,
        settings,
    });
    origin.load()?;
    let mut background = JoinSet::new();
    background.spawn(sweep::run(origin.clone()));
    Ok(Service { server, router: router(origin), reporter, background })
}

fn router(origin: Arc<Origin>) -> Router {
    let media = get(get::media).put(put::media);
    Router::new()
        .route("/live/{stream}/ladder.json", get(get::ladder).put(put::ladder))
        .route("/live/{stream}/segments.json", get(segments::page))
        .route("/live/{stream}/masks/{pipeline}", put(masks::change).delete(masks::change))
        .route("/live/{stream}/{track}/{file}", media.clone())
        .route("/live/{stream}/{track}/slate/{file}", media)
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(async || "ok"))
        .route(
            "/metrics",
            get(async |State(origin): State<Arc<Origin>>| openmetrics([origin.metrics.registry()])),
        )
        .fallback(async |uri: Uri| {
            problem::not_found(format!("{} is not an address of the origin", uri.path()))
        })
        .layer(middleware::from_fn_with_state(origin.clone(), count))
        .with_state(origin)
}

async fn count(State(origin): State<Arc<Origin>>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let answer = next.run(request).await;
    origin.metrics.answered(method.as_str(), answer.status().as_u16());
    answer
}

impl Origin {
    fn window(&self) -> Window {
        Window {
            window_us: i64::from(self.settings.window_s) * 1_000_000,
            margin_us: i64::from(self.settings.margin_ms) * 1_000,
        }
    }

    fn load(&self) -> Result<(), BuildError> {
        for name in self.disk.children()?.into_iter().take(self.settings.max_streams) {
            let stream = self.read_back(&name)?;
            self.streams.lock().insert(name, Arc::new(stream));
        }
        Ok(())
    }

    fn read_back(&self, name: &str) -> Result<Stream, BuildError> {
        let (order, now) = (&self.settings.pipelines, self.clock.now_us());
        Ok(Stream::load(name, self.window(), order, &self.disk, now)?)
    }

    fn stream(&self, name: &str) -> Option<Arc<Stream>> {
        self.streams.lock().get(name).cloned()
    }

    fn streams(&self) -> Vec<Arc<Stream>> {
        self.streams.lock().values().cloned().collect()
    }

    /// The stream with that name, created if there is room for another.
    fn stream_or_new(&self, name: &str) -> Option<Arc<Stream>> {
        let mut streams = self.streams.lock();
        if !streams.contains_key(name) && streams.len() >= self.settings.max_streams {
            return None;
        }
        let new =
            || Arc::new(Stream::new(name, self.window(), &self.settings.pipelines, &self.disk));
        Some(streams.entry(name.to_owned()).or_insert_with(new).clone())
    }

    /// Bytes of segments in memory.
    fn stored_bytes(&self) -> u64 {
        self.streams().iter().flat_map(|stream| stream.tracks()).map(|track| track.bytes()).sum()
    }
}

/// The object that a request's raw path names, so that each object has one address.
fn media_path(uri: &Uri) -> Result<MediaPath, Problem> {
    let path = uri.path().strip_prefix("/live/").and_then(MediaPath::parse);
    path.ok_or_else(|| problem::not_found(format!("{} is not a media address", uri.path())))
}

#[cfg(test)]
pub(crate) mod tests;
