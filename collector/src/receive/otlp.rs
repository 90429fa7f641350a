//! `POST /v1/metrics`, `/v1/logs` and `/v1/traces`: OTLP/HTTP, answered as OpenTelemetry's
//! exporters expect it (OTLP 1.x).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
};
use prost::Message;
use serde_json::json;
use tallylight_schemas::ident;

use super::Collector;
use super::answer::{FATES, Waiting};
use super::submission::{Shape, Submission};
use crate::admit::{self, Kind, Reading, Received};
use crate::decode::inflate::{Encoding, Limits, inflate};
use crate::decode::otlp::{self, Export, REQUEST_BYTES, Wire};
use crate::enrich::Sender;
use crate::fates::Tally;
use crate::problem::{self, Problem, echo};

/// The error that exporters read (`google.rpc.Status`).
#[derive(Clone, PartialEq, Message)]
struct Status {
    /// A gRPC status code.
    #[prost(int32, tag = "1")]
    code: i32,
    /// What to change.
    #[prost(string, tag = "2")]
    message: String,
}

pub(super) async fn export<E: Export>(
    State(collector): State<Arc<Collector>>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Response {
    let media_type = admit::media_type(&headers);
    let Some(wire) = Wire::of(&media_type) else {
        let detail = format!(
            "`{}` is not taken here; send OTLP as application/x-protobuf or application/json.",
            echo(&media_type)
        );
        return problem::of(problem::BAD_TYPE, detail).into_response();
    };
    match post::<E>(&collector, wire, &headers, &uri, body).await {
        Ok(tally) => success(&tally, E::SIGNAL.rejected, wire),
        Err(problem) => refusal(problem, wire),
    }
}

async fn post<E: Export>(
    collector: &Collector,
    wire: Wire,
    headers: &HeaderMap,
    uri: &Uri,
    body: Body,
) -> Result<Tally, Problem> {
    let caller = collector.admission.caller(headers, uri)?;
    let trusted = collector.admission.is_trusted(headers);
    let source = E::SIGNAL.source;
    let (sender, shape) = (Sender::default(), Shape::default());
    let submission = Submission { caller: &caller, source, trusted, sender: &sender, shape };
    let encoding = admit::encoding(headers)?;
    let kind = Kind { reading: Reading::Whole, encoding };
    let (received, turn) = collector.receive((&caller, kind), headers, body).await?;
    let waiting = take::<E>(collector, submission, (wire, encoding), received)?;
    drop(turn);
    match waiting {
        Some(waiting) => waiting.stored().await,
        None => Ok(Tally::default()),
    }
}

/// Rows that wait for a commit; `None` when the request has no record, which is not an error.
fn take<E: Export>(
    collector: &Collector,
    submission: Submission<'_>,
    (wire, encoding): (Wire, Encoding),
    received: Received,
) -> Result<Option<Waiting>, Problem> {
    let limits = collector.admission.inflate_limits();
    let limits = Limits { bytes: limits.bytes.min(REQUEST_BYTES), ..limits };
    let body = inflate(&received.body, encoding, limits)
        .map_err(|error| admit::inflate_problem(&error))?;
    let whole = otlp::request::<E>(&body, wire).map(|request| (request, Vec::new()));
    let read = whole.or_else(|error| otlp::salvage::<E>(&body, wire).ok_or(error));
    let (request, lost) = read.map_err(|error| {
        let detail = format!(
            "The body is no {} in {}: {}.",
            E::SIGNAL.message,
            wire.media_type(),
            echo(&error)
        );
        problem::of(problem::UNREADABLE, detail)
    })?;
    let records = request.records() + lost.len();
    if records == 0 {
        return Ok(None);
    }
    let number = ident::digest(&body);
    let room = collector.reserve(submission, records, body.len())?;
    collector
        .hand_over(submission, room, |context, rows| {
            let mut tally = request.read(number, context, rows);
            otlp::reject::<E>(&lost, context, rows, &mut tally);
            tally
        })
        .map(Some)
}

/// The answers of the three signals have the same bytes in protobuf; in JSON one member is named
/// differently.
fn success(tally: &Tally, rejected: &str, wire: Wire) -> Response {
    let lost = tally.records() - tally.accepted();
    let partial_success = (lost > 0).then(|| ExportMetricsPartialSuccess {
        rejected_data_points: i64::try_from(lost).unwrap_or(i64::MAX),
        error_message: format!("{}; the reasons are in docs/collector.md", tally.header()),
    });
    let answer = ExportMetricsServiceResponse { partial_success };
    let body = match (wire, &answer.partial_success) {
        (Wire::Protobuf, _) => answer.encode_to_vec(),
        (Wire::Json, None) => b"{}".to_vec(),
        (Wire::Json, Some(partial)) => {
            // 64-bit numbers are strings in protobuf's JSON.
            let (lost, message) =
                (partial.rejected_data_points.to_string(), &partial.error_message);
            json!({"partialSuccess": {rejected: lost, "errorMessage": message}})
                .to_string()
                .into_bytes()
        }
    };
    let fixed = [(CONTENT_TYPE, wire.media_type()), (CACHE_CONTROL, "no-store")];
    let mut response = (StatusCode::OK, fixed, body).into_response();
    if let Ok(value) = HeaderValue::from_str(&tally.header()) {
        response.headers_mut().insert(FATES, value);
    }
    response
}

/// The problem as the protocol words it, with its status and headers unchanged.
fn refusal(problem: Problem, wire: Wire) -> Response {
    // Codes of gRPC: INVALID_ARGUMENT, UNAUTHENTICATED, UNAVAILABLE, INTERNAL.
    let code = match problem.status().as_u16() {
        401 => 16,
        429 | 503 => 14,
        500 => 13,
        _ => 3,
    };
    let status = Status { code, message: problem.detail().to_owned() };
    let body = match wire {
        Wire::Protobuf => status.encode_to_vec(),
        Wire::Json => json!({"code": code, "message": status.message}).to_string().into_bytes(),
    };
    let mut response = problem.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(wire.media_type()));
    response.headers_mut().remove(axum::http::header::CONTENT_LENGTH);
    *response.body_mut() = body.into();
    response
}
