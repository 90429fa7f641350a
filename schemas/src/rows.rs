//! Output of the windows. A row holds the absolute value so far of one pane and cell in one
//! partition; its `version` is the log position that it covers. Readers keep the highest version
//! per key and sum over partitions, so a replay overwrites and never adds (ADR 3).

mod cuboid;
mod measures;
mod topic;

use serde::{Deserialize, Serialize};

pub use cuboid::{Cell, Cuboid, Dimension, OTHER};
pub use measures::Measures;
pub use topic::{DecodeError, RowsPart, TopicRows};

use crate::fates::{Fate, Reason};
use crate::sketch::Sketch;

/// Playback in one pane and cell of one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaybackRow {
    /// Tenant whose viewers they are.
    pub tenant: String,
    /// Partition of the events log.
    pub partition: u16,
    /// Start of the pane, Unix µs.
    pub pane: i64,
    /// Width of the pane, seconds.
    pub width_s: u32,
    /// The breakdown.
    pub cuboid: Cuboid,
    /// The cell of that breakdown.
    pub cell: Cell,
    /// The sums.
    pub measures: Measures,
    /// Startup times that ended in the pane, ms.
    pub startup_sketch: Sketch,
    /// Live latencies reported in the pane, ms.
    pub latency_sketch: Sketch,
    /// No later event can change the row.
    pub r#final: bool,
    /// Log position that the row covers: every event before it is counted.
    pub version: u64,
    /// Version of the metric definitions ([`crate::metrics::VERSION`]).
    pub metrics_version: u32,
}

impl PlaybackRow {
    /// Merges another row of the same pane and cell, or (`sign` −1) subtracts it again.
    pub fn merge(&mut self, other: &Self, sign: i64) {
        self.measures.add(&other.measures, sign);
        self.startup_sketch.merge(&other.startup_sketch, sign);
        self.latency_sketch.merge(&other.latency_sketch, sign);
    }

    /// The row as its contribution to the enclosing pane of `width_s`. `viewers` and
    /// `derived_viewers` are counts at the pane's end, so only the last row contributes them.
    pub fn widened(&self, width_s: u32) -> Self {
        let (pane, is_last) = widen(self.pane, self.width_s, width_s);
        let mut row = Self { pane, width_s, ..self.clone() };
        row.measures.viewers *= i64::from(is_last);
        row.measures.derived_viewers *= i64::from(is_last);
        row
    }

    /// Whether all its values are zero.
    pub fn is_nothing(&self) -> bool {
        self.measures == Measures::default()
            && self.startup_sketch.is_empty()
            && self.latency_sketch.is_empty()
    }
}

/// The pane of `to_s` seconds that encloses one of `from_s`, and whether both end together.
fn widen(pane: i64, from_s: u32, to_s: u32) -> (i64, bool) {
    let (from, to) = (i64::from(from_s) * 1_000_000, i64::from(to_s) * 1_000_000);
    let wide = pane.div_euclid(to).saturating_mul(to);
    (wide, pane.saturating_add(from) == wide.saturating_add(to))
}

/// Identifies a delivery row within its pane.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeliveryKey {
    /// Tenant whose stream it is.
    pub tenant: String,
    /// Kind of service that reported.
    pub service: String,
    /// Edge name, if an edge reported.
    pub edge: Option<String>,
    /// Pipeline that produced the copy.
    pub pipeline: Option<String>,
    /// Stream name.
    pub stream: String,
    /// Track name.
    pub track: String,
    /// Segment number.
    pub k: Option<u64>,
    /// `put`, `get`, `choice` or `load`.
    pub action: String,
}

