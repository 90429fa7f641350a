//! Switches that break an encoder on purpose, for demos, drills and tests. Code that detects or
//! decides never reads them: their effects must show in the media.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The switches of one encoder.
#[derive(Debug, Default)]
pub struct Faults {
    frozen: AtomicBool,
    dropped: AtomicU64,
}

impl Faults {
    /// Freezes the picture; segments stay complete and on time.
    pub fn freeze(&self, on: bool) {
        self.frozen.store(on, Ordering::Relaxed);
    }

    /// Loses segment `k` of every track between the encoder and the origin.
    pub fn drop_segment(&self, k: u64) {
        self.dropped.store(k, Ordering::Relaxed);
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Relaxed)
    }

    pub(crate) fn drops(&self, k: u64) -> bool {
        // K 0 was in 1970.
        k != 0 && self.dropped.load(Ordering::Relaxed) == k
    }
}
