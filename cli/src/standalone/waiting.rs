//! What a service answers while its log cannot be opened yet: that it runs, and what is missing.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tallylight_serve::problem::Problem;

/// Seconds after which a client may retry.
const RETRY_S: u32 = 2;

/// The answer does not name the brokers, since anybody may ask. The service's own log does.
pub(super) fn router() -> Router {
    Router::new().route("/healthz", get(async || "ok")).fallback(missing)
}

async fn missing() -> Response {
    let detail = "The log in Kafka cannot be opened yet, and no records are taken until it is. The \
                  service retries every second and starts by itself; its own log says what is \
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
