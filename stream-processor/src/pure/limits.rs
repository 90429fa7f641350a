//! How much of everything one partition may hold (ADR 9).

use serde::{Deserialize, Serialize};
pub use tallylight_schemas::rows::OTHER;
use tallylight_schemas::settings::outside;

/// How much one partition of the processor holds in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Cells (combinations of dimensions) kept apart per tenant and breakdown; the rest is counted
    /// as one cell, `__other__`.
    pub cells: usize,
    /// Keys of delivery rows kept apart per tenant and pane; the rest is `__other__`.
    pub delivery_keys: usize,
    /// Open sessions; when there are more, the one that was silent longest is ended. Ended ones
    /// beyond `closed` are kept only while there are no more than this of both together.
    pub sessions: usize,
    /// Ended sessions kept whole, for the API and for stragglers; more of them until the horizon,
    /// as long as there is room in `sessions`.
    pub closed: usize,
    /// How long ended sessions are kept whole, in log time.
    pub closed_ms: i64,
    /// Ended sessions remembered by hash after that, so that a record sent again is a duplicate.
    pub tombstones: usize,
    /// Records of a session that can still be put into order when they come out of it, at most
    /// 4096: for one that comes out of order, or perhaps again, all of them are looked through.
    pub recent: usize,
    /// Records without a sequence number remembered per session, beyond `recent`, so that one sent
    /// again is known.
    pub seen: usize,
    /// Sessions known to edges but not yet by a record of their own.
    pub pending: usize,
    /// Reporters of delivery events whose sequence is followed.
    pub reporters: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cells: 2_000,
            delivery_keys: 2_000,
            sessions: 250_000,
            closed: 5_000,
            closed_ms: 600_000,
            tombstones: 200_000,
            recent: 512,
            seen: 512,
            pending: 10_000,
            reporters: 1_024,
        }
    }
}

impl Limits {
    /// Every mistake, in words.
    pub fn mistakes(&self) -> Vec<String> {
        let counts = [
            ("cells", self.cells),
            ("delivery_keys", self.delivery_keys),
            ("sessions", self.sessions),
            ("closed", self.closed),
            ("tombstones", self.tombstones),
            ("seen", self.seen),
            ("pending", self.pending),
            ("reporters", self.reporters),
        ];
        let mut out: Vec<String> = counts
            .iter()
            .filter(|(_, value)| *value == 0)
            .map(|(name, _)| format!("limits.{name} must be above 0"))
            .collect();
        out.extend(outside(&[("limits.recent", self.recent as u64, 1..=4_096)]));
        if self.closed_ms < 0 {
            out.push("limits.closed_ms must not be negative".to_owned());
        }
        out
    }
}

/// Longest dimension value, characters.
pub const MAX_DIMENSION: usize = 64;

/// `text` cut to [`MAX_DIMENSION`] characters; empty is unknown.
pub fn clip(text: &str) -> Option<&str> {
    let end = text.char_indices().nth(MAX_DIMENSION).map_or(text.len(), |(at, _)| at);
    text.get(..end).filter(|clipped| !clipped.is_empty())
}
