//! The routes. Each request is admitted, read, decoded and handed over here, and answered
//! once the log has it.

mod answer;
mod beacons;
mod otlp;
mod take;
mod way;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, Method, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::cmcd::HEADERS;
use tallylight_schemas::ipc::STREAM_MEDIA_TYPE;
use tallylight_serve::Peer;
use tower_http::cors::{Any, CorsLayer};

use crate::admit::{self, Admission};
use crate::append::Queue;
use crate::beacons::Ring;
use crate::decode::otlp::{
    ExportLogsServiceRequest, ExportMetricsServiceRequest, ExportTraceServiceRequest,
};
use crate::decode::{self, Context, Rows};
use crate::describe::{self, OPENAPI_PATH, SCHEMA_PATH};
use crate::enrich::{Enricher, Sender};
use crate::fates::Source;
use crate::metrics::Metrics;
use crate::problem::{self, Problem, echo};
use crate::talkers::Talkers;
use way::{Shape, Way};

pub use answer::{DROPPED_VALUES, FATES, PACE};

/// Everything a request meets.
#[derive(Debug)]
pub struct Collector {
    /// Who may send how much.
    pub admission: Admission,
    /// Who sends.
    pub enricher: Enricher,
    /// Which session talks too much.
    pub talkers: Talkers,
    /// Where decoded rows wait.
    pub queue: Arc<Queue>,
    /// What Prometheus sees.
    pub metrics: Arc<Metrics>,
    /// The time of arrival.
    pub clock: Arc<dyn Clock>,
    /// Whether the newest append worked.
    pub healthy: Arc<AtomicBool>,
    /// Records counted in one request.
    pub max_records: usize,
    /// The newest records, while somebody looks.
    pub beacons: Ring,
    /// Whether anybody may look, not this machine alone.
    pub beacons_to_all: bool,
}

impl Collector {
    fn sender(&self, headers: &HeaderMap, peer: Option<Extension<Peer>>) -> Sender {
        self.enricher.sender(headers, peer.map(|Extension(Peer(at))| at.ip()))
    }
}

/// Every path there is; requests are counted by them.
const ROUTES: [&str; 11] = [
    "/v1/cmcd",
    "/v1/events",
    "/v1/metrics",
    "/v1/logs",
    "/v1/traces",
    "/v1/beacons",
    SCHEMA_PATH,
    OPENAPI_PATH,
    "/healthz",
    "/readyz",
    "/metrics",
];

/// The routes of a collector.
pub fn router(collector: Arc<Collector>) -> Router {
    Router::new()
        .route("/v1/cmcd", post(post_cmcd).get(get_cmcd).head(wrong_method))
        .route("/v1/events", post(post_events))
        .route("/v1/metrics", post(otlp::export::<ExportMetricsServiceRequest>))
        .route("/v1/logs", post(otlp::export::<ExportLogsServiceRequest>))
        .route("/v1/traces", post(otlp::export::<ExportTraceServiceRequest>))
        .route(SCHEMA_PATH, get(describe::get_schema))
        .route(OPENAPI_PATH, get(describe::get_openapi))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(cors())
        // Behind the layer that lets other sites in: this one is not for them.
        .route("/v1/beacons", get(beacons::list))
        .layer(from_fn_with_state(collector.clone(), count))
        .with_state(collector)
}

fn cors() -> CorsLayer {
    let mut headers = vec![CONTENT_TYPE, CONTENT_ENCODING, AUTHORIZATION];
    headers.extend(HEADERS.map(HeaderName::from_static));
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::OPTIONS])
        .allow_headers(headers)
        .expose_headers([FATES, DROPPED_VALUES, PACE, RETRY_AFTER])
        .max_age(Duration::from_hours(2))
}

async fn post_cmcd(
    State(collector): State<Arc<Collector>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let caller = collector.admission.caller(&headers, &uri)?;
    let media_type = admit::media_type(&headers);
    let Some(shape) = Shape::of_cmcd(&media_type) else {
        let detail = format!(
            "`{}` is not taken here; send CMCD records, one a line, as application/cmcd, \
             text/cmcd or text/plain. JSON events go to POST /v1/events.",
            echo(&media_type)
        );
        return Err(problem::of(problem::BAD_TYPE, detail));
    };
    let sender = collector.sender(&headers, peer);
    let way = Way { caller: &caller, source: Source::Cmcd, trusted: false, sender: &sender, shape };
    collector.post(way, &headers, body).await
}

