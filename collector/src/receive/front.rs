//! What every request passes: other sites are allowed in (CORS), and the result of the request is
//! counted.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, Method};
use axum::middleware::Next;
use axum::response::Response;
use tallylight_schemas::cmcd::HEADERS;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::answer::{DROPPED_VALUES, FATES, PACE};
use super::{Collector, ROUTES};
use crate::fates::Source;
use crate::problem::Problem;

/// Lets pages of other sites send, and read the headers of the answer that are meant for them.
pub fn cors() -> CorsLayer {
    let mut headers = vec![CONTENT_TYPE, CONTENT_ENCODING, AUTHORIZATION];
    headers.extend(HEADERS.map(HeaderName::from_static));
    // `sendBeacon` always sends with credentials, which rules out `*` here. The collector looks at
    // no credentials: a page identifies itself by its write key.
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::OPTIONS])
        .allow_headers(headers)
        .expose_headers([FATES, DROPPED_VALUES, PACE, RETRY_AFTER])
        .max_age(Duration::from_hours(2))
}

pub(super) async fn count(
    State(collector): State<Arc<Collector>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let route = ROUTES.into_iter().find(|route| *route == path).unwrap_or("other");
    let source = match (route, request.method()) {
        ("/v1/cmcd", &Method::GET) => Some(Source::CmcdQuery),
        ("/v1/cmcd", _) => Some(Source::Cmcd),
        ("/v1/events" | "/v1/logs" | "/v1/traces", _) => Some(Source::Events),
        ("/v1/metrics", _) => Some(Source::OtlpMetrics),
        _ => None,
    };
    let open = source.is_some() && collector.beacons.open(collector.clock.now_us());
    let caller =
        open.then(|| collector.admission.caller(request.headers(), request.uri()).ok()).flatten();
    let answer = next.run(request).await;
    let problem = answer.extensions().get::<Problem>();
    if let Some(problem) = problem {
        collector.metrics.count_refusal(route, problem.slug());
    }
    if let (true, Some(source), Some(problem)) = (open, source, problem) {
        let tenant = caller.map(|caller| caller.tenant.to_string());
        collector.beacons.refused(source.as_str(), problem, (tenant, collector.clock.now_us()));
    }
    collector.metrics.count_request(route, answer.status().as_u16());
    answer
}
