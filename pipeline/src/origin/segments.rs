//! `/live/<stream>/segments.json`: how the last segments did.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tallylight_schemas::grid::Grid;

use super::Origin;
use super::pure::schedule;
use crate::serve::problem::{self, Problem};

/// Segments listed per track.
const LISTED: u64 = 30;

/// The answer of `segments.json`. Times are Unix microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentsPage {
    /// Stream name.
    pub stream: String,
    /// The origin's time.
    pub now: i64,
    /// The schedule.
    pub grid: Grid,
    /// Publish margin, µs.
    pub margin: i64,
    /// Track names, in the ladder's order.
    pub tracks: Vec<String>,
    /// Oldest first; for each K one row per track.
    pub segments: Vec<SegmentRow>,
}

/// Segment K of a track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRow {
    /// Track name.
    pub track: String,
    /// Segment number.
    pub k: u64,
    /// On time, late, slate or pending.
    pub state: schedule::State,
    /// Whose copy; absent while pending.
    pub pipeline: Option<String>,
    /// When it became available; absent while pending.
    pub published_at: Option<i64>,
    /// When it was due.
    pub due: i64,
    /// Bytes of the stored copy.
    pub bytes: u64,
}

/// Answers the last segments up to the newest that is closed.
pub(super) async fn page(
    State(origin): State<Arc<Origin>>,
    Path(stream): Path<String>,
) -> Response {
    match rows(&origin, &stream) {
        Ok(page) => {
            ([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(page)).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

fn rows(origin: &Origin, name: &str) -> Result<SegmentsPage, Problem> {
    let stream = origin
        .stream(name)
        .ok_or_else(|| problem::not_found(format!("There is no stream {name:?}")))?;
    let ladder = stream
        .ladder()
        .ok_or_else(|| problem::unavailable("The encoder has not sent the ladder yet", 1))?;
    let (now, schedule) = (origin.clock.now_us(), stream.schedule(&ladder));
    let last = schedule.grid.k_at(now);
    let mut segments = Vec::new();
    for k in last.saturating_sub(LISTED)..last {
        for rung in &ladder.tracks {
            let Some(place) = stream.place(ladder.clone(), &rung.name, k) else { continue };
            let fixed = place.track.fixed(k);
            let outcome =
                fixed.as_ref().map(|f| if f.is_slate() { Err(()) } else { Ok(f.published_us) });
            // Unfixed past its slate time: it can only be the slate, asked for or not.
            let overdue =
                fixed.is_none() && schedule.newest_settled(now).is_some_and(|newest| k <= newest);
            let state = if overdue { schedule::State::Slate } else { schedule.state(k, outcome) };
            segments.push(SegmentRow {
                track: rung.name.clone(),
                k,
                state,
                pipeline: fixed
                    .as_ref()
                    .map(|f| f.pipeline.to_string())
                    .or(overdue.then(|| super::SLATE.into())),
                published_at: fixed
                    .as_ref()
                    .map(|f| f.published_us)
                    .or(overdue.then(|| schedule.grid.slate_us(k))),
                due: schedule.grid.due_us(k, schedule.margin_us),
                bytes: fixed.map_or(0, |f| f.body.len() as u64),
            });
        }
    }
    let tracks = ladder.tracks.iter().map(|track| track.name.clone()).collect();
    Ok(SegmentsPage {
        stream: name.to_owned(),
        now,
        grid: schedule.grid,
        margin: schedule.margin_us,
        tracks,
        segments,
    })
}
