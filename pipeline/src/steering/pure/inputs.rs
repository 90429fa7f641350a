//! The inputs of steering: the feed's rows of the last minute, the prober's findings, the edges'
//! own loads, and the origin's page of segments. The state of fault switches is not among them.

use std::collections::BTreeMap;

use crate::origin::CopyState;

/// Everything known at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// How complete and how old the rows are.
    pub feed: Feed,
    /// By name.
    pub edges: BTreeMap<String, Edge>,
    /// The prober's requests to the origin itself, oldest first.
    pub origin: Vec<Probe>,
    /// Whether the origin's page of segments was read when it was last requested.
    pub origin_answers: bool,
    /// By name.
    pub pipelines: BTreeMap<String, Pipeline>,
    /// By name, from the rows of the last half minute.
    pub devices: BTreeMap<String, Device>,
    /// The bitrate of a viewer on the top rung of any stream, kbps, which is the most that a viewer
    /// takes; 0 if unknown.
    pub top_kbps: u64,
    /// Whether manifests name low pathways on which viewers can be kept.
    pub low: bool,
    /// The places of the sessions seen lately, by home, ascending.
    pub places: BTreeMap<String, Vec<u32>>,
    /// Sessions that each of these places stands for: with very many, not all are remembered.
    pub stands_for: f64,
    /// How many of the sessions seen lately are sent to each edge.
    pub sent: BTreeMap<String, i64>,
    /// The recent changes of edge, oldest first.
    pub moves: Vec<Moves>,
}

impl Inputs {
    /// The load of an edge, if it is known.
    pub fn load(&self, edge: &str) -> Option<Load> {
        self.edges.get(edge)?.load
    }

    /// Sessions on an edge now; 0 if unknown.
    pub fn sessions_at(&self, edge: &str) -> i64 {
        self.load(edge).map_or(0, |load| load.sessions)
    }

    /// Sessions that are sent to an edge and are not there: they fled, or have yet to follow.
    pub fn missing_at(&self, edge: &str) -> i64 {
        (self.sent.get(edge).copied().unwrap_or(0) - self.sessions_at(edge)).max(0)
    }
}

/// Sessions that changed the edge within one second, as their players report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moves {
    /// The second in which they reported it, Unix ms.
    pub at: i64,
    /// The edge they left.
    pub from: String,
    /// The edge they use now.
    pub to: String,
    /// Whether steering sent them; if not, it was their own failover.
    pub steered: bool,
    /// How many.
    pub sessions: i64,
}

/// How far the rows can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feed {
    /// A connection to the dashboard's feed is open.
    pub connected: bool,
    /// Age of the newest row of the slowest partition, ms, or how far it is ahead of the clock;
    /// `None` if there never was one.
    pub age_ms: Option<i64>,
    /// Every partition reports, and nothing is being replayed.
    pub complete: bool,
}

/// One edge.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edge {
    /// The prober's newest requests, oldest first.
    pub probes: Vec<Probe>,
    /// The last minute of its own rows and its viewers', one entry per second, oldest first.
    pub seconds: Vec<Second>,
    /// The load that it reports; `None` if it does not answer.
    pub load: Option<Load>,
}

/// One request of the prober.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// When it was sent, Unix ms.
    pub at: i64,
    /// The outcome.
    pub result: Found,
}

/// The outcome of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The first byte came after this many ms, without the hold for the schedule.
    Byte(i64),
    /// The response was an error.
    Error(u16),
    /// No response for this many ms.
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
    /// Responses with status 500 and above: a client's faulty request says nothing about the edge.
    pub errors: i64,
    /// The 90th percentile of the time to first byte, ms, without the hold.
    pub p90_ms: Option<f64>,
    /// Viewers whose newest request it served.
    pub viewers: i64,
    /// Their stalled time, ms.
    pub rebuffering_ms: i64,
    /// Their total time, ms.
    pub watched_ms: i64,
}

/// The load of an edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Nominal, kbps.
    pub capacity_kbps: u64,
    /// Reserved by sessions, kbps.
    pub reserved_kbps: u64,
    /// Sessions.
    pub sessions: i64,
    /// It is what the sessions sent there would take: the edge itself reports none, and players
    /// that were just sent there are in it before they ask.
    pub reckoned: bool,
}

impl Load {
    /// Whether nearly all of its capacity is taken.
    pub fn is_nearly_full(&self) -> bool {
        self.reserved_kbps * 100 >= self.capacity_kbps * 98
    }
}

/// One pipeline, as the origin sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pipeline {
    /// The origin ignores it, as requested.
    pub masked: bool,
    /// Its newest closed segments, oldest first.
    pub copies: Vec<Copy>,
}

impl Pipeline {
    /// How many of its newest `segments` are bad.
    pub fn bad_of_last(&self, segments: usize) -> usize {
        self.copies.iter().rev().take(segments).filter(|copy| copy.bad.is_some()).count()
    }
}

/// One segment of a pipeline, over all tracks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// Segment number.
    pub k: u64,
    /// What is wrong with it, if anything; one that is only late, or may still arrive, is not bad.
    pub bad: Option<CopyState>,
    /// Whether viewers got a bad copy from it, in any track.
    pub bad_served: bool,
    /// Whether viewers got no copy at all, in any track.
    pub slate: bool,
}

/// The viewers of one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Device {
    /// How many there are.
    pub viewers: i64,
    /// Rebuffers after their players had stayed at a bitrate above their throughput.
    pub adaptation_failures: i64,
}

impl Probe {
    /// Whether a successful response came in time.
    pub fn is_good(&self, limit_ms: i64) -> bool {
        matches!(self.result, Found::Byte(ms) if ms <= limit_ms)
    }

    /// Whether it is still undecided: waiting, and not for long.
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
