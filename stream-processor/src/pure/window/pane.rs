//! What is kept of one pane of one cell.

use serde::{Deserialize, Serialize};
use tallylight_schemas::rows::Measures;
use tallylight_schemas::sketch::Sketch;

/// The states in which somebody wants to see video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[repr(usize)]
pub enum Watching {
    /// Told to play, no frame yet.
    Starting,
    /// Frames are shown.
    Playing,
    /// The buffer ran empty.
    Rebuffering,
    /// The viewer jumped.
    Seeking,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// `None`: not there (paused, preloading, ended).
    pub state: Option<Watching>,
    /// Bitrate while playing; 0 when unknown or not playing.
    pub kbps: i32,
}

/// Sessions by state, playing sessions of known bitrate, and Σ their kbps.
pub(super) type Gauge = [i64; 6];
const STATES: usize = 4;
const KNOWN: usize = 4;
const KBPS: usize = 5;

impl Presence {
    pub(super) fn gauge(self) -> Gauge {
        let mut gauge = Gauge::default();
        if let Some(state) = self.state {
            gauge[state as usize] = 1;
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
    /// It came of a rung kept above what the line carried.
    pub adaptation_failure: bool,
    /// A record was accepted.
    pub event: bool,
    /// Records found missing, or (negative) found after all.
    pub lost: i32,
    /// Startup time that ended, ms.
    pub startup_ms: Option<i32>,
    /// Live latency reported while playing, ms.
    pub latency_ms: Option<i32>,
}

impl Counts {
    fn measures(&self) -> Measures {
        Measures {
            attempts: i64::from(self.attempt),
            starts: i64::from(self.start),
            start_failures: i64::from(self.start_failure),
            exits_before_start: i64::from(self.exit),
            failures: i64::from(self.failure),
            ends: i64::from(self.end),
            rebuffer_count: i64::from(self.rebuffer),
            adaptation_failures: i64::from(self.adaptation_failure),
            events: i64::from(self.event),
            lost_events: i64::from(self.lost),
            ..Measures::default()
        }
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
    pub(super) fn step(&mut self, weight: &Gauge, left_ms: i64) {
        for (i, w) in weight.iter().enumerate() {
            self.net[i] += w;
            self.partial[i] += w * left_ms;
        }
    }

    pub(super) fn count(&mut self, counts: &Counts, sign: i64) {
        self.counts.add(&counts.measures(), sign);
        if let Some(ms) = counts.startup_ms {
            self.startup.add(i64::from(ms), sign);
        }
        if let Some(ms) = counts.latency_ms {
            self.latency.add(i64::from(ms), sign);
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
        sums.starting_ms = time[Watching::Starting as usize];
        sums.playing_ms = time[Watching::Playing as usize];
        sums.rebuffering_ms = time[Watching::Rebuffering as usize];
        sums.seeking_ms = time[Watching::Seeking as usize];
        sums.bitrate_ms = time[KNOWN];
        sums.bitrate_kbps_ms = time[KBPS];
        value
    }

    /// A fingerprint to see changes by; 0 for a pane in which nothing is.
    pub(super) fn fingerprint(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        if *self == Self::default() {
            return 0;
        }
        // `new` has fixed keys: the same in every replay.
        let mut hasher = DefaultHasher::new();
        for name in Measures::NAMES {
            self.measures.get(name).hash(&mut hasher);
        }
        for sketch in [&self.startup, &self.latency] {
            sketch.bins().len().hash(&mut hasher);
            sketch.bins().iter().for_each(|bin| (bin.i, bin.n).hash(&mut hasher));
        }
        hasher.finish().max(1)
    }
}
