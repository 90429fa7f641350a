//! What the windows produce. A row holds the absolute value so far of one pane and cell in
//! one partition; its `version` is the log position it covers. Readers keep the highest
//! version per key and sum over partitions, so replay overwrites and never adds (ADR 3).

mod cuboid;

use serde::{Deserialize, Serialize};

pub use cuboid::{Cell, Cuboid};

use crate::fates::{Fate, Reason};
use crate::sketch::Sketch;

macro_rules! measures {
    ($($(#[doc = $doc:literal])* $(#[serde($serde:ident)])? $name:ident,)*) => {
        /// The whole numbers of a playback row. All of them add across partitions and cells.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Measures { $($(#[doc = $doc])* $(#[serde($serde)])? pub $name: i64,)* }

        impl Measures {
            /// Names of the measures, as metric formulas use them.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// What each of them means, in the same order.
            pub const ABOUT: &'static [&'static str] = &[$(concat!($($doc),*).trim_ascii()),*];

            /// Adds `sign` times every measure of `other`.
            pub fn add(&mut self, other: &Self, sign: i64) { $(self.$name += sign * other.$name;)* }

            /// Sets the measure of that name, if there is one.
            pub fn set(&mut self, name: &str, value: i64) {
                match name { $(stringify!($name) => self.$name = value,)* _ => {} }
            }

            /// The measure of that name.
            pub fn get(&self, name: &str) -> Option<i64> {
                match name { $(stringify!($name) => Some(self.$name),)* _ => None }
            }
        }
    };
}

measures! {
    /// Sessions starting, playing, rebuffering or seeking at the end of the pane.
    viewers,
    /// Playback attempts that began in the pane.
    attempts,
    /// First frames shown.
    starts,
    /// Attempts that ended in an error before a first frame.
    start_failures,
    /// Attempts given up before a first frame after waiting at least 1 s, without an error.
    exits_before_start,
    /// Errors that ended a playback after its first frame.
    failures,
    /// Sessions that ended in the pane, however they ended.
    ends,
    /// Time spent starting, ms.
    starting_ms,
    /// Time spent playing, ms.
    playing_ms,
    /// Time spent rebuffering after the first frame, ms.
    rebuffering_ms,
    /// Time spent seeking, ms.
    seeking_ms,
    /// Rebuffers that began in the pane.
    rebuffer_count,
    /// Rebuffers among them that began after the player had stayed above what its line carried
    /// (see metric `adaptation_failures`). Absent in rows from before it was counted.
    #[serde(default)]
    adaptation_failures,
    /// Σ bitrate × playing time, kbps·ms.
    bitrate_kbps_ms,
    /// Playing time of known bitrate, ms.
    bitrate_ms,
    /// Records accepted into the pane.
    events,
    /// Records missing by sequence number, counted where the gap was seen.
    lost_events,
}

/// Playback in one pane and cell of one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaybackRow {
    /// Whose viewers.
    pub tenant: String,
    /// Partition of the events log.
    pub partition: u16,
    /// Start of the pane, Unix µs.
    pub pane: i64,
    /// Width of the pane, seconds.
    pub width_s: u32,
    /// Which breakdown.
    pub cuboid: Cuboid,
    /// Which cell of it.
    pub cell: Cell,
    /// The sums.
    pub measures: Measures,
    /// Startup times that ended in the pane, ms.
    pub startup_sketch: Sketch,
    /// Live latencies reported in the pane, ms.
    pub latency_sketch: Sketch,
    /// No later event can change it.
    pub r#final: bool,
    /// Log position it covers: every event before it is counted.
    pub version: u64,
    /// Version of the metric definitions ([`crate::metrics::VERSION`]).
    pub metrics_version: u32,
}

impl PlaybackRow {
    /// Merges another row of the same pane and cell, or (`sign` −1) takes it out again.
    pub fn merge(&mut self, other: &Self, sign: i64) {
        self.measures.add(&other.measures, sign);
        self.startup_sketch.merge(&other.startup_sketch, sign);
        self.latency_sketch.merge(&other.latency_sketch, sign);
    }
}

/// Delivery in one pane and cell of one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// Whose stream.
    pub tenant: String,
    /// Partition of the events log.
    pub partition: u16,
    /// Start of the pane, Unix µs.
    pub pane: i64,
    /// Width of the pane, seconds.
    pub width_s: u32,
    /// `edge`, `origin`, `packager` or `steering`.
    pub service: String,
    /// Edge name, when an edge reported.
    pub edge: Option<String>,
    /// Whose copy.
    pub pipeline: Option<String>,
    /// Track name.
    pub track: String,
    /// `put`, `get` or `choice`.
    pub action: String,
    /// Requests, or choices.
    pub requests: i64,
    /// Body bytes.
    pub bytes: i64,
    /// Answers of 400 and above.
    pub errors: i64,
    /// Served from cache.
    pub hits: i64,
    /// Held for the schedule, ms.
    pub held_ms: i64,
    /// Time to first byte net of hold, ms.
    pub ttfb_sketch: Sketch,
    /// No later event can change it.
    pub r#final: bool,
    /// Log position it covers.
    pub version: u64,
}

impl DeliveryRow {
    /// Merges another row of the same pane and key, or (`sign` −1) takes it out again.
    pub fn merge(&mut self, other: &Self, sign: i64) {
        self.requests += sign * other.requests;
        self.bytes += sign * other.bytes;
        self.errors += sign * other.errors;
        self.hits += sign * other.hits;
        self.held_ms += sign * other.held_ms;
        self.ttfb_sketch.merge(&other.ttfb_sketch, sign);
    }
}

/// Records of one second of log time by what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FatesRow {
    /// Start of the second of log time, Unix µs.
    pub pane: i64,
    /// Partition of the events log.
    pub partition: u16,
    /// Whose records.
    pub tenant: String,
    /// Where they came in.
    pub source: String,
    /// What became of them.
    pub fate: Fate,
    /// Why.
    pub reason: Reason,
    /// How many.
    pub events: u64,
    /// Log position it covers.
    pub version: u64,
    /// How many the door counted with this fate. Over all fates of a tenant, source and second
    /// it adds up to what was received, `events` to what came to an end: a difference is a
    /// record that nobody can account for. Absent in rows from before it was counted.
    #[serde(default)]
    pub door: Option<u64>,
}

/// How far a partition is. A sum without all partitions is partial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRow {
    /// Partition of the events log.
    pub partition: u16,
    /// Partitions there are.
    pub partitions: u16,
    /// Next log offset to read: everything before it is in the rows.
    pub offset: u64,
    /// Log time, Unix µs.
    pub log_time: i64,
    /// Panes that end at or before this are final, Unix µs.
    pub final_up_to: i64,
    /// Sessions held in memory.
    pub sessions: u64,
    /// Records missing by sequence number so far.
    pub lost_events: u64,
    /// Log entries that were damaged or dropped before they could be read.
    pub lost_entries: u64,
}
