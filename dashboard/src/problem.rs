//! Problems that several endpoints share.

use axum::extract::rejection::BytesRejection;
use axum::http::{Method, StatusCode, Uri};
pub(crate) use tallylight_serve::problem::Problem;

/// 404: neither a page nor part of the API.
pub(crate) fn not_found(path: &str) -> Problem {
    let detail =
        format!("{path} is neither a page nor part of the API; docs/feed.md lists the API");
    Problem::new(StatusCode::NOT_FOUND, "not-found", "Nothing is there", detail)
}

/// 400: a request that can never succeed.
pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid", "The request cannot be met", detail)
}

/// 503: the same request may succeed in a second.
pub(crate) fn unavailable(slug: &str, title: &str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, slug, title, detail).retry_after(1)
}

/// 405: the address exists, but not with this method. Header `Allow` lists those it takes.
pub(crate) async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!(
        "{} does not take {method}; the header Allow says what it takes, docs/feed.md what for",
        uri.path()
    );
    let (status, slug) = (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
    Problem::new(status, slug, "Method not allowed", detail)
}

/// 413: a body of more than `most` bytes; 400: one that broke off.
pub(crate) fn unread(rejection: &BytesRejection, most: usize) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("the body is larger than {most} bytes; make it shorter");
            let (status, slug) = (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large");
            Problem::new(status, slug, "The body is too large", detail)
        }
        _ => invalid(format!("the body cannot be read: {}; send it again", rejection.body_text())),
    }
}
