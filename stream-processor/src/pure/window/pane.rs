//! One pane of one cell.

use serde::{Deserialize, Serialize};
use tallylight_schemas::rows::Measures;
use tallylight_schemas::sketch::{Bin, Sketch};

/// The states in which video is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Watching {
    /// Asked to play, no frame yet.
    Starting,
    /// Frames are shown.
    Playing,
    /// The buffer ran empty.
    Rebuffering,
    /// The viewer is seeking.
    Seeking,
}

/// What a session adds to gauges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// `None`: not a viewer (paused, preloading, ended).
    pub state: Option<Watching>,
    /// Bitrate while playing; 0 when unknown or not playing.
    pub kbps: i32,
    /// The state is derived from requests.
    pub derived: bool,
}

/// Sessions by state, playing sessions of known bitrate, Σ their kbps, and sessions whose state is
/// derived.
pub(super) type Gauge = [i64; 7];
const STATES: usize = 4;
const KNOWN: usize = 4;
const KBPS: usize = 5;
const DERIVED: usize = 6;

impl Presence {
    pub(super) fn gauge(self) -> Gauge {
        let mut gauge = Gauge::default();
        if let Some(state) = self.state {
            gauge[state as usize] = 1;
            gauge[DERIVED] = i64::from(self.derived);
        }
        if self.kbps > 0 {
            gauge[KNOWN] = 1;
            gauge[KBPS] = i64::from(self.kbps);
        }
        gauge
    }
}

/// What happened at one moment of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// An attempt began.
    pub attempt: bool,
    /// The first frame was shown.
    pub start: bool,
    /// The attempt failed.
    pub start_failure: bool,
    /// The attempt was given up.
    pub exit: bool,
    /// The playback failed.
    pub failure: bool,
    /// The session ended.
    pub end: bool,
    /// A rebuffer began.
    pub rebuffer: bool,
    /// The rebuffer is an adaptation failure: the rung was above the throughput.
    pub adaptation_failure: bool,
    /// A record was accepted.
    pub event: bool,
    /// Records found missing or, if negative, that arrived after all.
    pub lost: i32,
    /// Startup time, of the record with the first frame, ms.
    pub startup_ms: Option<i32>,
    /// Live latency reported while playing, ms.
    pub latency_ms: Option<i32>,
}

/// What [`Counts`] add to a pane: computed once for the cells of all cuboids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    measures: Measures,
    /// Whether they only count accepted records, as nearly always.
    events_only: bool,
    startup: Option<Bin>,
    latency: Option<Bin>,
    is_heard: bool,
}

impl Sums {
    /// The latency, if they only have that and one accepted record.
    pub(super) fn as_plain(&self) -> Option<Option<i16>> {
        if !self.events_only || self.measures.events != 1 || self.startup.is_some() {
            return None;
        }
        match self.latency {
            None => Some(None),
            Some(bin) if bin.n == 1 => i16::try_from(bin.i).ok().map(Some),
            Some(_) => None,
        }
    }

    /// Whether they include a record that had not arrived before.
    pub(super) fn is_heard(&self) -> bool {
        self.is_heard
    }
}

impl Counts {
    /// To be added (`sign` 1) or undone (−1); facts that had arrived before are only reordered.
    pub(super) fn sums(&self, sign: i64, heard_before: bool) -> Sums {
        let one = |happened: bool| i64::from(happened) * sign;
        let bin = |ms: Option<i32>| ms.map(|ms| Bin::of(i64::from(ms), sign));
        let measures = Measures {
            attempts: one(self.attempt),
            starts: one(self.start),
            start_failures: one(self.start_failure),
            exits_before_start: one(self.exit),
            failures: one(self.failure),
            ends: one(self.end),
            rebuffer_count: one(self.rebuffer),
            adaptation_failures: one(self.adaptation_failure),
            events: one(self.event),
            lost_events: i64::from(self.lost) * sign,
            ..Measures::default()
        };
        let events_only = Measures { events: 0, ..measures } == Measures::default();
        let is_heard = self.event && sign > 0 && !heard_before;
        let (startup, latency) = (bin(self.startup_ms), bin(self.latency_ms));
        Sums { measures, events_only, startup, latency, is_heard }
    }
}

/// The changes in one pane.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Delta {
    /// Enters minus leaves.
    pub(super) net: Gauge,
    /// Σ ±(pane end − t), ms (and kbps·ms).
    partial: Gauge,
    counts: Measures,
    startup: Sketch,
    latency: Sketch,
}

impl Delta {
    /// Adds this many records and the latencies in them.
    pub(super) fn add(&mut self, events: u32, latencies: impl Iterator<Item = Bin>) {
        self.counts.events += i64::from(events);
        latencies.for_each(|bin| self.latency.add_bin(bin));
    }

    /// Adds what another cell had in the same pane.
    pub(super) fn merge(&mut self, other: &Self) {
        for i in 0..self.net.len() {
            self.net[i] += other.net[i];
            self.partial[i] += other.partial[i];
        }
        self.counts.add(&other.counts, 1);
        self.startup.merge(&other.startup, 1);
        self.latency.merge(&other.latency, 1);
    }

    pub(super) fn step(&mut self, weight: &Gauge, left_ms: i64) {
        for (i, w) in weight.iter().enumerate() {
            self.net[i] += w;
            self.partial[i] += w * left_ms;
        }
    }

    pub(super) fn count(&mut self, sums: &Sums) {
        if sums.events_only {
            self.counts.events += sums.measures.events;
        } else {
            self.counts.add(&sums.measures, 1);
        }
        if let Some(bin) = sums.startup {
            self.startup.add_bin(bin);
        }
        if let Some(bin) = sums.latency {
            self.latency.add_bin(bin);
        }
    }
}

/// The value of a pane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) measures: Measures,
    pub(super) startup: Sketch,
    pub(super) latency: Sketch,
}

impl Value {
    /// Sums of a pane of `width_ms` that began with `gauge`.
    pub(super) fn of(gauge: &Gauge, delta: Option<&Delta>, width_ms: i64) -> Self {
        let mut value = Self::default();
        let mut time = gauge.map(|sessions| sessions * width_ms);
        let mut at_end = *gauge;
        if let Some(delta) = delta {
            value.measures = delta.counts;
            value.startup.clone_from(&delta.startup);
            value.latency.clone_from(&delta.latency);
            for i in 0..time.len() {
                time[i] += delta.partial[i];
                at_end[i] += delta.net[i];
            }
        }
        let sums = &mut value.measures;
        sums.viewers = at_end[..STATES].iter().sum();
        sums.derived_viewers = at_end[DERIVED];
        sums.starting_ms = time[Watching::Starting as usize];
        sums.playing_ms = time[Watching::Playing as usize];
        sums.rebuffering_ms = time[Watching::Rebuffering as usize];
        sums.seeking_ms = time[Watching::Seeking as usize];
        sums.bitrate_ms = time[KNOWN];
        sums.bitrate_kbps_ms = time[KBPS];
        value
    }

    /// A fingerprint for detecting changes; 0 for an empty pane.
    pub(super) fn fingerprint(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        if *self == Self::default() {
            return 0;
        }
        // `new` has fixed keys: the same in every replay.
        let mut hasher = DefaultHasher::new();
        self.measures.hash(&mut hasher);
        for sketch in [&self.startup, &self.latency] {
            sketch.bins().len().hash(&mut hasher);
            sketch.bins().iter().for_each(|bin| (bin.i, bin.n).hash(&mut hasher));
        }
        hasher.finish().max(1)
    }
}
