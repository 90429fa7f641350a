//! The ladder: the tracks of a stream. The encoder writes it, the origin stores it, and the
//! manifests are computed from it and the clock alone.

use serde::{Deserialize, Serialize};
use tallylight_schemas::grid::Grid;

/// Audio samples in an AAC frame.
pub const AAC_FRAME: u32 = 1_024;
/// The most tracks in a ladder.
pub const MAX_TRACKS: usize = 32;
/// Longest name of a stream or track.
pub const MAX_NAME: usize = 64;

/// A stream's tracks and their common schedule.
///
/// Players do not reload the DASH manifest, so a ladder with other init segments needs another
/// stream name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// Stream name, such as `demo`.
    pub stream: String,
    /// Segment schedule, common to all tracks.
    pub grid: Grid,
    /// Video frames per second; a whole number of frames fills a segment.
    pub fps: u32,
    /// All renditions, the best video first.
    pub tracks: Vec<Track>,
}

/// One rendition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Track name, such as `v-360`; a path segment of its URLs.
    pub name: String,
    /// RFC 6381 codec string, such as `avc1.64001e`.
    pub codecs: String,
    /// Peak bits per second over a segment.
    pub bandwidth: u64,
    /// Units per second of `tfdt` and durations.
    pub timescale: u32,
    /// File name of the init segment, `init-<hash>.mp4`.
    pub init: String,
    /// The fields of video or audio only (flat in JSON, distinguished by `kind`).
    #[serde(flatten)]
    pub media: Media,
}

/// The fields of video or audio only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Media {
    /// Pictures.
    Video {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// AAC audio.
    Audio {
        /// Samples per second.
        rate: u32,
        /// Channels.
        channels: u32,
    },
}

impl Track {
    /// Whether this is a video track.
    pub fn is_video(&self) -> bool {
        matches!(self.media, Media::Video { .. })
    }
}

impl Ladder {
    /// The track with that name.
    pub fn track(&self, name: &str) -> Option<&Track> {
        self.tracks.iter().find(|track| track.name == name)
    }

    /// `tfdt` of segment `k` of `track`, in its timescale.
    ///
    /// `None` when the grid does not fall on whole units, which [`Ladder::validate`] rules out.
    pub fn tfdt(&self, track: &Track, k: u64) -> Option<u64> {
        match track.media {
            Media::Video { .. } => self.grid.media_time(k, track.timescale),
            Media::Audio { rate, .. } => Some(self.grid.first_audio_sample(k, rate, AAC_FRAME)),
        }
    }

    /// Frames in segment `k` of `track` (AAC frames for audio).
    pub fn frames(&self, track: &Track, k: u64) -> Option<u32> {
        match track.media {
            Media::Video { .. } => self.grid.frames(self.fps),
            Media::Audio { rate, .. } => {
                let first = |k| self.grid.first_audio_sample(k, rate, AAC_FRAME);
                let samples = first(k.saturating_add(1)).saturating_sub(first(k));
                u32::try_from(samples / u64::from(AAC_FRAME)).ok()
            }
        }
    }

    /// Duration of segment `k` of `track`, in its timescale.
    pub fn duration(&self, track: &Track, k: u64) -> Option<u64> {
        self.tfdt(track, k.checked_add(1)?)?.checked_sub(self.tfdt(track, k)?)
    }

    /// The number of the slate that replaces segment `k`: 0 for video, the frame count for audio.
    pub fn slate_number(&self, track: &Track, k: u64) -> Option<u32> {
        if track.is_video() { Some(0) } else { self.frames(track, k) }
    }

    /// Whether a player of `before` can continue with this ladder: every track that it may know
    /// still exists and differs at most in its bit rate. Added tracks do not matter.
    pub fn carries_on(&self, before: &Ladder) -> bool {
        let level = |track: &Track| Track { bandwidth: 0, ..track.clone() };
        let kept = |track: &Track| self.track(&track.name).map(level) == Some(level(track));
        (&self.stream, self.grid, self.fps) == (&before.stream, before.grid, before.fps)
            && before.tracks.iter().all(kept)
    }

    /// Reports all mistakes in this ladder together.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut mistakes = Vec::new();
        if !is_name(&self.stream) {
            mistakes.push(format!("stream {:?} is not a name (a-z, 0-9, -, _)", self.stream));
        }
        let (num, den) = self.grid.ratio();
        if let Err(error) = Grid::new(num, den) {
            mistakes.push(format!("grid: {error}"));
            return Err(mistakes);
        }
        if self.fps == 0 || self.grid.frames(self.fps).is_none() {
            mistakes.push(format!("{} fps puts no whole number of frames in a segment", self.fps));
        }
        if self.tracks.is_empty() || self.tracks.len() > MAX_TRACKS {
            mistakes
                .push(format!("a ladder has 1 to {MAX_TRACKS} tracks, not {}", self.tracks.len()));
        }
        for (at, track) in self.tracks.iter().take(MAX_TRACKS).enumerate() {
            if self.tracks.iter().take(at).any(|other| other.name == track.name) {
                mistakes.push(format!("track {:?} is listed twice", track.name));
            }
            self.validate_track(track, &mut mistakes);
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    fn validate_track(&self, track: &Track, mistakes: &mut Vec<String>) {
        let mut wrong = |what: &str| mistakes.push(format!("track {:?}: {what}", track.name));
        if !is_name(&track.name) {
            wrong("the name may hold a-z, 0-9, - and _ only");
        }
        if !is_init(&track.init) {
            wrong("init must be a file name init-<hash>.mp4");
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
        if track.codecs.is_empty()
            || track.codecs.len() > MAX_NAME
            || !track.codecs.chars().all(plain)
        {
            wrong("codecs must be one RFC 6381 string");
        }
        if track.bandwidth == 0 {
            wrong("bandwidth must be above 0");
        }
        match track.media {
            Media::Video { width, height } if width == 0 || height == 0 => {
                wrong("width and height must be above 0")
            }
            Media::Video { .. }
                if track.timescale == 0 || self.grid.media_time(1, track.timescale).is_none() =>
            {
                wrong("a segment must be a whole number of timescale units");
            }
            Media::Audio { rate, .. } if rate == 0 || track.timescale != rate => {
                wrong("audio's timescale must be its sampling rate");
            }
            Media::Audio { channels: 0, .. } => wrong("channels must be above 0"),
            _ => {}
        }
    }
}

/// Whether `name` can be a stream or a track: a short path segment that needs no escaping.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(plain)
}

/// Whether `name` is `init-<hash>.mp4` with a hexadecimal hash.
pub fn is_init(name: &str) -> bool {
    let hash = name.strip_prefix("init-").and_then(|rest| rest.strip_suffix(".mp4"));
    hash.is_some_and(|h| !h.is_empty() && h.len() <= 64 && h.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
#[path = "ladder/tests.rs"]
pub(crate) mod tests;
