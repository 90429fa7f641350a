//! An edge: a cache in front of the origin. Each answer names the edge, the copy's pipeline and
//! how long the request was held, and is reported to the collector.

mod answer;
mod cache;
mod faults;
mod load;
mod pure;
mod settings;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::metrics::counter::Counter;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::delivery;
use tallylight_serve::{Peer, openmetrics};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::report::{CollectorEndpoint, Reporter};
use crate::serve::build::{BuildError, Parts, Service, bind};
use crate::serve::cors;
use crate::serve::metrics::Metrics;
use crate::serve::path::MediaPath;
use crate::serve::problem::{self, Problem};
use crate::serve::upstream::Upstream;
use crate::serve::viewer::Viewer;
use answer::{Cached, How, MediaRequest};
use cache::{Cache, Stored};
use load::Admission;

pub use faults::Faults;
pub use settings::Settings;

/// All of an edge's state.
#[derive(Debug)]
struct Edge {
    name: String,
    clock: Arc<dyn Clock>,
    reporter: Reporter,
    metrics: Metrics,
    /// The answers that delivery events call hits.
    hits: Counter,
    /// The requests of sessions that did not fit.
    over_capacity: Counter,
    cache: Cache,
    admission: Admission,
    faults: Arc<Faults>,
    /// The key by which the prober proves itself.
    service_key: Option<String>,
    waiting: Arc<Semaphore>,
    max_waiting: usize,
}

/// Binds an edge.
pub async fn build(settings: Settings, parts: Parts) -> Result<Service, BuildError> {
    build_with(settings, parts, Arc::default()).await
}

/// Binds an edge with fault switches.
pub async fn build_with(
    settings: Settings,
    parts: Parts,
    faults: Arc<Faults>,
) -> Result<Service, BuildError> {
    settings.validate().map_err(BuildError::Settings)?;
    let server = bind(settings.listen, settings.max_connections).await?;
    let source = format!("edge-{}", settings.name);
    let endpoint = CollectorEndpoint::new(
        settings.collector_url.as_deref(),
        &settings.write_key,
        settings.service_key.as_deref(),
    );
    let reporter = Reporter::spawn(&endpoint, delivery::Service::Edge, &source, &parts.clock)?;
    let mut metrics = Metrics::new("edge", &reporter);
    let timeout = Duration::from_millis(settings.origin_timeout_ms.into());
    let upstream = Upstream::new(&settings.origin_url, settings.object_limit_bytes, timeout)?;
    let edge = Arc::new(Edge {
        cache: Cache::new(settings.cache_bytes, upstream, metrics.upstream.clone()),
        admission: Admission::new(settings.capacity_kbps, Arc::clone(&faults)),
        faults,
        service_key: settings.service_key,
        name: settings.name,
        clock: parts.clock,
        reporter: reporter.clone(),
        hits: metrics.counter(
            "cache_hits",
            "Answers from the cache, or from a fetch that another request had begun",
        ),
        over_capacity: metrics.counter(
            "over_capacity",
            "Requests refused because their session did not fit into the capacity",
        ),
        metrics,
        waiting: Arc::new(Semaphore::new(settings.max_waiting)),
        max_waiting: settings.max_waiting,
    });
    let mut background = JoinSet::new();
    background.spawn(load::report(edge.clone()));
    Ok(Service { server, router: router(edge), reporter, background })
}

fn router(edge: Arc<Edge>) -> Router {
    let media = get(media);
    Router::new()
        .route("/live/{stream}/{track}/{file}", media.clone())
        .route("/live/{stream}/{track}/slate/{file}", media.clone())
        .route("/mb/{kbps}/live/{stream}/{track}/{file}", media)
        .route("/load", get(load))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(async || "ok"))
        .route(
            "/metrics",
            get(async |State(edge): State<Arc<Edge>>| openmetrics([edge.metrics.registry()])),
        )
        .fallback(async |State(edge): State<Arc<Edge>>, uri: Uri| {
            let problem =
                problem::not_found(format!("{} is not an address of an edge", uri.path()));
            answer::sign(&edge.name, problem.into_response())
        })
        .layer(cors::layer())
        .layer(middleware::from_fn_with_state(edge.clone(), count))
        .with_state(edge)
}

async fn count(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let answer = next.run(request).await;
    edge.metrics.answered(method.as_str(), answer.status().as_u16());
    answer
}

