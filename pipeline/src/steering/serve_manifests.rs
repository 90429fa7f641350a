//! The manifests over HTTP, the time, and the origin's segments page.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tallylight_schemas::delivery::Action;

use super::Steering;
use crate::ladder::Ladder;
use crate::manifest::{View, dash, hls, iso_ms};
use crate::report::Report;
use crate::serve::problem::{self, Problem};
use crate::serve::viewer::Viewer;

/// Sent by the dashboard's proxy: the browser reaches everything through one port.
const ROOT_RELATIVE: &str = "tallylight-root-relative";
const HLS: &str = "application/vnd.apple.mpegurl";
const DASH: &str = "application/dash+xml";
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

type App = State<Arc<Steering>>;

pub(super) async fn master(
    State(app): App,
    Path(stream): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    app.answer(
        &stream,
        "",
        HLS,
        &Viewer::of(&uri, &headers),
        |ladder, _, _| Ok(hls::master(ladder)),
        &headers,
    )
}

pub(super) async fn mpd(
    State(app): App,
    Path(stream): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let text = |ladder: &Ladder, view: &View, now| Ok(dash::mpd(ladder, view, now));
    app.answer(&stream, "", DASH, &Viewer::of(&uri, &headers), text, &headers)
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
    app.answer(&stream, &track, HLS, &Viewer::of(&uri, &headers), text, &headers)
}

/// The time as `UTCTiming` wants it.
pub(super) async fn time(State(app): App) -> Response {
    plain("text/plain; charset=utf-8", iso_ms(app.clock.now_us()))
}

/// The origin's page, so that a browser needs to know one service only.
pub(super) async fn segments(State(app): App, Path(stream): Path<String>) -> Response {
    if app.ladders.get(&stream).is_none() {
        return no_stream(&stream).into_response();
    }
    app.metrics.upstream.inc();
    match app.origin.get(&format!("/live/{stream}/segments.json")).await {
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

fn plain(content_type: &'static str, text: String) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(content_type)), (CACHE_CONTROL, NO_STORE)], text)
        .into_response()
}

fn no_stream(stream: &str) -> Problem {
    problem::not_found(format!("There is no stream {stream:?} here"))
}

impl Steering {
    /// Answers with a manifest of `stream` and reports it.
    fn answer(
        &self,
        stream: &str,
        track: &str,
        content_type: &'static str,
        viewer: &Viewer,
        text: impl FnOnce(&Ladder, &View, i64) -> Result<String, Problem>,
        headers: &HeaderMap,
    ) -> Response {
        let now = self.clock.now_us();
        let made = match self.ladders.get(stream) {
            None => return no_stream(stream).into_response(),
            Some(None) => {
                Err(problem::unavailable("The encoder has not announced this stream yet", 1))
            }
            Some(Some(ladder)) => text(&ladder, &self.view(stream, headers), now),
        };
        let status = made
            .as_ref()
            .map_or_else(|problem| problem.status().as_u16(), |_| StatusCode::OK.as_u16());
        // A name that is no track must not become a dimension.
        let track = if status == 404 { "" } else { track };
        let mut report = Report::new(now, Action::Get, stream, track);
        report.status = status;
        report.bytes = made.as_ref().map_or(0, |text| text.len() as u64);
        report.sid.clone_from(&viewer.sid);
        report.cid.clone_from(&viewer.cid);
        self.metrics.bytes_sent.inc_by(report.bytes);
        self.reporter.send(report);
        match made {
            Ok(text) => plain(content_type, text),
            Err(problem) => problem.into_response(),
        }
    }

    fn view(&self, stream: &str, headers: &HeaderMap) -> View {
        let relative = headers.get(ROOT_RELATIVE).is_some_and(|value| value == "1");
        let (media_base, own) = match relative {
            true => (self.settings.edge_path.clone(), String::new()),
            false => {
                (self.settings.edge_url.trim_end_matches('/').to_owned(), self.own_url.clone())
            }
        };
        View {
            media_base,
            time_url: format!("{own}/live/{stream}/time"),
            window: self.settings.window_segments,
            margin_us: i64::from(self.settings.margin_ms) * 1_000,
        }
    }
}
