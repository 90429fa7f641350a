//! GET: the objects that edges fetch.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tallylight_schemas::delivery::Action;
use tallylight_schemas::headers;

use super::pure::schedule::Verdict;
use super::put::gone;
use super::slot::Slot;
use super::stream::Stream;
use super::track::Fixed;
use super::{Origin, media_path, sweep};
use crate::report::Report;
use crate::serve::cmsd;
use crate::serve::path::{MediaPath, Object};
use crate::serve::problem::{self, Problem};

/// The pipeline whose copy is served.
pub(crate) const PIPELINE: HeaderName = HeaderName::from_static(headers::PIPELINE);
/// When the copy became available, Unix µs.
pub(crate) const PUBLISHED_AT: HeaderName = HeaderName::from_static("tallylight-published-at");
/// Objects never change and may be cached; a minute is longer than any player needs one.
pub(crate) const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=60, immutable");

/// An object and its metadata.
struct Answer {
    body: Bytes,
    audio: bool,
    /// For segments: the pipeline, and when its copy became available.
    fixed: Option<(Arc<str>, i64)>,
    cmsd: cmsd::Static,
}

/// GET of a segment, an init segment or a slate.
pub(super) async fn media(State(origin): State<Arc<Origin>>, method: Method, uri: Uri) -> Response {
    let arrival = origin.clock.now_us();
    let path = match media_path(&uri) {
        Ok(path) => path,
        Err(problem) => return problem.into_response(),
    };
    let found = find(&origin, &path, arrival).await;
    let waited = origin.clock.now_us() - arrival;
    report(&origin, &path, &method, &found, waited);
    match found {
        Ok(answer) => respond(answer, arrival, waited),
        Err(problem) => problem.into_response(),
    }
}

/// GET of the ladder, once everything it names can be fetched.
pub(super) async fn ladder(
    State(origin): State<Arc<Origin>>,
    Path(stream): Path<String>,
) -> Response {
    let found = origin.stream(&stream).and_then(|stream| {
        let ladder = stream.ladder()?;
        stream.is_complete(&ladder).then_some(ladder)
    });
    match found {
        Some(ladder) => {
            let fresh = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (fresh, axum::Json(ladder.as_ref().clone())).into_response()
        }
        None => no_ladder(&stream).into_response(),
    }
}

fn no_ladder(stream: &str) -> Problem {
    problem::unavailable(
        format!("The encoder has not sent the ladder and init segments of {stream:?} yet"),
        1,
    )
}

async fn find(origin: &Origin, path: &MediaPath, arrival: i64) -> Result<Answer, Problem> {
    let stream = origin.stream(&path.stream);
    let stream = stream
        .ok_or_else(|| problem::not_found(format!("There is no stream {:?}", path.stream)))?;
    match &path.object {
        Object::Segment(k) => segment(origin, &stream, path, *k, arrival).await,
        Object::Init(file) => {
            let body = stream.track(&path.track).and_then(|track| track.init(file));
            extra(&stream, path, body, 'i')
        }
        Object::Slate(number) => {
            let slate = stream.track(&path.track).and_then(|track| track.slate(*number));
            extra(&stream, path, slate.map(|slate| slate.bytes), 'v')
        }
    }
}

fn extra(
    stream: &Stream,
    path: &MediaPath,
    body: Option<Bytes>,
    ot: char,
) -> Result<Answer, Problem> {
    let body = body.ok_or_else(|| problem::not_found(format!("{path} is not stored")))?;
    let audio =
        stream.ladder().is_some_and(|l| l.track(&path.track).is_some_and(|t| !t.is_video()));
    let cmsd = cmsd::Static { ot: Some(ot), ..cmsd::Static::default() };
    Ok(Answer { body, audio, fixed: None, cmsd })
}

async fn segment(
    origin: &Origin,
    stream: &Stream,
    path: &MediaPath,
    k: u64,
    arrival: i64,
) -> Result<Answer, Problem> {
    let ladder = stream.ladder().ok_or_else(|| no_ladder(&path.stream))?;
    let slot = stream.slot(ladder, &path.track, k);
    let slot =
        slot.ok_or_else(|| problem::not_found(format!("There is no track {:?}", path.track)))?;
    let fixed = match fixed(origin, stream, &slot, arrival).await? {
        Some(fixed) => fixed,
        None => {
            return Err(problem::unavailable(
                format!("Segment {k} is missing, and no slate is stored yet"),
                1,
            ));
        }
    };
    let rung = slot.rung();
    let ms = |units: u64, scale: u32| units.saturating_mul(1_000) / u64::from(scale.max(1));
    let cmsd = cmsd::Static {
        at_ms: Some(fixed.published_us.div_euclid(1_000)),
        br_kbps: rung.map(|rung| rung.bandwidth / 1_000),
        d_ms: rung.and_then(|rung| Some(ms(slot.ladder.duration(rung, k)?, rung.timescale))),
        ot: rung.map(|rung| if rung.is_video() { 'v' } else { 'a' }),
    };
    let body = slot.body(&fixed).map_err(|error| {
        tracing::error!(k, track = path.track, %error, "the stored slate cannot be retimed");
        problem::unavailable("The stored slate is damaged; the encoder's next start replaces it", 1)
    })?;
    if fixed.is_slate() {
        origin.slates.inc();
    }
    let audio = rung.is_some_and(|rung| !rung.is_video());
    Ok(Answer { body, audio, fixed: Some((fixed.pipeline, fixed.published_us)), cmsd })
}

