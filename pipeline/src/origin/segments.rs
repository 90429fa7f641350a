//! `/live/<stream>/segments.json`: the state of the last segments, and every pipeline's copies.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tallylight_schemas::grid::Grid;

use super::copies::{Copies, Copy, REMEMBERED};
use super::pure::schedule::{self, Schedule};
use super::slot::Slot;
use super::stream::Stream;
use super::{Origin, SLATE};
use crate::serve::problem::{self, Problem};

/// Segments listed per track, unless `?last=` says otherwise.
const LISTED: u64 = 30;
/// The most segments listed: a quarter of an hour of the demo.
const MOST: u64 = 450;

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
    /// Pipelines whose copies are not served.
    #[serde(default)]
    pub masked: Vec<String>,
    /// Whether the encoders had the same input: each pipeline compared with the first.
    #[serde(default)]
    pub inputs: Vec<Inputs>,
    /// Oldest first; for each K one row per track.
    pub segments: Vec<SegmentRow>,
}

/// How often a pipeline's input was the same as the first pipeline's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// The pipeline.
    pub pipeline: String,
    /// The pipeline that it is compared with.
    pub like: String,
    /// Segments of all tracks among the last 1,000 numbers for which both hashes are known.
    pub compared: u64,
    /// Of these, those with the same hash.
    pub equal: u64,
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
    /// The pipeline of the served copy, or `slate`; absent while pending.
    pub pipeline: Option<String>,
    /// When it became available; absent while pending.
    pub published_at: Option<i64>,
    /// When it was due.
    pub due: i64,
    /// Bytes of the stored copy.
    pub bytes: u64,
    /// Every pipeline's copy, the preferred first.
    #[serde(default)]
    pub copies: Vec<CopyRow>,
}

impl SegmentRow {
    /// Whether an encoder's picture is served rather than the slate.
    pub fn has_picture(&self) -> bool {
        matches!(self.state, schedule::State::OnTime | schedule::State::Late)
    }
}

/// One pipeline's copy of a segment, served or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRow {
    /// The pipeline.
    pub pipeline: String,
    /// When it arrived.
    pub arrived_at: Option<i64>,
    /// Its state.
    pub state: CopyState,
    /// Its defect, explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Its bytes.
    pub bytes: u64,
    /// Its frames.
    pub frames: u32,
    /// Hash of the encoder's input, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_hash: Option<String>,
}

/// A copy's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyState {
    /// Arrived by its due time.
    OnTime,
    /// Arrived after its due time.
    Late,
    /// It has another defect.
    Defective,
    /// Its picture is frozen.
    Frozen,
    /// It did not arrive.
    Missing,
    /// It may still arrive.
    Pending,
    /// A state of a newer origin: one unknown row must not invalidate the whole page.
    #[serde(other)]
    Other,
}

