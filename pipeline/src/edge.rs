//! An edge: a cache in front of the origin that says in each answer who served it, whose copy
//! it is and how long the request was held, and reports each to the collector.

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

use crate::report::{Door, Reporter};
use crate::serve::build::{BuildError, Parts, Service, bind};
use crate::serve::cors;
use crate::serve::metrics::Metrics;
use crate::serve::path::MediaPath;
use crate::serve::problem::{self, Problem};
use crate::serve::upstream::Upstream;
use crate::serve::viewer::Viewer;
use answer::{Asked, Cached, How};
use cache::{Cache, Stored};
use load::Room;

pub use faults::Faults;
pub use settings::Settings;

/// All of an edge's state.
#[derive(Debug)]
struct Edge {
    name: String,
    clock: Arc<dyn Clock>,
    reporter: Reporter,
    metrics: Metrics,
    /// What the delivery events call a hit.
    hits: Counter,
    cache: Cache,
    room: Room,
    faults: Arc<Faults>,
    /// What the prober proves itself by.
    service_key: Option<String>,
    waiting: Arc<Semaphore>,
    max_waiting: usize,
}

/// Binds an edge.
pub async fn build(settings: Settings, parts: Parts) -> Result<Service, BuildError> {
    build_with(settings, parts, Arc::default()).await
}

/// Binds an edge with switches that break it.
pub async fn build_with(
    settings: Settings,
    parts: Parts,
    faults: Arc<Faults>,
) -> Result<Service, BuildError> {
    settings.validate().map_err(BuildError::Settings)?;
    let server = bind(settings.listen, settings.max_connections).await?;
    let source = format!("edge-{}", settings.name);
    let door = Door::new(
        settings.collector_url.as_deref(),
        &settings.write_key,
        settings.service_key.as_deref(),
    );
    let reporter = Reporter::spawn(&door, delivery::Service::Edge, &source, &parts.clock)?;
    let mut metrics = Metrics::new("edge", &reporter);
    let timeout = Duration::from_millis(settings.origin_timeout_ms.into());
    let upstream = Upstream::new(&settings.origin_url, settings.object_limit_bytes, timeout)?;
    let edge = Arc::new(Edge {
        cache: Cache::new(settings.cache_bytes, upstream, metrics.upstream.clone()),
        room: Room::new(settings.capacity_kbps, Arc::clone(&faults)),
        faults,
        service_key: settings.service_key,
        name: settings.name,
        clock: parts.clock,
        reporter: reporter.clone(),
        hits: metrics.counter(
            "cache_hits",
            "Answers from the cache, or from a fetch that another request had begun",
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
            let problem = problem::not_found(format!("{} is no address of an edge", uri.path()));
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
    let load = edge.room.load(edge.clock.now_us());
    let (name, fresh) = (&edge.name, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]);
    let body = serde_json::json!({
        "name": name,
        "capacity_kbps": load.capacity_kbps,
        "reserved_kbps": load.reserved_kbps,
        "sessions": load.sessions,
    });
    (fresh, Json(body)).into_response()
}

/// The object that a path names, and what the session is to stay below, kbit/s:
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
        let problem = problem::not_found(format!("{} is no media address", uri.path()));
        return answer::sign(&edge.name, problem.into_response());
    };
    let asked = Asked {
        path,
        viewer: Viewer::or_probe(&uri, &headers, edge.service_key.as_deref()),
        arrival,
        head_only: method == Method::HEAD,
        // Players keep the last one they heard, so an uncapped answer has to lift it: what the
        // whole edge has is a limit that is true of everybody.
        mb_kbps: cap.unwrap_or(edge.room.capacity_kbps),
    };
    let peer = peer.map(|Extension(Peer(address))| address);
    // A probe asks how the edge is; it is no viewer and reserves nothing.
    let admitted = match asked.viewer.probe {
        true => Ok(()),
        false => edge.room.admit(&asked, &load::session(&asked, peer, &headers)),
    };
    let hit = edge.cache.hit(&asked.path).await.filter(|_| admitted.is_ok());
    let (found, cache) = match (admitted, hit) {
        (Err(full), _) => {
            edge.metrics.turned_away.inc();
            (Err(Arc::new(full)), Cached::Miss)
        }
        (Ok(()), Some(stored)) => (Ok(stored), Cached::Hit),
        (Ok(()), None) => edge.fetch(&asked).await,
    };
    if let Ok(stored) = &found {
        edge.room.learn(&asked, stored);
    }
    if let Some(delay) = edge.faults.delay() {
        tokio::time::sleep(delay).await;
    }
    let how = How { cache, waited: (edge.clock.now_us() - arrival).max(0) };
    let outcome = found.as_ref().map(Arc::as_ref).map_err(Arc::as_ref);
    let is_probe = asked.viewer.probe;
    let report = answer::report(&edge.name, &asked, outcome, how);
    edge.metrics.bytes_sent.inc_by(report.bytes);
    edge.metrics.held_us.inc_by(report.held_us);
    edge.hits.inc_by(u64::from(report.hit == Some(true)));
    if !is_probe {
        edge.reporter.send(report);
    }
    match found {
        Ok(stored) => answer::respond(&edge.name, &stored, &asked, how),
        Err(problem) => answer::sign(&edge.name, problem.as_ref().clone().into_response()),
    }
}

impl Edge {
    /// Fetches in a task of its own, so that a player that goes away while it is first in
    /// line does not take the fetch of all the others with it.
    async fn fetch(self: &Arc<Self>, asked: &Asked) -> (Result<Arc<Stored>, Arc<Problem>>, Cached) {
        let Ok(permit) = self.waiting.clone().try_acquire_owned() else {
            self.metrics.turned_away.inc();
            let detail =
                format!("{} requests are waiting for the origin here: ask again", self.max_waiting);
            return (Err(Arc::new(problem::unavailable(detail, 1))), Cached::Miss);
        };
        let (cache, path, clock) = (self.cache.clone(), asked.path.clone(), self.clock.clone());
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