/// What `slot` is fixed as, after waiting if its segment may still arrive. `None` when no slate
/// is stored.
async fn fixed(
    origin: &Origin,
    stream: &Stream,
    slot: &Slot,
    arrival: i64,
) -> Result<Option<Fixed>, Problem> {
    let k = slot.k;
    let give_up = arrival + i64::from(origin.settings.hold_limit_ms) * 1_000;
    let mut waiting = None;
    loop {
        let fixed = slot.track.fixed(k);
        let now = origin.clock.now_us();
        match slot.schedule.verdict(k, fixed.is_some(), now) {
            Verdict::Early { from_us } => {
                let detail = format!(
                    "Segment {k} begins at {} Unix ms: ask again then",
                    from_us.div_euclid(1_000)
                );
                return Err(problem::not_found(detail));
            }
            Verdict::Gone => return Err(gone(k)),
            Verdict::Ready => return Ok(fixed),
            Verdict::Slate => return Ok(sweep::settle(origin, &stream.name, slot).await),
            // Holding a segment of more than two seconds may exceed a player's timeout.
            Verdict::Hold { .. } if now >= give_up => {
                return Err(problem::unavailable(
                    format!("Segment {k} has not arrived yet: ask again"),
                    1,
                ));
            }
            Verdict::Hold { until_us } => {
                if waiting.is_none() {
                    let permit = origin.waiting.try_acquire().map_err(|_| {
                        origin.metrics.turned_away.inc();
                        problem::unavailable("Too many requests are waiting here: ask again", 1)
                    })?;
                    waiting = Some(permit);
                }
                let _ = slot.track.wait(k, until_us.min(give_up), origin.clock.as_ref()).await;
            }
        }
    }
}

fn respond(answer: Answer, arrival: i64, waited: i64) -> Response {
    let mut headers = HeaderMap::new();
    let media = if answer.audio { "audio/mp4" } else { "video/mp4" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, IMMUTABLE);
    let mut put = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    let rd = Some(waited.div_euclid(1_000));
    let mut hop = "origin".to_owned();
    let mut held_ms = None;
    if let Some((pipeline, published_us)) = answer.fixed {
        held_ms = Some(published_us.saturating_sub(arrival).clamp(0, waited).div_euclid(1_000));
        hop = format!("origin-{pipeline}");
        put(PIPELINE, pipeline.to_string());
        put(PUBLISHED_AT, published_us.to_string());
    }
    put(HeaderName::from_static(cmsd::STATIC), answer.cmsd.write("origin", held_ms));
    put(HeaderName::from_static(cmsd::DYNAMIC), cmsd::hop(&hop, rd));
    (headers, Body::from(answer.body)).into_response()
}

fn report(
    origin: &Origin,
    path: &MediaPath,
    method: &Method,
    found: &Result<Answer, Problem>,
    waited: i64,
) {
    // Reporting names that were not announced would let anyone invent dimensions.
    let Some(stream) = origin.stream(&path.stream).filter(|s| s.track(&path.track).is_some())
    else {
        return;
    };
    let now = origin.clock.now_us();
    let mut report = Report::new(now, Action::Get, &stream.name, &path.track);
    report.k = path.k();
    report.ttfb_us = u64::try_from(waited).unwrap_or(0);
    match found {
        Ok(answer) => {
            report.bytes = if method == Method::HEAD { 0 } else { answer.body.len() as u64 };
            if let Some((pipeline, published_us)) = &answer.fixed {
                let arrival = now - waited;
                report.held_us =
                    u64::try_from((published_us - arrival).clamp(0, waited)).unwrap_or(0);
                report.pipeline = Some(pipeline.to_string());
            }
        }
        Err(problem) => report.status = problem.status().as_u16(),
    }
    origin.metrics.bytes_sent.inc_by(report.bytes);
    origin.metrics.held_us.inc_by(report.held_us);
    origin.reporter.send(report);
}