async fn post_events(
    State(collector): State<Arc<Collector>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let caller = collector.admission.caller(&headers, &uri)?;
    let media_type = admit::media_type(&headers);
    let Some(shape) = Shape::of_events(&media_type) else {
        let detail = format!(
            "`{}` is not taken here; send a JSON array as application/json, an object a line as \
             application/x-ndjson, or an Arrow IPC stream as {}. CMCD records go to POST /v1/cmcd.",
            echo(&media_type),
            STREAM_MEDIA_TYPE
        );
        return Err(problem::of(problem::BAD_TYPE, detail));
    };
    let trusted = collector.admission.is_trusted(&headers);
    let sender = collector.sender(&headers, peer);
    let way = Way { caller: &caller, source: Source::Events, trusted, sender: &sender, shape };
    collector.post(way, &headers, body).await
}

async fn get_cmcd(
    State(collector): State<Arc<Collector>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let caller = collector.admission.caller(&headers, &uri)?;
    // Where there is a header, the query is not looked at: the two are never merged.
    let values: Vec<Vec<u8>> = match admit::cmcd_headers(&headers) {
        Some(record) => vec![record],
        None => admit::query_values(&uri, "CMCD")
            .filter(|value| !value.trim_ascii().is_empty())
            .collect(),
    };
    if values.is_empty() {
        let detail = "Give the record as `CMCD=`, percent-encoded: ?k=KEY&CMCD=sid%3D%22a%22, or in \
                      the headers CMCD-Request, -Object, -Status and -Session.";
        return Err(problem::of(problem::EMPTY, detail));
    }
    let source = Source::CmcdQuery;
    let (sender, shape) = (collector.sender(&headers, peer), Shape::default());
    let way = Way { caller: &caller, source, trusted: false, sender: &sender, shape };
    let bytes = values.iter().map(Vec::len).sum();
    let room = collector.reserve(way, values.len(), bytes)?;
    let read = |context: Context<'_>, rows: &mut Rows| decode::cmcd::query(&values, context, rows);
    collector.hand_over(way, room, read)?.answer().await
}

async fn readyz(State(collector): State<Arc<Collector>>) -> Response {
    if collector.healthy.load(Ordering::Relaxed) {
        return "ready".into_response();
    }
    let detail = "The newest append to the log failed; it is tried again every second.";
    problem::of(problem::LOG_DOWN, detail).retry_after(1).into_response()
}

async fn metrics(State(collector): State<Arc<Collector>>) -> Result<Response, Problem> {
    let text = collector.metrics.text().map_err(|error| {
        problem::of(problem::INTERNAL, format!("The metrics cannot be written: {error}."))
    })?;
    let text_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, text_type)], text).into_response())
}

async fn not_found(uri: Uri) -> Problem {
    let detail = format!(
        "There is no `{}` here; records go to POST /v1/cmcd, GET /v1/cmcd, POST /v1/events or, as \
         OTLP, to POST /v1/metrics, /v1/logs or /v1/traces.",
        echo(uri.path())
    );
    problem::of(problem::NOT_FOUND, detail)
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let allow = match uri.path() {
        "/v1/cmcd" => "GET, POST, OPTIONS",
        "/v1/events" | "/v1/metrics" | "/v1/logs" | "/v1/traces" => "POST, OPTIONS",
        _ => "GET, HEAD, OPTIONS",
    };
    let detail = format!("{} does not take {}; use {allow}.", uri.path(), echo(method.as_str()));
    problem::of(problem::BAD_METHOD, detail).with(ALLOW, allow)
}

async fn count(State(collector): State<Arc<Collector>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let route = ROUTES.into_iter().find(|route| *route == path).unwrap_or("other");
    let source = match (route, request.method()) {
        ("/v1/cmcd", &Method::GET) => Some(Source::CmcdQuery),
        ("/v1/cmcd", _) => Some(Source::Cmcd),
        ("/v1/events" | "/v1/logs" | "/v1/traces", _) => Some(Source::Events),
        ("/v1/metrics", _) => Some(Source::OtlpMetrics),
        _ => None,
    };
    let response = next.run(request).await;
    let problem = response.extensions().get::<Problem>();
    if let Some(problem) = problem {
        collector.metrics.count_refusal(route, problem.slug());
    }
    if let (Some(source), Some(problem)) = (source, problem) {
        let now = collector.clock.now_us();
        if collector.beacons.open(now) {
            collector.beacons.refused(source.as_str(), problem, now);
        }
    }
    collector.metrics.count_request(route, response.status().as_u16());
    response
}
