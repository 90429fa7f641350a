//! The manifests over HTTP, the time, and the origin's segments page.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tallylight_schemas::delivery::Action;

use super::Steering;
use super::session::{Form, Query};
use crate::ladder::Ladder;
use crate::manifest::{View, dash, hls, iso_ms};
use crate::report::Report;
use crate::serve::problem::{self, Problem};
use crate::serve::viewer::Viewer;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

type App = State<Arc<Steering>>;

pub(super) async fn master(
    State(app): App,
    Path(stream): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let text = |ladder: &Ladder, view: &View, _| Ok(hls::master(ladder, view));
    app.answer((&stream, ""), Form::Master, &uri, &headers, text)
}

pub(super) async fn mpd(
    State(app): App,
    Path(stream): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let text = |ladder: &Ladder, view: &View, now| Ok(dash::mpd(ladder, view, now));
    app.answer((&stream, ""), Form::Mpd, &uri, &headers, text)
}

pub(super) async fn media(
    State(app): App,
    Path((stream, track)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let text = |ladder: &Ladder, view: &View, now| {
        let found = ladder
            .track(&track)
            .ok_or_else(|| problem::not_found(format!("There is no track {track:?}")))?;
        Ok(hls::media(ladder, found, view, now))
    };
    app.answer((&stream, &track), Form::Media, &uri, &headers, text)
}

/// The time in the format of `UTCTiming`.
pub(super) async fn time(State(app): App) -> Response {
    plain("text/plain; charset=utf-8", iso_ms(app.clock.now_us()))
}

/// The origin's page, so that a browser needs only this service's address.
pub(super) async fn segments(State(app): App, Path(stream): Path<String>, uri: Uri) -> Response {
    let Some(origin) = app.origin.as_ref().filter(|_| app.ladders.get(&stream).is_some()) else {
        return no_stream(&stream).into_response();
    };
    app.metrics.upstream.inc();
    let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
    match origin.get(&format!("/live/{stream}/segments.json{query}")).await {
        Ok(fetched) => {
            let kept = [CONTENT_TYPE, RETRY_AFTER].into_iter();
            let mut headers: HeaderMap =
                kept.filter_map(|h| Some((h.clone(), fetched.headers.get(&h)?.clone()))).collect();
            headers.insert(CACHE_CONTROL, NO_STORE);
            (fetched.status, headers, fetched.body).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

pub(super) fn plain(content_type: &'static str, text: String) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(content_type)), (CACHE_CONTROL, NO_STORE)], text)
        .into_response()
}

pub(super) fn no_stream(stream: &str) -> Problem {
    problem::not_found(format!("There is no stream {stream:?} here"))
}

impl Steering {
    /// Answers with a manifest of a stream's track and reports it.
    fn answer(
        &self,
        (stream, track): (&str, &str),
        form: Form,
        uri: &Uri,
        headers: &HeaderMap,
        text: impl FnOnce(&Ladder, &View, i64) -> Result<String, Problem>,
    ) -> Response {
        let now = self.clock.now_us();
        let viewer = Viewer::of(uri, headers);
        let query = Query::of(uri);
        let made = match self.ladders.get(stream) {
            None => return no_stream(stream).into_response(),
            Some(None) => {
                Err(problem::unavailable("The encoder has not announced this stream yet", 1))
            }
            Some(Some(ladder)) => {
                text(&ladder, &self.view(stream, form, &query, &viewer, headers), now)
            }
        };
        let status = made
            .as_ref()
            .map_or_else(|problem| problem.status().as_u16(), |_| StatusCode::OK.as_u16());
        // An unknown track name must not become a dimension.
        let track = if status == 404 { "" } else { track };
        let mut report = Report::new(now, Action::Get, stream, track);
        report.status = status;
        report.bytes = made.as_ref().map_or(0, |text| text.len() as u64);
        report.sid = query.sid.or(viewer.sid);
        report.cid = viewer.cid;
        report.cmcd = viewer.cmcd;
        self.metrics.bytes_sent.inc_by(report.bytes);
        self.reporter.send(report);
        match made {
            Ok(text) => plain(form.content_type(), text),
            Err(problem) => problem.into_response(),
        }
    }
}
