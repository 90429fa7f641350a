//! Media is open to any site: players run on the pages of their owners.

use std::time::Duration;

use axum::http::{HeaderName, Method};
use tallylight_schemas::headers;
use tower_http::cors::{Any, CorsLayer};

/// Answers preflights (players that send CMCD as headers cause them) and lets scripts read
/// the headers that a player or page uses. A POST that changes something checks the Origin
/// itself; the others, such as requesting a session, are open to any site.
pub fn layer() -> CorsLayer {
    let exposed = [
        "age",
        "content-length",
        "date",
        "retry-after",
        "cmsd-static",
        "cmsd-dynamic",
        "tallylight-cache",
        headers::EDGE,
        headers::PIPELINE,
        "tallylight-published-at",
    ];
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::OPTIONS])
        .allow_headers(Any)
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(Duration::from_secs(3_600))
}
