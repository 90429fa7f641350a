//! Whether a fragment may be published: its own bytes against the schedule.

use crate::ladder::{Ladder, Track};
use crate::mp4::{self, Mp4Error, SegmentFacts};

/// A fragment that may be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Its segment number.
    pub k: u64,
    /// What was measured.
    pub facts: SegmentFacts,
}

/// Why a fragment may not be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Mp4Error),
    /// It does not start on the schedule's grid.
    #[error("it starts at {tfdt}; segment {k} starts at {expected}")]
    OffGrid {
        /// Where it starts.
        tfdt: u64,
        /// The segment it would be.
        k: u64,
        /// Where that starts.
        expected: u64,
    },
    /// It has too few or too many frames.
    #[error("segment {k} has {frames} frames, not {expected}")]
    Frames {
        /// The segment it is.
        k: u64,
        /// Frames it has.
        frames: u32,
        /// Frames it should have.
        expected: u32,
    },
    /// Its frames do not add up to the segment's duration.
    #[error("segment {k} lasts {duration} units, not {expected}")]
    Duration {
        /// The segment it is.
        k: u64,
        /// How long it lasts.
        duration: u64,
        /// How long it should.
        expected: u64,
    },
    /// Its earliest picture is not shown at its start.
    #[error("segment {k} shows its first picture {offset} units after its start")]
    Offset {
        /// The segment it is.
        k: u64,
        /// By how much.
        offset: i64,
    },
    /// Decoding cannot start at its first frame.
    #[error("segment {k} does not start with an IDR picture")]
    NoIdr {
        /// The segment it is.
        k: u64,
    },
}

impl Fault {
    /// The segment that it concerns, if known.
    pub(crate) fn k(&self) -> Option<u64> {
        match *self {
            Fault::Unreadable(_) => None,
            Fault::OffGrid { k, .. }
            | Fault::Frames { k, .. }
            | Fault::Duration { k, .. }
            | Fault::Offset { k, .. }
            | Fault::NoIdr { k } => Some(k),
        }
    }

    /// The kind in one word, for the origin.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Fault::Unreadable(_) => "unreadable",
            Fault::Frames { .. } | Fault::Duration { .. } => "short",
            Fault::OffGrid { .. } | Fault::Offset { .. } => "discontinuous",
            Fault::NoIdr { .. } => "no-idr",
        }
    }
}

/// Measures a fragment of `track` and compares it with the schedule: start exactly on the grid
/// (audio: on the 1,024-sample grid), complete, video with an IDR picture first and shown first.
pub fn check_fragment(ladder: &Ladder, track: &Track, bytes: &[u8]) -> Result<Checked, Fault> {
    let facts = mp4::facts(bytes)?;
    let k = ladder.grid.k_of(facts.tfdt, track.timescale);
    let expected = ladder.tfdt(track, k).unwrap_or(u64::MAX);
    if facts.tfdt != expected {
        return Err(Fault::OffGrid { tfdt: facts.tfdt, k, expected });
    }
    let expected = ladder.frames(track, k).unwrap_or(0);
    if facts.frames != expected {
        return Err(Fault::Frames { k, frames: facts.frames, expected });
    }
    let expected = ladder.duration(track, k).unwrap_or(0);
    if facts.duration != expected {
        return Err(Fault::Duration { k, duration: facts.duration, expected });
    }
    if facts.first_offset != 0 {
        return Err(Fault::Offset { k, offset: facts.first_offset });
    }
    let is_idr = if track.codecs.starts_with("hvc1") { hevc_idr } else { avc_idr };
    let starts =
        facts.first_is_sync && (!track.is_video() || has_idr(mp4::first_sample(bytes)?, is_idr));
    if starts { Ok(Checked { k, facts }) } else { Err(Fault::NoIdr { k }) }
}

/// Whether an access unit (NAL units behind 4-byte lengths) holds a slice of an IDR picture.
fn has_idr(mut unit: &[u8], is_idr: fn(u8) -> bool) -> bool {
    while let Some((length, rest)) = unit.split_first_chunk::<4>() {
        let Some(nal) = rest.get(..u32::from_be_bytes(*length) as usize) else { return false };
        if nal.first().is_some_and(|header| is_idr(*header)) {
            return true;
        }
        unit = rest.get(nal.len()..).unwrap_or(&[]);
    }
    false
}

fn avc_idr(header: u8) -> bool {
    header & 0x1f == 5
}

/// IDR with or without decodable leading pictures.
fn hevc_idr(header: u8) -> bool {
    matches!(header >> 1 & 0x3f, 19 | 20)
}
