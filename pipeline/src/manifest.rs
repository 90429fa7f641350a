//! Manifests: pure functions of the ladder, the schedule and the time. No list of what is
//! stored is needed, because inside the window everything is.

pub mod dash;
pub mod hls;

use chrono::{DateTime, SecondsFormat};

use crate::ladder::Ladder;

/// Where a manifest says things are, and how far back it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// What segment addresses begin with, such as `http://127.0.0.1:7711`.
    pub media_base: String,
    /// Where players read the time: an address that answers in ISO 8601.
    pub time_url: String,
    /// Segments offered for going back in time.
    pub window: u32,
    /// Publish margin, µs: a segment is listed when it is due.
    pub margin_us: i64,
}

/// The newest segment that is due at `now_us`, if any is.
pub fn newest_due(ladder: &Ladder, view: &View, now_us: i64) -> Option<u64> {
    ladder.grid.k_at(now_us.saturating_sub(view.margin_us)).checked_sub(1)
}

/// Unix µs as `2026-11-24T02:00:00.000Z`, rounded to the nearest millisecond.
pub fn iso_ms(unix_us: i64) -> String {
    let ms = unix_us.saturating_add(500).div_euclid(1_000);
    let time = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A decimal without trailing zeros, for attribute values.
fn decimal(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
