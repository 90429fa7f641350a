//! What a service answers that was started before its log: that it is there, and what is missing.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tallylight_serve::problem::Problem;

/// Seconds until whoever asked may ask again.
const RETRY_S: u32 = 2;

/// Where the brokers should be is not said: anybody may ask. The service's own log says it.
pub(super) fn router() -> Router {
    Router::new().route("/healthz", get(async || "ok")).fallback(missing)
}

async fn missing() -> Response {
    let detail = "The log in Kafka cannot be opened yet, and nothing is taken before it is. The \
                  service tries again each second and begins by itself; its own log says what is \
                  missing.";
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "log-unavailable",
        "The log is unavailable",
        detail,
    )
    .retry_after(RETRY_S)
    .into_response()
}
