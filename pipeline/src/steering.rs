//! The steering service. For now it serves manifests and the time; steering comes later.

mod ladders;
mod serve_manifests;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::delivery;
use tokio::task::JoinSet;

use crate::report::{Reporter, events_url};
use crate::serve::build::{BuildError, Parts, Service, bind};
use crate::serve::cors;
use crate::serve::metrics::Metrics;
use crate::serve::problem;
use crate::serve::upstream::Upstream;
use ladders::Ladders;

pub use settings::Settings;

/// Largest ladder or segments page taken from the origin.
const PAGE_LIMIT: usize = 1 << 20;
/// How long the origin may take for one.
const PAGE_WITHIN: Duration = Duration::from_secs(2);

/// All of the service's state.
#[derive(Debug)]
struct Steering {
    settings: Settings,
    /// This service's own address, for the time.
    own_url: String,
    clock: Arc<dyn Clock>,
    reporter: Reporter,
    metrics: Metrics,
    origin: Upstream,
    ladders: Ladders,
}

/// Binds the steering service.
pub async fn build(settings: Settings, parts: Parts) -> Result<Service, BuildError> {
    settings.validate().map_err(BuildError::Settings)?;
    let server = bind(settings.listen, settings.max_connections).await?;
    let report_url = events_url(settings.collector_url.as_deref(), &settings.write_key);
    let reporter =
        Reporter::spawn(&report_url, delivery::Service::Steering, "steering", &parts.clock);
    let own_url =
        settings.public_url.clone().unwrap_or_else(|| format!("http://{}", server.addr()));
    let steering = Arc::new(Steering {
        own_url: own_url.trim_end_matches('/').to_owned(),
        clock: parts.clock,
        reporter: reporter.clone(),
        metrics: Metrics::new("steering", &reporter),
        origin: Upstream::new(&settings.origin_url, PAGE_LIMIT, PAGE_WITHIN)?,
        ladders: Ladders::new(&settings.streams),
        settings,
    });
    let mut background = JoinSet::new();
    background.spawn(ladders::refresh(steering.clone()));
    Ok(Service { server, router: router(steering), reporter, background })
}

fn router(steering: Arc<Steering>) -> Router {
    Router::new()
        .route("/live/{stream}/master.m3u8", get(serve_manifests::master))
        .route("/live/{stream}/manifest.mpd", get(serve_manifests::mpd))
        .route("/live/{stream}/{track}/index.m3u8", get(serve_manifests::media))
        .route("/live/{stream}/segments.json", get(serve_manifests::segments))
        .route("/live/{stream}/time", get(serve_manifests::time))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .route(
            "/metrics",
            get(async |State(steering): State<Arc<Steering>>| steering.metrics.text()),
        )
        .fallback(async |uri: Uri| {
            problem::not_found(format!("{} is no address of this service", uri.path()))
        })
        .layer(cors::layer())
        .layer(middleware::from_fn_with_state(steering.clone(), count))
        .with_state(steering)
}

async fn ready(State(steering): State<Arc<Steering>>) -> Response {
    if steering.ladders.any() {
        return "ok".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "no ladder yet: is the encoder running?").into_response()
}

async fn count(State(steering): State<Arc<Steering>>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let answer = next.run(request).await;
    steering.metrics.answered(method.as_str(), answer.status().as_u16());
    answer
}

#[cfg(test)]
mod tests;