async fn load(State(edge): State<Arc<Edge>>) -> Response {
    let load = edge.admission.load(edge.clock.now_us());
    let (name, fresh) = (&edge.name, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]);
    let body = serde_json::json!({
        "name": name,
        "capacity_kbps": load.capacity_kbps,
        "reserved_kbps": load.reserved_kbps,
        "sessions": load.sessions,
    });
    (fresh, Json(body)).into_response()
}

/// The object that a path names, and the bitrate that the session must stay below, kbit/s:
/// `/mb/<kbps>/live/…` is the same object as `/live/…`.
fn named(path: &str) -> Option<(Option<u64>, MediaPath)> {
    let (cap, path) = match path.strip_prefix("/mb/") {
        Some(rest) => {
            let (kbps, path) = rest.split_once("/live/")?;
            (Some(kbps.parse::<NonZeroU32>().ok()?.get().into()), path)
        }
        None => (None, path.strip_prefix("/live/")?),
    };
    Some((cap, MediaPath::parse(path)?))
}

async fn media(
    State(edge): State<Arc<Edge>>,
    peer: Option<Extension<Peer>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let arrival = edge.clock.now_us();
    let Some((cap, path)) = named(uri.path()) else {
        let problem = problem::not_found(format!("{} is not a media address", uri.path()));
        return answer::sign(&edge.name, problem.into_response());
    };
    let request = MediaRequest {
        path,
        viewer: Viewer::or_probe(&uri, &headers, edge.service_key.as_deref()),
        arrival,
        head_only: method == Method::HEAD,
        // Players keep the last cap that they received, so an uncapped answer must lift it: the
        // edge's whole capacity is a limit that applies to every player.
        mb_kbps: cap.unwrap_or(edge.admission.capacity_kbps),
    };
    let peer = peer.map(|Extension(Peer(address))| address);
    // A probe checks the edge's health; it is not a viewer and reserves nothing.
    let admitted = match request.viewer.probe {
        true => Ok(()),
        false => edge.admission.admit(&request, &load::session(&request, peer, &headers)),
    };
    let hit = edge.cache.hit(&request.path).await.filter(|_| admitted.is_ok());
    let (found, cache) = match (admitted, hit) {
        (Err(full), _) => {
            edge.over_capacity.inc();
            (Err(Arc::new(full)), Cached::Miss)
        }
        (Ok(()), Some(stored)) => (Ok(stored), Cached::Hit),
        (Ok(()), None) => edge.fetch(&request).await,
    };
    if let Ok(stored) = &found {
        edge.admission.learn(&request, stored);
    }
    if let Some(delay) = edge.faults.delay() {
        tokio::time::sleep(delay).await;
    }
    let how = How { cache, waited: (edge.clock.now_us() - arrival).max(0) };
    let outcome = found.as_ref().map(Arc::as_ref).map_err(Arc::as_ref);
    let is_probe = request.viewer.probe;
    let mut report = answer::report(&edge.name, &request, outcome, how);
    // Reporting names under which nothing was served would let anyone invent dimensions.
    if found.is_err() && !edge.admission.knows(&request.path) {
        (report.stream, report.track, report.k) = Default::default();
    }
    edge.metrics.bytes_sent.inc_by(report.bytes);
    edge.metrics.held_us.inc_by(report.held_us);
    edge.hits.inc_by(u64::from(report.hit == Some(true)));
    if !is_probe {
        edge.reporter.send(report);
    }
    match found {
        Ok(stored) => answer::respond(&edge.name, &stored, &request, how),
        Err(problem) => answer::sign(&edge.name, problem.as_ref().clone().into_response()),
    }
}

impl Edge {
    /// Fetches in its own task, so that the fetch that others have joined goes on when the player
    /// whose request began it disconnects.
    async fn fetch(
        self: &Arc<Self>,
        request: &MediaRequest,
    ) -> (Result<Arc<Stored>, Arc<Problem>>, Cached) {
        let Ok(permit) = self.waiting.clone().try_acquire_owned() else {
            self.metrics.turned_away.inc();
            let detail =
                format!("{} requests are waiting for the origin here: ask again", self.max_waiting);
            return (Err(Arc::new(problem::unavailable(detail, 1))), Cached::Miss);
        };
        let (cache, path, clock) = (self.cache.clone(), request.path.clone(), self.clock.clone());
        let fetch = tokio::spawn(async move {
            let fetched = cache.fetch(path, clock.as_ref()).await;
            drop(permit);
            fetched
        });
        let (found, joined) = fetch.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a fetch ended without an answer");
            (Err(Arc::new(problem::unavailable("The fetch broke off: ask again", 1))), false)
        });
        (found, if joined { Cached::Joined } else { Cached::Miss })
    }
}

#[cfg(test)]
mod tests;
