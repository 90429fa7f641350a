//! Switches that break an edge on purpose, for demos, drills and tests. Code that detects or
//! decides never reads them: their effects must show in the answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The switches of one edge.
#[derive(Debug, Default)]
pub struct Faults {
    slow_ms: AtomicU64,
    background_percent: AtomicU64,
}

impl Faults {
    /// The longest delay of [`Faults::slow`], ms.
    pub const SLOWEST_MS: u64 = 60_000;
    /// The largest load of [`Faults::overload`], percent.
    pub const ALL_PERCENT: u64 = 100;

    /// Delays each answer's first byte by `ms` milliseconds; 0 ends it.
    pub fn slow(&self, ms: u64) {
        self.slow_ms.store(ms.min(Self::SLOWEST_MS), Ordering::Relaxed);
    }

    /// Other customers take `percent` of the nominal capacity; 0 ends it.
    pub fn overload(&self, percent: u64) {
        self.background_percent.store(percent.min(Self::ALL_PERCENT), Ordering::Relaxed);
    }

    pub(super) fn delay(&self) -> Option<Duration> {
        let ms = self.slow_ms.load(Ordering::Relaxed);
        (ms > 0).then(|| Duration::from_millis(ms))
    }

    pub(super) fn background_kbps(&self, capacity_kbps: u64) -> u64 {
        capacity_kbps * self.background_percent.load(Ordering::Relaxed) / 100
    }
}
