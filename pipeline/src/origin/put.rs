//! PUT: the packager's side.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::time::Duration;
use tallylight_schemas::delivery::{Action, MOST_LATE_US};

use super::announce::{no_room, store_init, store_ladder, store_slate, stream_of};
use super::copies::{Copy, Defect};
use super::facts::Claimed;
use super::masks::MAX_PIPELINES;
use super::slot::{Offered, Refused, Slot};
use super::{Origin, media_path, sweep};
use crate::report::Report;
use crate::serve::body;
use crate::serve::path::{MediaPath, Object};
use crate::serve::problem::{self, Problem};

/// A body must be complete within this time.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// 201 when the request stored something, 204 when it was stored already.
pub(super) fn stored(newly: bool) -> StatusCode {
    if newly { StatusCode::CREATED } else { StatusCode::NO_CONTENT }
}

/// PUT of a segment, an init segment or a slate.
pub(super) async fn media(State(origin): State<Arc<Origin>>, request: Request) -> Response {
    let arrival = origin.clock.now_us();
    let path = match media_path(request.uri()) {
        Ok(path) => path,
        Err(problem) => return problem.into_response(),
    };
    let (head, body) = request.into_parts();
    let body = read(&origin, body).await;
    let whole = origin.clock.now_us();
    let (size, outcome) = match body {
        Ok(body) => (body.len() as u64, store(&origin, &path, &head, body).await),
        Err(problem) => (0, Err(problem)),
    };
    let status = outcome.as_ref().map_or_else(Problem::status, |status| *status);
    report(&origin, &path, &head, (status, size), [arrival, whole]);
    outcome.into_response()
}

/// PUT of the ladder.
pub(super) async fn ladder(
    State(origin): State<Arc<Origin>>,
    Path(stream): Path<String>,
    request: Request,
) -> Response {
    let outcome = match read(&origin, request.into_body()).await {
        Ok(body) => store_ladder(&origin, &stream, &body).await,
        Err(problem) => Err(problem),
    };
    outcome.into_response()
}

async fn read(origin: &Origin, body: axum::body::Body) -> Result<Bytes, Problem> {
    let _upload = origin
        .uploads
        .acquire()
        .await
        .map_err(|_| problem::unavailable("The origin is stopping", 1))?;
    let bytes = body::read(body, origin.settings.body_limit_bytes, READ_WITHIN).await?;
    origin.bytes_received.inc_by(bytes.len() as u64);
    Ok(bytes)
}

async fn store(
    origin: &Arc<Origin>,
    path: &MediaPath,
    head: &request::Parts,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    match &path.object {
        Object::Segment(k) => store_segment(origin, path, *k, head, body).await,
        Object::Init(file) => {
            let now = origin.clock.now_us();
            store_init(stream_of(origin, path)?.as_ref(), &path.track, file, body, now).await
        }
        Object::Slate(number) => {
            store_slate(stream_of(origin, path)?.as_ref(), &path.track, *number, head, body).await
        }
    }
}

async fn store_segment(
    origin: &Arc<Origin>,
    path: &MediaPath,
    k: u64,
    head: &request::Parts,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let stream = origin.stream(&path.stream);
    let Some((stream, ladder)) = stream.and_then(|stream| Some((stream.clone(), stream.ladder()?)))
    else {
        let detail = format!("PUT /live/{}/ladder.json before its segments", path.stream);
        return Err(incomplete("no-ladder", "The ladder is not known", detail));
    };
    let Some(slot) = stream.slot(ladder, &path.track, k) else {
        return Err(problem::not_found(format!(
            "The ladder of {:?} has no track {:?}",
            path.stream, path.track
        )));
    };
    let claimed = Claimed::read(&head.headers)?;
    let copy = claimed.copy(origin.clock.now_us(), body.len() as u64);
    if body.is_empty() && claimed.defect.is_some() {
        // The pipeline reports that it has nothing usable for K, so that no one waits for it.
        return take(origin, &stream.name, &slot, copy, body).await;
    }
    if let Err(problem) = claimed.check(&slot, &body) {
        let why = problem.detail().to_owned();
        let defect = Some(Defect { kind: "invalid".into(), why });
        let copy = Copy { bytes: 0, defect, ..copy };
        let _ = take(origin, &stream.name, &slot, copy, Bytes::new()).await;
        return Err(problem);
    }
    if !slot.is_announced() {
        let detail =
            format!("PUT the init segment and the slates of {:?} before its segments", path.track);
        return Err(incomplete("not-announced", "The init segment or slate is missing", detail));
    }
    if origin.stored_bytes() + body.len() as u64 > origin.settings.store_limit_bytes {
        let detail =
            format!("At most {} bytes of segments are kept", origin.settings.store_limit_bytes);
        return Err(Problem::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "full",
            "The origin's memory is full",
            detail,
        ));
    }
    take(origin, &stream.name, &slot, copy, body).await
}