/// Returns the last segments, up to the newest that is closed.
pub(super) async fn page(
    State(origin): State<Arc<Origin>>,
    Path(stream): Path<String>,
    uri: Uri,
) -> Response {
    match last(&uri).and_then(|last| rows(&origin, &stream, last)) {
        Ok(page) => {
            ([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(page)).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

/// The number of segments requested.
fn last(uri: &Uri) -> Result<u64, Problem> {
    let query = uri.query().unwrap_or("").as_bytes();
    let last = url::form_urlencoded::parse(query).find(|(name, _)| name == "last");
    let Some((_, text)) = last else { return Ok(LISTED) };
    let number = text.parse::<u64>().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| problem::invalid(format!("last={text}: a number from 1 to {MOST}")))
}

fn rows(origin: &Origin, name: &str, last: u64) -> Result<SegmentsPage, Problem> {
    let stream = origin
        .stream(name)
        .ok_or_else(|| problem::not_found(format!("There is no stream {name:?}")))?;
    let ladder = stream
        .ladder()
        .ok_or_else(|| problem::unavailable("The encoder has not sent the ladder yet", 1))?;
    let (now, schedule) = (origin.clock.now_us(), stream.schedule(&ladder));
    let end = schedule.grid.k_at(now);
    let mut segments = Vec::new();
    for k in end.saturating_sub(last)..end {
        for rung in &ladder.tracks {
            let slot = stream.slot(ladder.clone(), &rung.name, k);
            segments.extend(slot.and_then(|slot| row(&slot, &rung.name, now)));
        }
    }
    let tracks: Vec<String> = ladder.tracks.iter().map(|track| track.name.clone()).collect();
    Ok(SegmentsPage {
        stream: name.to_owned(),
        now,
        grid: schedule.grid,
        margin: schedule.margin_us,
        masked: stream.masks.masked().into_iter().collect(),
        inputs: inputs(&stream, end),
        tracks,
        segments,
    })
}

/// The row of segment K. `None` when it has left the window and nothing of it is kept.
fn row(slot: &Slot, track: &str, now: i64) -> Option<SegmentRow> {
    let (k, schedule) = (slot.k, slot.schedule);
    slot.track.with_copies(|all| {
        let outcome = all.outcome(k);
        if outcome.is_none() && all.of(k).is_empty() && schedule.is_gone(k, now) {
            return None;
        }
        let is_slate = |pipeline: &str| pipeline == SLATE;
        let published =
            outcome.map(|o| if is_slate(&o.pipeline) { Err(()) } else { Ok(o.published_us) });
        // Not fixed by its slate time: it can only be the slate, whether requested or not.
        let overdue =
            outcome.is_none() && schedule.newest_settled(now).is_some_and(|newest| k <= newest);
        let state = if overdue { schedule::State::Slate } else { schedule.state(k, published) };
        Some(SegmentRow {
            track: track.to_owned(),
            k,
            state,
            pipeline: outcome.map(|o| o.pipeline.to_string()).or(overdue.then(|| SLATE.to_owned())),
            published_at: outcome
                .map(|o| o.published_us)
                .or(overdue.then(|| schedule.grid.slate_us(k))),
            due: schedule.due_us(k),
            bytes: outcome.map_or(0, |o| o.bytes),
            copies: copies(all, slot.masks.order(), &schedule, k, now),
        })
    })
}

/// The expected pipelines' copies, then those of others that sent something.
fn copies(all: &Copies, order: &[String], schedule: &Schedule, k: u64, now: i64) -> Vec<CopyRow> {
    let here = all.of(k);
    let absent = |name: &String| CopyRow {
        pipeline: name.clone(),
        arrived_at: None,
        state: match now < schedule.grid.slate_us(k) {
            true => CopyState::Pending,
            false => CopyState::Missing,
        },
        why: None,
        bytes: 0,
        frames: 0,
        input_hash: None,
    };
    let due = schedule.due_us(k);
    let expected = order.iter().map(|name| {
        let copy = here.iter().find(|copy| copy.pipeline == *name);
        copy.map_or_else(|| absent(name), |copy| present(copy, due))
    });
    let others = here.iter().filter(|copy| !order.contains(&copy.pipeline));
    expected.chain(others.map(|copy| present(copy, due))).collect()
}

fn present(copy: &Copy, due: i64) -> CopyRow {
    let state = match &copy.defect {
        Some(defect) if defect.kind == "frozen" => CopyState::Frozen,
        Some(_) => CopyState::Defective,
        None if copy.arrived_us <= due => CopyState::OnTime,
        None => CopyState::Late,
    };
    CopyRow {
        pipeline: copy.pipeline.clone(),
        arrived_at: Some(copy.arrived_us),
        state,
        why: copy.defect.as_ref().map(|defect| defect.why.clone()),
        bytes: copy.bytes,
        frames: copy.frames,
        input_hash: copy.input_hash.map(|hash| format!("{hash:016x}")),
    }
}

fn inputs(stream: &Stream, end: u64) -> Vec<Inputs> {
    let order = stream.masks.order();
    let Some((first, others)) = order.split_first() else { return Vec::new() };
    let oldest = end.saturating_sub(REMEMBERED);
    let compared = |other: &String| {
        let each = stream.tracks().into_iter();
        let each = each.map(|track| track.with_copies(|all| all.compared(first, other, oldest)));
        let (compared, equal) = each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        Inputs { pipeline: other.clone(), like: first.clone(), compared, equal }
    };
    others.iter().map(compared).collect()
}
