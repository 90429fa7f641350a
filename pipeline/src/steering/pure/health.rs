//! Whether an edge is healthy: k of the newest n windows, compared with its own past and the
//! others.
//!
//! There are two witnesses: the prober, and the edge's own rows (trusted by the service key).
//! Players' claims only add to the evidence. Two bad probes of the last three together with one bad
//! second of rows, or with too few requests to tell, are enough; either witness alone needs three.

use super::inputs::{Edge, Found, Probe, Second};
use super::signals::Signals;

/// A first byte within this time is never slow, ms, however quick the edge was before.
const NEVER_SLOW_MS: f64 = 500.0;
/// Beyond this multiple of its own past, a first byte is slow.
const TIMES_BASELINE: f64 = 8.0;
/// The past is never assumed to be quicker than this, ms.
const LEAST_BASELINE_MS: f64 = 10.0;
/// A first byte after this time is always slow, ms: less than the prober's timeout, or a probe
/// without an answer would mean nothing.
const ALWAYS_SLOW_MS: f64 = 4_000.0;
/// Without a probe for this long nothing is known, ms.
const SILENT_MS: i64 = 6_000;

/// The health of an edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    /// Normal.
    Good,
    /// Viewers should not be there.
    Bad,
    /// Unknown.
    #[default]
    Unknown,
}

impl Health {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }
}

/// The remembered state of an edge.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EdgeState {
    /// Its health.
    pub health: Health,
    /// The reason, in words.
    pub why: String,
    /// When the run of bad windows began, Unix ms.
    pub symptom_at: Option<i64>,
    /// Since when it has been good, Unix ms.
    pub good_since: Option<i64>,
    /// It accepts no connections.
    pub dead: bool,
    /// Since when no sessions are sent to it because of that, Unix ms.
    pub closed_since: Option<i64>,
    /// When an operator last undid a move away from it, Unix ms.
    pub insisted_at: Option<i64>,
    /// It refuses sessions for lack of room.
    pub full: bool,
    /// It was bad and has not been healthy for long enough, or has no room: players that fled stay
    /// away.
    pub avoided: bool,
    /// Its usual first byte, ms.
    pub baseline_ms: f64,
    /// Its sessions and their rate when it was last without symptoms.
    pub before: Before,
}

/// An edge in its normal time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Before {
    /// Sessions that reserve a rate.
    pub sessions: i64,
    /// Its viewers, as the feed counts all viewers.
    pub viewers: i64,
    /// Reserved, kbps.
    pub reserved_kbps: u64,
    /// Stalled share of its viewers' time.
    pub rebuffering: f64,
}

impl Before {
    /// Reserved for each session, kbps.
    pub fn kbps_each(&self) -> f64 {
        if self.sessions > 0 { self.reserved_kbps as f64 / self.sessions as f64 } else { 0.0 }
    }

    /// The impact when the edge becomes ill: viewers, since it is shown with a share of all
    /// viewers; sessions if players report nothing.
    pub fn hit(&self) -> i64 {
        if self.viewers > 0 { self.viewers } else { self.sessions }
    }
}

impl EdgeState {
    /// Above this a first byte is slow, ms.
    pub fn limit_ms(&self) -> i64 {
        let own = self.baseline_ms.max(LEAST_BASELINE_MS) * TIMES_BASELINE;
        own.clamp(NEVER_SLOW_MS, ALWAYS_SLOW_MS) as i64
    }

    /// Updates it with the current observations.
    ///
    /// `rows`: its seconds, as far as they are young enough to count. `calm`: no edge had symptoms.
    /// The load of an edge while another is ill is not typical.
    pub fn step(&mut self, edge: &Edge, rows: &[Second], calm: bool, now_ms: i64) {
        let heard = edge.probes.last().is_some_and(|probe| now_ms - probe.at < SILENT_MS);
        if !heard {
            self.health = Health::Unknown;
            self.why = "not probed".into();
            self.good_since = None;
            return;
        }
        let seen = Signals::of(edge, rows, self.limit_ms());
        self.dead = seen.is_dead();
        self.full = seen.is_full();
        let agreed =
            seen.bad_probes(3) >= 2 && (seen.bad_seconds(4) >= 1 || seen.has_few_requests());
        let alone = seen.bad_probes(4) >= 3 || seen.bad_seconds(5) >= 3;
        let is_bad = agreed || alone || self.dead;
        let is_suspect = seen.bad_probes(3) >= 1 || seen.bad_seconds(2) >= 1;
        if !is_suspect && !is_bad {
            self.symptom_at = None;
        } else if self.symptom_at.is_none() {
            self.symptom_at = Some(seen.first_symptom().unwrap_or(now_ms));
        }
        if is_bad {
            self.health = Health::Bad;
            self.good_since = None;
        } else if seen.bad_probes(3) == 0 && seen.bad_seconds(3) == 0 && seen.has_probes() {
            self.health = Health::Good;
            self.good_since.get_or_insert(now_ms);
        }
        self.why = why(self, &seen);
        if self.health == Health::Good && self.symptom_at.is_none() {
            self.remember(edge, rows, seen.probe(), calm);
        }
    }

    /// Whether viewers may be sent to it: it is good, and so was its newest probe, sent after
    /// `since`.
    pub fn is_fit(&self, edge: &Edge, since_ms: i64) -> bool {
        let limit = self.limit_ms();
        let newest = edge.probes.iter().rev().find(|probe| !probe.is_open(limit));
        self.health == Health::Good
            && self.symptom_at.is_none()
            && !self.full
            && newest.is_some_and(|probe| probe.is_good(limit) && probe.at >= since_ms)
    }

    fn remember(&mut self, edge: &Edge, rows: &[Second], probe: Option<&Probe>, calm: bool) {
        if let Some(Probe { result: Found::Byte(ms), .. }) = probe {
            let ms = (*ms as f64).max(1.0);
            self.baseline_ms =
                if self.baseline_ms == 0.0 { ms } else { self.baseline_ms * 0.95 + ms * 0.05 };
        }
        if let Some(load) = edge.load.filter(|_| calm) {
            self.before.sessions = load.sessions;
            self.before.reserved_kbps = load.reserved_kbps;
            // Without rows the current number is unknown.
            self.before.viewers = rows.last().map_or(self.before.viewers, |second| second.viewers);
        }
        self.before.rebuffering = rebuffering(edge);
    }
}

/// Stalled share of the time of an edge's viewers, over the last ten seconds.
pub fn rebuffering(edge: &Edge) -> f64 {
    let last = || edge.seconds.iter().rev().take(10);
    let watched: i64 = last().map(|second| second.watched_ms).sum();
    let stalled: i64 = last().map(|second| second.rebuffering_ms).sum();
    if watched > 0 { stalled as f64 / watched as f64 } else { 0.0 }
}

fn why(state: &EdgeState, seen: &Signals<'_>) -> String {
    let newest = seen.probe().map_or("no probe yet".to_owned(), |probe| probe.words());
    match state.health {
        Health::Good if state.symptom_at.is_some() => format!("watched: prober had {newest}"),
        Health::Good => format!("first byte {newest}"),
        Health::Unknown => "not known yet".into(),
        Health::Bad if state.dead => "takes no connections".into(),
        Health::Bad if state.full => "is full and refuses sessions".into(),
        Health::Bad if !seen.has_rows() => format!("prober had {newest}"),
        Health::Bad => {
            let bad = seen.bad_seconds(5);
            format!("prober had {newest}; {bad} of its last 5 seconds were bad")
        }
    }
}