/// Delivery in one pane and cell of one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// Tenant whose stream it is.
    pub tenant: String,
    /// Partition of the events log.
    pub partition: u16,
    /// Start of the pane, Unix µs.
    pub pane: i64,
    /// Width of the pane, seconds.
    pub width_s: u32,
    /// `edge`, `origin`, `packager` or `steering`.
    pub service: String,
    /// Edge name, if an edge reported.
    pub edge: Option<String>,
    /// Pipeline that produced the copy.
    pub pipeline: Option<String>,
    /// Stream name.
    #[serde(default)]
    pub stream: String,
    /// Track name.
    pub track: String,
    /// Segment number; absent in minute and hour rows, and where there is none.
    #[serde(default)]
    pub k: Option<u64>,
    /// `put`, `get`, `choice` or `load`.
    pub action: String,
    /// Requests, or choices.
    pub requests: i64,
    /// Body bytes.
    pub bytes: i64,
    /// Responses of 400 and above.
    pub errors: i64,
    /// Responses of 200 to 299.
    #[serde(default)]
    pub ok: i64,
    /// Responses of 300 to 399.
    #[serde(default)]
    pub redirects: i64,
    /// Responses of 500 and above, included in `errors`.
    #[serde(default)]
    pub server_errors: i64,
    /// Served from cache, or by joining a fetch in progress.
    pub hits: i64,
    /// Time held for the schedule, ms, summed.
    pub held_ms: i64,
    /// Time to first byte excluding the hold, ms.
    pub ttfb_sketch: Sketch,
    /// Time held for the schedule, ms, of the requests that were held.
    #[serde(default)]
    pub held_sketch: Sketch,
    /// No later event can change the row.
    pub r#final: bool,
    /// Log position that the row covers.
    pub version: u64,
}

impl DeliveryRow {
    /// Its key within the pane.
    pub fn key(&self) -> DeliveryKey {
        DeliveryKey {
            tenant: self.tenant.clone(),
            service: self.service.clone(),
            edge: self.edge.clone(),
            pipeline: self.pipeline.clone(),
            stream: self.stream.clone(),
            track: self.track.clone(),
            k: self.k,
            action: self.action.clone(),
        }
    }

    /// Merges another row of the same pane and key, or (`sign` −1) subtracts it again. Sums
    /// saturate: older logs may hold numbers that the collector no longer accepts.
    pub fn merge(&mut self, other: &Self, sign: i64) {
        let numbers = [
            (&mut self.requests, other.requests),
            (&mut self.bytes, other.bytes),
            (&mut self.errors, other.errors),
            (&mut self.ok, other.ok),
            (&mut self.redirects, other.redirects),
            (&mut self.server_errors, other.server_errors),
            (&mut self.hits, other.hits),
            (&mut self.held_ms, other.held_ms),
        ];
        for (sum, more) in numbers {
            *sum = sum.saturating_add(sign.saturating_mul(more));
        }
        self.ttfb_sketch.merge(&other.ttfb_sketch, sign);
        self.held_sketch.merge(&other.held_sketch, sign);
    }

    /// The row as its contribution to the enclosing pane of `width_s`. Wider panes do not
    /// distinguish segments: an hour has thousands.
    pub fn widened(&self, width_s: u32) -> Self {
        Self { pane: widen(self.pane, self.width_s, width_s).0, width_s, k: None, ..self.clone() }
    }
}

/// Records of one second of log time by fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FatesRow {
    /// Start of the second of log time, Unix µs.
    pub pane: i64,
    /// Partition of the events log.
    pub partition: u16,
    /// Tenant whose records they are.
    pub tenant: String,
    /// The source that received them.
    pub source: String,
    /// Their fate.
    pub fate: Fate,
    /// Why, if they were rejected or shed.
    pub reason: Reason,
    /// How many.
    pub events: u64,
    /// Log position that the row covers.
    pub version: u64,
    /// How many records the collector counted with this fate. Over all fates of a tenant, source
    /// and second this adds up to the records received, and `events` to the records with a final
    /// fate: a difference means unaccounted records. Absent in rows older than this count.
    #[serde(default)]
    pub door: Option<u64>,
}

/// Progress of a partition. A sum that lacks a partition is partial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRow {
    /// Partition of the events log.
    pub partition: u16,
    /// Number of partitions.
    pub partitions: u16,
    /// Next log offset to read: everything before it is included in the rows.
    pub offset: u64,
    /// Log time, Unix µs.
    pub log_time: i64,
    /// Panes that end at or before this are final, Unix µs.
    pub final_up_to: i64,
    /// Sessions held in memory.
    pub sessions: u64,
    /// Records missing so far, by sequence number.
    pub lost_events: u64,
    /// Log entries that were damaged or dropped before they could be read.
    pub lost_entries: u64,
}