/// 412: what the packager announces is not complete here.
fn incomplete(slug: &str, title: &str, detail: String) -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, slug, title, detail)
}

/// Records the copy and triggers the choice. A sound copy is answered once the choice is made and
/// on disk: 201 promises that it is served, even after a restart.
async fn take(
    origin: &Arc<Origin>,
    stream: &str,
    slot: &Slot,
    copy: Copy,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let (k, clock, pipeline) = (slot.k, origin.clock.as_ref(), copy.pipeline.clone());
    let offered = slot.offer(copy, body, clock).await.map_err(|refused| refusal(k, refused))?;
    if offered == Offered::Known {
        return Ok(StatusCode::NO_CONTENT);
    }
    sweep::decide_in_time(origin, stream, slot).await;
    if offered == Offered::Spare {
        return Ok(StatusCode::ACCEPTED);
    }
    let slate_us = slot.schedule.grid.slate_us(k);
    let served = slot.track.wait(k, slate_us, clock).await;
    let own = served.is_some_and(|fixed| *fixed.pipeline == *pipeline);
    Ok(if own { StatusCode::CREATED } else { StatusCode::ACCEPTED })
}

fn refusal(k: u64, refused: Refused) -> Problem {
    let conflict = |slug, detail: String| {
        Problem::new(StatusCode::CONFLICT, slug, "The segment is fixed", detail)
    };
    match refused {
        Refused::Late => conflict(
            "late",
            format!("Segment {k} arrived after its slate time: continue with a newer one"),
        ),
        Refused::Fixed => {
            conflict("fixed", format!("This pipeline has sent other bytes for segment {k}"))
        }
        Refused::Early => {
            problem::invalid(format!("Segment {k} has not begun: check the encoder's clock"))
        }
        Refused::Gone => gone(k),
        Refused::Crowded => no_room(format!(
            "Segment {k} has copies of {MAX_PIPELINES} pipelines that are not in the setting \
             `pipelines`: name this one there, or send under fewer names"
        )),
    }
}

/// 410 for a segment older than the window.
pub(super) fn gone(k: u64) -> Problem {
    let detail = format!("Segment {k} has left the window: ask for a newer one");
    Problem::new(StatusCode::GONE, "gone", "The segment is no longer kept", detail)
}

fn report(
    origin: &Origin,
    path: &MediaPath,
    head: &request::Parts,
    (status, size): (StatusCode, u64),
    [arrival, whole]: [i64; 2],
) {
    // Reporting names that were not announced would let anyone invent dimensions.
    let Some(stream) = origin.stream(&path.stream).filter(|s| s.track(&path.track).is_some())
    else {
        return;
    };
    let now = origin.clock.now_us();
    let mut report = Report::new(now, Action::Put, &stream.name, &path.track);
    report.k = path.k();
    let placed = stream.ladder().zip(report.k);
    // The collector rejects values beyond these.
    report.late_us = placed
        .map(|(ladder, k)| whole - stream.schedule(&ladder).due_us(k))
        .filter(|late| (-MOST_LATE_US..=MOST_LATE_US).contains(late));
    report.status = status.as_u16();
    report.bytes = size;
    report.ttfb_us = u64::try_from(now - arrival).unwrap_or(0);
    if let Ok(claimed) = Claimed::read(&head.headers) {
        report.pipeline = Some(claimed.pipeline);
        report.defect = claimed.defect.map(|defect| defect.kind);
    }
    origin.reporter.send(report);
}
