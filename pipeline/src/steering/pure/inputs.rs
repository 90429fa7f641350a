//! What steering is told: the feed's rows of the last minute, the prober's findings, the edges'
//! own loads, the origin's page of segments. No state of a fault switch is among it.

use std::collections::BTreeMap;

use crate::origin::CopyState;

/// Everything known at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// How whole and how old the rows are.
    pub feed: Feed,
    /// By name.
    pub edges: BTreeMap<String, Edge>,
    /// The prober's requests to the origin itself, oldest first.
    pub origin: Vec<Probe>,
    /// By name.
    pub pipelines: BTreeMap<String, Pipeline>,
    /// By name, from the rows of the last half minute.
    pub devices: BTreeMap<String, Device>,
    /// What a viewer at the top rung takes, kbps; nobody takes more. 0 is unknown.
    pub top_kbps: u64,
    /// Whether manifests name low pathways to keep viewers on.
    pub low: bool,
    /// The places of the sessions that asked lately, by home, ascending.
    pub places: BTreeMap<String, Vec<u32>>,
    /// Sessions that each of these places stands for: of very many not all are remembered.
    pub stands_for: f64,
    /// How many sessions that asked lately are sent to each edge.
    pub sent: BTreeMap<String, i64>,
    /// Who changed the edge lately, oldest first.
    pub moves: Vec<Moves>,
}

/// Sessions that changed the edge within one second, as their players say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moves {
    /// The second in which they said so, Unix ms.
    pub at: i64,
    /// The edge they left.
    pub from: String,
    /// The edge they use now.
    pub to: String,
    /// They had been told to; else it was their own failover.
    pub steered: bool,
    /// How many.
    pub sessions: i64,
}

/// How far the rows can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feed {
    /// A connection to the dashboard's feed is open.
    pub connected: bool,
    /// Age of the newest row of the slowest partition, ms; `None` when never heard of.
    pub age_ms: Option<i64>,
    /// Every partition reports, and nothing is being replayed.
    pub complete: bool,
}

/// One edge.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edge {
    /// The prober's newest requests, oldest first.
    pub probes: Vec<Probe>,
    /// The last minute of its own rows and its viewers', a second each, oldest first.
    pub seconds: Vec<Second>,
    /// What it says it carries; `None` when it does not answer.
    pub load: Option<Load>,
}

/// One request of the prober.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// When it was sent, Unix ms.
    pub at: i64,
    /// What came of it.
    pub result: Found,
}

/// What came of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The first byte came after so many ms, less the time held for the schedule.
    Byte(i64),
    /// An error was answered.
    Error(u16),
    /// Nothing has come for so many ms.
    Waiting(i64),
    /// No connection, or it broke off.
    Nothing,
}

/// One second of an edge.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Second {
    /// Its start, Unix s.
    pub at: i64,
    /// Requests answered.
    pub requests: i64,
    /// Answers of 500 and above: what a client asks for in error says nothing of the edge.
    pub errors: i64,
    /// Nine of ten first bytes came within, ms, less the time held.
    pub p90_ms: Option<f64>,
    /// Viewers whose newest request it served.
    pub viewers: i64,
    /// Their time stalled, ms.
    pub rebuffering_ms: i64,
    /// Their time in all, ms.
    pub watched_ms: i64,
}

/// What an edge carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Nominal, kbps.
    pub capacity_kbps: u64,
    /// Reserved by sessions, kbps.
    pub reserved_kbps: u64,
    /// Sessions.
    pub sessions: i64,
}

impl Load {
    /// Whether hardly anything of its capacity is left.
    pub fn is_nearly_full(&self) -> bool {
        self.reserved_kbps * 100 >= self.capacity_kbps * 98
    }
}

/// One pipeline, as the origin sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pipeline {
    /// The origin was told to ignore it.
    pub masked: bool,
    /// Its newest closed segments, oldest first.
    pub copies: Vec<Copy>,
}

impl Pipeline {
    /// How many of its newest segments are bad, of the last so many.
    pub fn bad_of_last(&self, segments: usize) -> usize {
        self.copies.iter().rev().take(segments).filter(|copy| copy.bad.is_some()).count()
    }
}

/// One segment of a pipeline, over all tracks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// Segment number.
    pub k: u64,
    /// What is wrong with it, if anything is; one that is only late, or may still come, is not bad.
    pub bad: Option<CopyState>,
    /// Whether viewers got what is bad of it, in any track.
    pub bad_served: bool,
    /// Whether viewers got nobody's copy, in any track.
    pub slate: bool,
}

/// The viewers of one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Device {
    /// How many there are.
    pub viewers: i64,
    /// Rebuffers after their players had stayed at a bitrate above what their line carried.
    pub adaptation_failures: i64,
}

impl Probe {
    /// Whether an answer was given in time that is no error.
    pub fn is_good(&self, limit_ms: i64) -> bool {
        matches!(self.result, Found::Byte(ms) if ms <= limit_ms)
    }

    /// Whether it says nothing yet: waiting, and not for long.
    pub fn is_open(&self, limit_ms: i64) -> bool {
        matches!(self.result, Found::Waiting(ms) if ms <= limit_ms)
    }

    /// In words.
    pub fn words(&self) -> String {
        match self.result {
            Found::Byte(ms) => super::words::seconds(ms as f64),
            Found::Error(status) => format!("error {status}"),
            Found::Waiting(ms) => format!("nothing for {}", super::words::seconds(ms as f64)),
            Found::Nothing => "no connection".to_owned(),
        }
    }
}
