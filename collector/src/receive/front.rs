//! What every request passes, in one layer, since each costs a beacon more than reading it does:
//! pages of other sites are let in (CORS), and what came of the request is counted.

use std::sync::{Arc, LazyLock};

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, ORIGIN,
    RETRY_AFTER, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tallylight_schemas::cmcd::HEADERS;

use super::answer::{DROPPED_VALUES, FATES, PACE};
use super::{BEACONS, Collector, ROUTES};
use crate::fates::Source;
use crate::problem::Problem;

/// For how long a browser need not ask again, seconds.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("7200");
const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET,POST,OPTIONS");

/// What pages may send.
static ALLOWED: LazyLock<HeaderValue> = LazyLock::new(|| {
    let ours = HEADERS.map(HeaderName::from_static);
    list([CONTENT_TYPE, CONTENT_ENCODING, AUTHORIZATION].into_iter().chain(ours), ",")
});
/// What pages may read.
static EXPOSED: LazyLock<HeaderValue> =
    LazyLock::new(|| list([FATES, DROPPED_VALUES, PACE, RETRY_AFTER], ","));
/// What a cache has to look at.
static VARIES: LazyLock<HeaderValue> = LazyLock::new(|| {
    list([ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS], ", ")
});

fn list(names: impl IntoIterator<Item = HeaderName>, comma: &str) -> HeaderValue {
    let names: Vec<HeaderName> = names.into_iter().collect();
    let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    // Names of headers are values of headers.
    HeaderValue::from_str(&names.join(comma)).unwrap_or(ANY)
}

pub(super) async fn pass(
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
    let answer = match (route, request.method()) {
        // This one is not for other sites.
        (BEACONS, _) => next.run(request).await,
        (_, &Method::OPTIONS) => preflight(),
        _ => {
            let mut answer = next.run(request).await;
            let_in(answer.headers_mut());
            answer
        }
    };
    collector.count(route, source, &answer);
    answer
}

/// What a browser is told that asks before it sends.
fn preflight() -> Response {
    let mut answer = Response::default();
    let headers = answer.headers_mut();
    headers.insert(VARY, VARIES.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED.clone());
    headers.insert(ACCESS_CONTROL_MAX_AGE, ASK_AGAIN);
    answer
}

fn let_in(headers: &mut HeaderMap) {
    headers.append(VARY, VARIES.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED.clone());
}

impl Collector {
    fn count(&self, route: &'static str, source: Option<Source>, answer: &Response) {
        let problem = answer.extensions().get::<Problem>();
        if let Some(problem) = problem {
            self.metrics.count_refusal(route, problem.slug());
        }
        if let (Some(source), Some(problem)) = (source, problem) {
            let now = self.clock.now_us();
            if self.beacons.open(now) {
                self.beacons.refused(source.as_str(), problem, now);
            }
        }
        self.metrics.count_request(route, answer.status().as_u16());
    }
}
