//! Manifests: pure functions of the ladder, the schedule and the time. They need no list of
//! stored segments, because every segment in the window exists.

pub mod dash;
pub mod hls;

use chrono::{DateTime, SecondsFormat};

use crate::ladder::{Ladder, Track};

/// The addresses in a manifest, and how far back it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The pathways; the player begins with the first, whose addresses media playlists use.
    pub pathways: Vec<Pathway>,
    /// The session's content steering; none in a manifest without a session.
    pub steering: Option<Steering>,
    /// The address where players read the time, in ISO 8601.
    pub time_url: String,
    /// Segments offered for seeking back.
    pub window: u32,
    /// Publish margin, µs: a segment is listed when it is due.
    pub margin_us: i64,
}

/// A pathway to the media: an edge, with all rungs or only the low ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pathway {
    /// Its name in steering answers.
    pub id: String,
    /// The base of segment addresses, such as `http://127.0.0.1:7711`.
    pub base: String,
    /// Whether it offers only the low rungs.
    pub low: bool,
}

/// Content steering of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steering {
    /// The steering server's address for this session.
    pub url: String,
    /// The session, as the addresses of media playlists carry it: `sid=…`.
    pub session: String,
}

impl View {
    /// The base of segment addresses in a media playlist.
    fn base(&self) -> &str {
        self.pathways.first().map_or("", |pathway| pathway.base.as_str())
    }
}

/// The rungs of a low pathway: the lower half of the video tracks, so none when there is only
/// one.
pub fn low_rungs(ladder: &Ladder) -> Vec<&Track> {
    let mut video: Vec<&Track> = ladder.tracks.iter().filter(|track| track.is_video()).collect();
    video.sort_by_key(|track| track.bandwidth);
    video.truncate(video.len() / 2);
    video
}

/// The most that a viewer of a low pathway takes, kbit/s: its best rung with the audio.
pub fn low_kbps(ladder: &Ladder) -> Option<u64> {
    low_rungs(ladder).last().map(|best| with_audio_kbps(ladder, best.bandwidth))
}

/// The most that a viewer takes, kbit/s: the best rung with the audio.
pub fn top_kbps(ladder: &Ladder) -> u64 {
    let video = ladder.tracks.iter().filter(|track| track.is_video());
    with_audio_kbps(ladder, video.map(|track| track.bandwidth).max().unwrap_or(0))
}

fn with_audio_kbps(ladder: &Ladder, video: u64) -> u64 {
    let audio = ladder.tracks.iter().filter(|track| !track.is_video());
    (video + audio.map(|track| track.bandwidth).max().unwrap_or(0)).div_ceil(1_000)
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
