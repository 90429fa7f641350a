//! Manifests: pure functions of the ladder, the schedule and the time. No list of what is
//! stored is needed, because inside the window everything is.

pub mod dash;
pub mod hls;

use chrono::{DateTime, SecondsFormat};

use crate::ladder::{Ladder, Track};

/// Where a manifest says things are, and how far back it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The pathways, the one to begin with first; a media playlist has its segments from it.
    pub pathways: Vec<Pathway>,
    /// Where players ask for their pathway; none in a manifest without a session.
    pub steering: Option<Steering>,
    /// Where players read the time: an address that answers in ISO 8601.
    pub time_url: String,
    /// Segments offered for going back in time.
    pub window: u32,
    /// Publish margin, µs: a segment is listed when it is due.
    pub margin_us: i64,
}

/// A way to the media: an edge, with all of the rungs or only the low ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pathway {
    /// Its name in steering answers.
    pub id: String,
    /// What segment addresses begin with, such as `http://127.0.0.1:7711`.
    pub base: String,
    /// It offers the low rungs only.
    pub low: bool,
}

/// Content steering of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steering {
    /// Where its player asks.
    pub url: String,
    /// The session, as the addresses of media playlists carry it: `sid=…`.
    pub session: String,
}

impl View {
    /// What segment addresses of a media playlist begin with.
    fn base(&self) -> &str {
        self.pathways.first().map_or("", |pathway| pathway.base.as_str())
    }
}

/// The rungs of a low pathway: the lower half of the video tracks. None when there is only one,
/// for then there is nothing lower.
pub fn low_rungs(ladder: &Ladder) -> Vec<&Track> {
    let mut video: Vec<&Track> = ladder.tracks.iter().filter(|track| track.is_video()).collect();
    video.sort_by_key(|track| track.bandwidth);
    video.truncate(video.len() / 2);
    video
}

/// What a viewer of a low pathway takes at most, kbit/s: its best rung with the sound.
pub fn low_kbps(ladder: &Ladder) -> Option<u64> {
    let best = low_rungs(ladder).last()?.bandwidth;
    let sound = ladder.tracks.iter().filter(|track| !track.is_video());
    let sound = sound.map(|track| track.bandwidth).max().unwrap_or(0);
    Some((best + sound).div_ceil(1_000))
}

/// The newest segment that is due at `now_us`, if any is.
pub fn newest_due(ladder: &Ladder, margin_us: i64, now_us: i64) -> Option<u64> {
    ladder.grid.k_at(now_us.saturating_sub(margin_us)).checked_sub(1)
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
