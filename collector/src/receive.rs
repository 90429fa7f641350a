//! The routes. Each request is admitted, read, decoded and queued here, and answered once the log
//! has it.

mod answer;
mod beacons;
mod front;
mod otlp;
mod submission;
mod take;
mod unread;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::ALLOW;
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::ipc::STREAM_MEDIA_TYPE;
use tallylight_serve::{Peer, openmetrics};

use crate::admit::{self, Admission};
use crate::append::Queue;
use crate::beacons::Ring;
use crate::dead_letters::DeadLetters;
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
use submission::{Shape, Submission};

pub use answer::{DROPPED_VALUES, FATES, PACE};
pub use front::cors;
pub(crate) use submission::JSON_LINES;

/// The state shared by all requests.
#[derive(Debug)]
pub struct Collector {
    /// Admission control.
    pub admission: Admission,
    /// Looks up who sends.
    pub enricher: Enricher,
    /// The quotas of single sessions.
    pub talkers: Talkers,
    /// Keeps rejected records.
    pub letters: Arc<DeadLetters>,
    /// Where decoded rows wait for their commit.
    pub queue: Arc<Queue>,
    /// Counters for Prometheus.
    pub metrics: Arc<Metrics>,
    /// The clock that records are received by.
    pub clock: Arc<dyn Clock>,
    /// Whether the newest append succeeded.
    pub healthy: Arc<AtomicBool>,
    /// Most records of one request.
    pub max_records: usize,
    /// The newest records, kept while somebody is looking at them.
    pub beacons: Ring,
    /// Whether they are shown to other machines as well.
    pub beacons_to_all: bool,
}

impl Collector {
    fn sender(&self, asked: &Parts) -> Sender {
        let peer = asked.extensions.get().map(|Peer(at)| at.ip());
        self.enricher.sender(&asked.headers, peer)
    }
}

/// Every path, as a label for counted requests.
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
        .layer(front::cors())
        // Added after the CORS layer, so that other sites cannot read it.
        .route("/v1/beacons", get(beacons::list).fallback(wrong_method))
        .layer(from_fn_with_state(collector.clone(), front::count))
        .with_state(collector)
}

async fn post_cmcd(
    State(collector): State<Arc<Collector>>,
    request: Request,
) -> Result<Response, Problem> {
    let (asked, body) = request.into_parts();
    let caller = collector.admission.caller(&asked.headers, &asked.uri)?;
    let media_type = admit::media_type(&asked.headers);
    let Some(shape) = Shape::of_cmcd(&media_type) else {
        let detail = format!(
            "`{}` is not taken here; send CMCD records, one a line, as application/cmcd, \
             text/cmcd or text/plain. JSON events go to POST /v1/events.",
            echo(&media_type)
        );
        return Err(problem::of(problem::BAD_TYPE, detail));
    };
    let sender = collector.sender(&asked);
    let submission = Submission {
        caller: &caller,
        source: Source::Cmcd,
        trusted: false,
        sender: &sender,
        shape,
    };
    collector.post(submission, &asked.headers, body).await
}

async fn post_events(
    State(collector): State<Arc<Collector>>,
    request: Request,
) -> Result<Response, Problem> {
    let (asked, body) = request.into_parts();
    let caller = collector.admission.caller(&asked.headers, &asked.uri)?;
    let media_type = admit::media_type(&asked.headers);
    let Some(shape) = Shape::of_events(&media_type) else {
        let detail = format!(
            "`{}` is not taken here; send a JSON array as application/json, an object a line as \
             application/x-ndjson, or an Arrow IPC stream as {}. CMCD records go to POST /v1/cmcd.",
            echo(&media_type),
            STREAM_MEDIA_TYPE
        );
        return Err(problem::of(problem::BAD_TYPE, detail));
    };
    let trusted = collector.admission.is_trusted(&asked.headers);
    let sender = collector.sender(&asked);
    let submission =
        Submission { caller: &caller, source: Source::Events, trusted, sender: &sender, shape };
    collector.post(submission, &asked.headers, body).await
}

async fn get_cmcd(
    State(collector): State<Arc<Collector>>,
    request: Request,
) -> Result<Response, Problem> {
    let (asked, _) = request.into_parts();
    let caller = collector.admission.caller(&asked.headers, &asked.uri)?;
    // If a header is present, the query is ignored: the two are never merged.
    let values: Vec<Vec<u8>> = match admit::cmcd_headers(&asked.headers) {
        Some(record) => vec![record],
        None => admit::query_values(&asked.uri, "CMCD")
            .filter(|value| !value.trim_ascii().is_empty())
            .map(Cow::into_owned)
            .collect(),
    };
    if values.is_empty() {
        let detail = "Give the record as `CMCD=`, percent-encoded: ?k=KEY&CMCD=sid%3D%22a%22, or in \
                      the headers CMCD-Request, -Object, -Status and -Session.";
        return Err(problem::of(problem::EMPTY, detail));
    }
    let source = Source::CmcdQuery;
    let (sender, shape) = (collector.sender(&asked), Shape::default());
    let submission = Submission { caller: &caller, source, trusted: false, sender: &sender, shape };
    let bytes = values.iter().map(Vec::len).sum();
    let room = collector.reserve(submission, values.len(), bytes)?;
    let read = |context: Context<'_>, rows: &mut Rows| decode::cmcd::query(&values, context, rows);
    collector.hand_over(submission, room, read)?.answer().await
}

async fn readyz(State(collector): State<Arc<Collector>>) -> Response {
    if collector.healthy.load(Ordering::Relaxed) {
        return "ready".into_response();
    }
    let detail = "The newest append to the log failed; it is tried again every second.";
    problem::of(problem::LOG_DOWN, detail).retry_after(1).into_response()
}

async fn metrics(State(collector): State<Arc<Collector>>) -> Response {
    openmetrics([collector.metrics.registry()])
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
        "/v1/beacons" => "GET, HEAD",
        _ => "GET, HEAD, OPTIONS",
    };
    let detail = format!("{} does not take {}; use {allow}.", uri.path(), echo(method.as_str()));
    problem::of(problem::BAD_METHOD, detail).with(ALLOW, allow)
}
