//! `/live/<stream>/segments.json`: how the last segments did, and every pipeline's copy of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tallylight_schemas::grid::Grid;

use super::copies::{Copies, Copy, REMEMBERED};
use super::place::Place;
use super::pure::schedule::{self, Schedule};
use super::stream::Stream;
use super::{Origin, SLATE};
use crate::serve::problem::{self, Problem};

/// Segments listed per track, unless `?last=` says otherwise.
const LISTED: u64 = 30;
/// Most segments listed: a quarter of an hour of the demo.
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
    /// Whether the encoders were fed the same, by pipeline, each against the first.
    #[serde(default)]
    pub inputs: Vec<Inputs>,
    /// Oldest first; for each K one row per track.
    pub segments: Vec<SegmentRow>,
}

/// How often a pipeline's input was the same as the first pipeline's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// Whose input.
    pub pipeline: String,
    /// What it is compared with.
    pub like: String,
    /// Segments of all tracks, of the last 1,000 numbers, of which both hashes are known.
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
    /// Whose copy; absent while pending.
    pub pipeline: Option<String>,
    /// When it became available; absent while pending.
    pub published_at: Option<i64>,
    /// When it was due.
    pub due: i64,
    /// Bytes of the stored copy.
    pub bytes: u64,
    /// What every pipeline sent, the preferred first.
    #[serde(default)]
    pub copies: Vec<CopyRow>,
}

impl SegmentRow {
    /// Whether an encoder's picture is served, and not the slate.
    pub fn has_picture(&self) -> bool {
        matches!(self.state, schedule::State::OnTime | schedule::State::Late)
    }
}

/// One pipeline's copy of a segment, served or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRow {
    /// Whose copy.
    pub pipeline: String,
    /// When it arrived.
    pub arrived_at: Option<i64>,
    /// How it did.
    pub state: CopyState,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Its bytes.
    pub bytes: u64,
    /// Its frames.
    pub frames: u32,
    /// Hash of what the encoder was fed, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_hash: Option<String>,
}

/// How a copy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyState {
    /// Here by its due time.
    OnTime,
    /// Here after its due time.
    Late,
    /// Something is wrong with it.
    Defective,
    /// Its picture stands still.
    Frozen,
    /// It never came.
    Missing,
    /// It may still come.
    Pending,
    /// What a later origin says: one row that is not understood must not cost the whole page.
    #[serde(other)]
    Other,
}

/// Answers the last segments up to the newest that is closed.
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

/// How many are asked for.
fn last(uri: &Uri) -> Result<u64, Problem> {
    let query = uri.query().unwrap_or("").as_bytes();
    let asked = url::form_urlencoded::parse(query).find(|(name, _)| name == "last");
    let Some((_, text)) = asked else { return Ok(LISTED) };
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
            let place = stream.place(ladder.clone(), &rung.name, k);
            segments.extend(place.and_then(|place| row(&place, &rung.name, now)));
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

/// How segment K did. `None` when it has left the window and nothing is remembered of it.
fn row(place: &Place, track: &str, now: i64) -> Option<SegmentRow> {
    let (k, schedule) = (place.k, place.schedule);
    place.track.look(|all| {
        let outcome = all.outcome(k);
        if outcome.is_none() && all.of(k).is_empty() && schedule.is_gone(k, now) {
            return None;
        }
        let is_slate = |pipeline: &str| pipeline == SLATE;
        let published =
            outcome.map(|o| if is_slate(&o.pipeline) { Err(()) } else { Ok(o.published_us) });
        // Unfixed past its slate time: it can only be the slate, asked for or not.
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
            copies: copies(all, place.masks.order(), &schedule, k, now),
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
        let each = each.map(|track| track.look(|all| all.compared(first, other, oldest)));
        let (compared, equal) = each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        Inputs { pipeline: other.clone(), like: first.clone(), compared, equal }
    };
    others.iter().map(compared).collect()
}
