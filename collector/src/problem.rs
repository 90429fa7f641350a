//! The answers to refused requests: the kinds of problem that the collector reports.

use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use tallylight_schemas::scrub;
pub use tallylight_serve::problem::Problem;

/// The fixed parts of one kind of refusal: status, name, title.
pub type Kind = (StatusCode, &'static str, &'static str);

/// No write key.
pub const NO_KEY: Kind = (StatusCode::UNAUTHORIZED, "no-write-key", "No write key");
/// An unknown write key.
pub const UNKNOWN_KEY: Kind = (StatusCode::UNAUTHORIZED, "unknown-write-key", "Unknown write key");
/// A request from another machine or site.
pub const NOT_HERE: Kind = (StatusCode::FORBIDDEN, "not-from-here", "Not from here");
/// A query that cannot be read.
pub const BAD_QUERY: Kind = (StatusCode::BAD_REQUEST, "bad-query", "Unreadable query");
/// No such path.
pub const NOT_FOUND: Kind = (StatusCode::NOT_FOUND, "not-found", "No such path");
/// The path exists, but not for this method.
pub const BAD_METHOD: Kind =
    (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed");
/// The body was not complete in time.
pub const TOO_SLOW: Kind = (StatusCode::REQUEST_TIMEOUT, "too-slow", "The body took too long");
/// A POST that announces no body.
pub const NO_LENGTH: Kind = (StatusCode::LENGTH_REQUIRED, "length-required", "Length required");
/// A body above the limits.
pub const TOO_LARGE: Kind =
    (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large");
/// A media type that the path does not accept.
pub const BAD_TYPE: Kind =
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-type", "Unsupported content type");
/// An unsupported content encoding.
pub const BAD_ENCODING: Kind =
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", "Unsupported content encoding");
/// A body that does not parse as its declared type.
pub const UNREADABLE: Kind = (StatusCode::BAD_REQUEST, "unreadable-body", "Unreadable body");
/// A body without records.
pub const EMPTY: Kind = (StatusCode::BAD_REQUEST, "no-records", "No records");
/// The collector is at a limit.
pub const OVERLOAD: Kind = (StatusCode::SERVICE_UNAVAILABLE, "overload", "At the limit");
/// The caller's tenant is at its limit.
pub const SLOW_DOWN: Kind = (StatusCode::TOO_MANY_REQUESTS, "slow-down", "Slow down");
/// The log is unavailable.
pub const LOG_DOWN: Kind =
    (StatusCode::SERVICE_UNAVAILABLE, "log-unavailable", "The log is unavailable");
/// An internal error.
pub const INTERNAL: Kind = (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The collector failed");

/// Longest excerpt of a caller's own text in an answer, characters.
const ECHO_CHARS: usize = 64;

/// A caller's text, shortened, made printable and without what its URLs may reveal, to be quoted in
/// a detail: those are shown on the *Connect* page, too.
pub fn echo(text: &str) -> String {
    let text = scrub::other(text);
    text.chars().take(ECHO_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A refusal of one kind; `detail` says what was wrong, where, and what to do about it.
pub fn of(kind: Kind, detail: impl Into<String>) -> Problem {
    let (status, slug, title) = kind;
    let problem = Problem::new(status, slug, title, detail);
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110, 15.5.2: the answer must name the authentication scheme.
        return problem.with(WWW_AUTHENTICATE, "Bearer");
    }
    problem
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn who_is_not_known_is_told_how_to_say_it() {
        for kind in [NO_KEY, UNKNOWN_KEY] {
            let answer = of(kind, "give a key").into_response();
            assert_eq!(answer.headers()[WWW_AUTHENTICATE], "Bearer");
        }
        let other = of(NOT_HERE, "not from here").into_response();
        assert!(!other.headers().contains_key(WWW_AUTHENTICATE));
    }
}
