//! The headers of an edge's answer, and the report of it.

use axum::body::Body;
use axum::http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use tallylight_schemas::delivery::Action;
use tallylight_schemas::headers;

use super::cache::Stored;
use crate::origin::{IMMUTABLE, PIPELINE, PUBLISHED_AT};
use crate::report::Report;
use crate::serve::cmsd;
use crate::serve::path::MediaPath;
use crate::serve::problem::Problem;
use crate::serve::viewer::Viewer;

pub(super) const EDGE: HeaderName = HeaderName::from_static(headers::EDGE);
pub(super) const CACHE: HeaderName = HeaderName::from_static("tallylight-cache");
const TIMING: HeaderName = HeaderName::from_static("timing-allow-origin");

/// The parts of a request that its answer depends on.
#[derive(Debug, Clone)]
pub(super) struct MediaRequest {
    pub(super) path: MediaPath,
    pub(super) viewer: Viewer,
    /// Unix µs.
    pub(super) arrival: i64,
    pub(super) head_only: bool,
    /// The bitrate that the session should not go above, kbit/s.
    pub(super) mb_kbps: u64,
}

/// The cache's part in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cached {
    /// It held the object.
    Hit,
    /// The answer is that of another request's fetch in progress: the origin was not asked again.
    Joined,
    /// The origin was asked, or the request was refused before that.
    Miss,
}

/// How a request was answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) cache: Cached,
    /// Arrival to body ready, µs.
    pub(super) waited: i64,
}

/// How long the request waited for the schedule, µs: until the object was published, if that
/// was after its arrival.
fn held_us(stored: &Stored, request: &MediaRequest, waited: i64) -> i64 {
    stored.fixed.as_ref().map_or(0, |(_, published)| {
        published.saturating_sub(request.arrival).clamp(0, waited.max(0))
    })
}

/// The answer with an object.
pub(super) fn respond(edge: &str, stored: &Stored, request: &MediaRequest, how: How) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, stored.content_type.clone());
    headers.insert(CACHE_CONTROL, IMMUTABLE);
    let word = match how.cache {
        Cached::Hit => "hit",
        Cached::Joined => "joined",
        Cached::Miss => "miss",
    };
    headers.insert(CACHE, HeaderValue::from_static(word));
    let mut put = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    let age = (request.arrival + how.waited - stored.fetched_us).max(0) / 1_000_000;
    put(AGE, age.to_string());
    let hop = format!("edge-{edge}");
    let mut origin = "origin".to_owned();
    let held_ms =
        stored.fixed.is_some().then(|| held_us(stored, request, how.waited).div_euclid(1_000));
    if let Some((pipeline, published)) = &stored.fixed {
        put(PIPELINE, pipeline.clone());
        put(PUBLISHED_AT, published.to_string());
        origin = format!("origin-{pipeline}");
    }
    put(HeaderName::from_static(cmsd::STATIC), stored.cmsd.write(&hop, held_ms));
    // The origin's delay belongs to the fetch. A hit names the origin without a delay.
    let behind = match stored.hop.as_ref().and_then(|hop| hop.to_str().ok()) {
        Some(measured) if how.cache != Cached::Hit => measured.to_owned(),
        _ => cmsd::hop(&origin, None),
    };
    let own = cmsd::hop(&hop, Some(how.waited.div_euclid(1_000)));
    // The last item is the one nearest to the player, and the one that players obey.
    let dynamic = format!("{behind}, {own};mb={}", request.mb_kbps);
    put(HeaderName::from_static(cmsd::DYNAMIC), dynamic);
    sign(edge, (headers, Body::from(stored.body.clone())).into_response())
}

/// Adds the headers of every answer of an edge.
pub(super) fn sign(edge: &str, mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(TIMING, HeaderValue::from_static("*"));
    if let Ok(edge) = HeaderValue::from_str(edge) {
        headers.insert(EDGE, edge);
    }
    answer
}

/// The delivery event of this answer.
pub(super) fn report(
    edge: &str,
    request: &MediaRequest,
    outcome: Result<&Stored, &Problem>,
    how: How,
) -> Report {
    let ts = request.arrival + how.waited;
    let mut report = Report::new(ts, Action::Get, &request.path.stream, &request.path.track);
    report.k = request.path.k();
    report.ttfb_us = u64::try_from(how.waited).unwrap_or(0);
    // Every answer that is neither a hit nor an error is one request that the origin answered.
    report.hit = Some(how.cache != Cached::Miss && outcome.is_ok());
    report.edge = Some(edge.to_owned());
    report.sid.clone_from(&request.viewer.sid);
    report.cid.clone_from(&request.viewer.cid);
    report.cmcd.clone_from(&request.viewer.cmcd);
    match outcome {
        Ok(stored) => {
            report.bytes = if request.head_only { 0 } else { stored.body.len() as u64 };
            report.held_us = u64::try_from(held_us(stored, request, how.waited)).unwrap_or(0);
            report.pipeline = stored.fixed.as_ref().map(|(pipeline, _)| pipeline.clone());
        }
        Err(problem) => report.status = problem.status().as_u16(),
    }
    report
}
