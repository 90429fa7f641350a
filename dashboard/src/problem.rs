//! The problems that several answers of this room have.

use axum::http::StatusCode;
pub(crate) use tallylight_serve::problem::Problem;

/// 404: neither a page nor part of the API.
pub(crate) fn not_found(path: &str) -> Problem {
    let detail =
        format!("{path} is neither a page nor part of the API; docs/feed.md lists the API");
    Problem::new(StatusCode::NOT_FOUND, "not-found", "Nothing is there", detail)
}

/// 400: a request that can never be met.
pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid", "The request cannot be met", detail)
}

/// 503: the same request may be met in a second.
pub(crate) fn unavailable(slug: &str, title: &str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, slug, title, detail).retry_after(1)
}
