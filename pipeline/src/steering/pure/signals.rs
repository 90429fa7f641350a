//! The signals by which an edge's health is judged, from its newest probes and seconds of rows.

use super::inputs::{Edge, Found, Load, Probe, Second};

/// A second with fewer requests is not judged.
const LEAST_REQUESTS: i64 = 4;
/// A second is bad from this share of errors on.
pub const ERRORS: f64 = 0.1;

/// The newest probes and seconds of an edge that can be judged.
#[derive(Debug)]
pub struct Signals<'a> {
    probes: Vec<&'a Probe>,
    seconds: &'a [Second],
    load: Option<Load>,
    /// Above this a first byte is slow, ms.
    limit_ms: i64,
}

impl<'a> Signals<'a> {
    /// The signals of an edge; `seconds`: its rows, if they are young enough to judge.
    pub fn of(edge: &'a Edge, seconds: &'a [Second], limit_ms: i64) -> Self {
        let probes = edge.probes.iter().filter(|probe| !probe.is_open(limit_ms)).collect();
        Self { probes, seconds, load: edge.load, limit_ms }
    }

    fn newest_probes(&self, number: usize) -> impl Iterator<Item = &'a Probe> {
        self.probes.iter().rev().take(number).copied()
    }

    /// The newest probe.
    pub fn probe(&self) -> Option<&'a Probe> {
        self.probes.last().copied()
    }

    /// Whether there are enough probes to call it healthy.
    pub fn has_probes(&self) -> bool {
        self.probes.len() >= 2
    }

    /// How many of the newest probes were bad.
    pub fn bad_probes(&self, number: usize) -> usize {
        self.newest_probes(number).filter(|probe| !probe.is_good(self.limit_ms)).count()
    }

    /// How many of the newest seconds were bad.
    pub fn bad_seconds(&self, number: usize) -> usize {
        self.seconds.iter().rev().take(number).filter(|second| self.is_bad(second)).count()
    }

    /// Whether any rows are judged.
    pub fn has_rows(&self) -> bool {
        !self.seconds.is_empty()
    }

    /// Whether its rows have too few requests to tell anything.
    pub fn has_few_requests(&self) -> bool {
        let newest = self.seconds.iter().rev().take(4);
        newest.map(|second| second.requests).sum::<i64>() < LEAST_REQUESTS
    }

    /// Whether it accepts no connections.
    pub fn is_dead(&self) -> bool {
        self.has_probes() && self.newest_probes(2).all(|probe| probe.result == Found::Nothing)
    }

    /// Whether it refuses sessions: the prober was refused, or nearly all capacity is taken and
    /// requests fail.
    pub fn is_full(&self) -> bool {
        let refused = self.newest_probes(3).filter(|probe| probe.result == Found::Error(503));
        let errors: i64 = self.seconds.iter().rev().take(3).map(|second| second.errors).sum();
        let taken = self.load.is_some_and(|load| load.is_nearly_full());
        refused.count() >= 2 || (taken && errors > 0)
    }

    /// When the newest run of bad probes or seconds began, Unix ms.
    pub fn first_symptom(&self) -> Option<i64> {
        let probes = self.probes.iter().rev();
        let probe = probes.take_while(|probe| !probe.is_good(self.limit_ms)).last();
        let second = self.seconds.iter().rev().take_while(|second| self.is_bad(second)).last();
        let began = [probe.map(|probe| probe.at), second.map(|second| second.at * 1_000)];
        began.into_iter().flatten().min()
    }

    fn is_bad(&self, second: &Second) -> bool {
        if second.requests < LEAST_REQUESTS {
            return false;
        }
        let errors = second.errors as f64 / second.requests as f64;
        errors >= ERRORS || second.p90_ms.is_some_and(|ms| ms > self.limit_ms as f64)
    }
}
