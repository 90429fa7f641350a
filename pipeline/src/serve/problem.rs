//! The problems that several services of this crate share.

use axum::http::StatusCode;
pub use tallylight_serve::problem::Problem;

/// 404: there is nothing at this address, at least not yet.
pub fn not_found(detail: impl Into<String>) -> Problem {
    let title = "There is nothing at this address";
    Problem::new(StatusCode::NOT_FOUND, "not-found", title, detail)
}

/// 503: try again after `seconds`.
pub fn unavailable(detail: impl Into<String>, seconds: u32) -> Problem {
    let title = "This cannot be answered right now";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title, detail).retry_after(seconds)
}

/// 422: the request is understood, but what it says is wrong.
pub fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The content is not valid", detail)
}
