//! The messages of the feed, as JSON.

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use serde_json::Value;
use tallylight_schemas::control::{ActionRow, IncidentRow, view};
use tallylight_schemas::metrics::{self, Metric};
use tallylight_schemas::rows::{Cuboid, DeliveryRow, Dimension, FatesRow, PlaybackRow};
use tallylight_store::live::{Summed, Tables};

use super::hub::MAX_ROWS;
use super::json::{DeliveryJson, FatesJson, PlaybackJson};
use crate::sql::metric_sql;

/// Version of the message format.
const VERSION: u32 = 1;

/// A message as text. One that cannot be serialized becomes an empty object: the connection stays.
pub(super) fn text(message: &impl Serialize) -> Utf8Bytes {
    match serde_json::to_string(message) {
        Ok(text) => text.into(),
        Err(error) => {
            tracing::error!(%error, "a feed message could not be written");
            Utf8Bytes::from_static("{}")
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "hello")]
pub(super) struct Hello<'a> {
    version: u32,
    now: i64,
    session: &'a str,
    resumed: bool,
    metrics: &'static [Metric],
    cuboids: Vec<CuboidJson>,
    minimum_sample: i64,
}

impl<'a> Hello<'a> {
    pub(super) fn new(now: i64, session: &'a str, resumed: bool) -> Self {
        Self {
            version: VERSION,
            now,
            session,
            resumed,
            metrics: metrics::ALL,
            cuboids: Cuboid::ALL.into_iter().map(CuboidJson::from).collect(),
            minimum_sample: metrics::MINIMUM_SAMPLE,
        }
    }
}

#[derive(Debug, Serialize)]
struct CuboidJson {
    name: Cuboid,
    width_s: u32,
    dimensions: &'static [Dimension],
}

impl From<Cuboid> for CuboidJson {
    fn from(name: Cuboid) -> Self {
        Self { name, width_s: name.width_s(), dimensions: name.dimensions() }
    }
}

/// The answer of `GET /v1/metrics`.
pub(super) fn definitions() -> impl Serialize {
    #[derive(Serialize)]
    struct Definitions {
        version: u32,
        minimum_sample: i64,
        metrics: Vec<WithSql>,
    }
    #[derive(Serialize)]
    struct WithSql {
        #[serde(flatten)]
        metric: &'static Metric,
        /// The metric over rows of table `playback`.
        sql: String,
    }
    let with_sql = |metric| WithSql { metric, sql: metric_sql(metric) };
    Definitions {
        version: metrics::VERSION,
        minimum_sample: metrics::MINIMUM_SAMPLE,
        metrics: metrics::ALL.iter().map(with_sql).collect(),
    }
}

/// What a `rows` message belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowsKind {
    /// A snapshot; `more`: further parts of it follow.
    Snapshot { more: bool },
    /// A change.
    Delta,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "rows")]
pub(super) struct RowsMessage<'a> {
    seq: u64,
    at: i64,
    #[serde(skip_serializing_if = "is_false")]
    snapshot: bool,
    #[serde(skip_serializing_if = "is_false")]
    more: bool,
    playback: Vec<PlaybackJson<'a>>,
    delivery: Vec<DeliveryJson<'a>>,
    fates: Vec<FatesJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    incidents: Vec<Value>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A part of the tables that fits in one message.
#[derive(Debug)]
pub(super) struct Piece<'a> {
    playback: &'a [Summed<PlaybackRow>],
    delivery: &'a [Summed<DeliveryRow>],
    fates: &'a [Summed<FatesRow>],
    actions: &'a [ActionRow],
    incidents: &'a [IncidentRow],
}

/// Cuts tables into pieces of at most `max` rows; at least one piece, which may be empty.
pub(super) fn pieces(tables: &Tables, max: usize) -> Vec<Piece<'_>> {
    let (mut playback, mut delivery, mut fates) =
        (&tables.playback[..], &tables.delivery[..], &tables.fates[..]);
    let (mut actions, mut incidents) = (&tables.actions[..], &tables.incidents[..]);
    let mut pieces = Vec::new();
    loop {
        let mut left = max.max(1);
        let piece = Piece {
            playback: take(&mut playback, &mut left),
            delivery: take(&mut delivery, &mut left),
            fates: take(&mut fates, &mut left),
            actions: take(&mut actions, &mut left),
            incidents: take(&mut incidents, &mut left),
        };
        pieces.push(piece);
        let rows = playback.is_empty() && delivery.is_empty() && fates.is_empty();
        if rows && actions.is_empty() && incidents.is_empty() {
            return pieces;
        }
    }
}

/// A part of a snapshot as messages, each built when it is sent; `more`: further parts follow.
pub(super) fn snapshot(
    tables: &Tables,
    (seq, at): (u64, i64),
    more: bool,
) -> impl Iterator<Item = Utf8Bytes> {
    let pieces = pieces(tables, MAX_ROWS);
    let last = pieces.len() - 1;
    let messages = pieces.into_iter().enumerate();
    messages.map(move |(n, piece)| {
        piece.message(seq, at, RowsKind::Snapshot { more: more || n < last })
    })
}

fn take<'a, T>(from: &mut &'a [T], left: &mut usize) -> &'a [T] {
    let (taken, rest) = from.split_at(from.len().min(*left));
    *from = rest;
    *left -= taken.len();
    taken
}

impl Piece<'_> {
    /// The piece as a message. A snapshot's `seq` counts only once the client has all of it.
    pub(super) fn message(&self, seq: u64, at: i64, kind: RowsKind) -> Utf8Bytes {
        let more = kind == RowsKind::Snapshot { more: true };
        text(&RowsMessage {
            seq: if more { 0 } else { seq },
            at,
            snapshot: kind != RowsKind::Delta,
            more,
            playback: self.playback.iter().map(PlaybackJson::from).collect(),
            delivery: self.delivery.iter().map(DeliveryJson::from).collect(),
            fates: self.fates.iter().map(FatesJson::from).collect(),
            actions: self.actions.iter().map(view::action).collect(),
            incidents: self.incidents.iter().map(view::incident).collect(),
        })
    }
}
