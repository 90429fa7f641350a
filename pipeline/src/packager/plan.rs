//! The objects to publish before the first segment: ladder, init segments, slate.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::{Config, PackagerError};
use crate::ladder::{Ladder, Media, Track};
use crate::mp4::{self, InitFacts, Mp4Error, Rewrite};

/// A track as its source describes it.
#[derive(Debug, Clone)]
pub struct TrackMedia {
    /// Track name.
    pub name: String,
    /// Bits per second that the encoder is set to keep to.
    pub bandwidth: u64,
    /// Its init segment, as muxed.
    pub init: Vec<u8>,
    /// Slate segments: one for video; one per possible frame count for audio.
    pub slates: Vec<Vec<u8>>,
}

/// The ladder and, per track, its init segment and slates.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The ladder.
    pub ladder: Ladder,
    /// Normalised init segments, in the ladder's order.
    pub inits: Vec<Bytes>,
    /// Slate per track: its number in the URL and its bytes.
    pub slates: Vec<Vec<(u32, Bytes)>>,
}

/// A content hash as written in URLs and headers.
pub(crate) fn hash(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}

impl Plan {
    /// Reads the init segments, names them by their hash and checks that everything fits together.
    pub fn new(config: &Config, media: Vec<TrackMedia>) -> Result<Self, PackagerError> {
        let (mut tracks, mut inits, mut rendered) = (Vec::new(), Vec::new(), Vec::new());
        for track in media {
            let unreadable = |source| PackagerError::Media {
                track: track.name.clone(),
                what: "its init",
                source,
            };
            let init = mp4::normalise_init(&track.init).map_err(unreadable)?;
            let facts = mp4::init_facts(&init).map_err(unreadable)?;
            tracks.push(entry(&track, &facts, &init).map_err(unreadable)?);
            inits.push(Bytes::from(init));
            rendered.push(track.slates);
        }
        let ladder =
            Ladder { stream: config.stream.clone(), grid: config.grid, fps: config.fps, tracks };
        ladder.validate().map_err(PackagerError::Ladder)?;
        let slates = ladder.tracks.iter().zip(rendered);
        let slates = slates
            .map(|(track, slates)| track_slates(&ladder, track, slates))
            .collect::<Result<_, _>>()?;
        Ok(Self { ladder, inits, slates })
    }
}

fn entry(media: &TrackMedia, facts: &InitFacts, init: &[u8]) -> Result<Track, Mp4Error> {
    let kind = match *facts {
        InitFacts { width: Some(width), height: Some(height), .. } => {
            Media::Video { width, height }
        }
        InitFacts { rate: Some(rate), channels: Some(channels), .. } => {
            Media::Audio { rate, channels }
        }
        _ => return Err(Mp4Error::Missing("sample entry")),
    };
    Ok(Track {
        name: media.name.clone(),
        codecs: facts.codecs.clone(),
        bandwidth: media.bandwidth,
        timescale: facts.timescale,
        init: format!("init-{}.mp4", hash(init)),
        media: kind,
    })
}

/// Numbers a track's slate segments and checks that every segment of the schedule has one.
fn track_slates(
    ladder: &Ladder,
    track: &Track,
    slates: Vec<Vec<u8>>,
) -> Result<Vec<(u32, Bytes)>, PackagerError> {
    let wrong = |why: String| PackagerError::Slate { track: track.name.clone(), why };
    let mut numbered: Vec<(u32, Bytes)> = Vec::new();
    for slate in slates {
        let unreadable =
            |source| PackagerError::Media { track: track.name.clone(), what: "its slate", source };
        let facts = mp4::facts(&slate).map_err(unreadable)?;
        if !facts.first_is_sync {
            return Err(wrong("it does not start with a sync sample".into()));
        }
        if track.is_video()
            && (Some(facts.frames), Some(facts.duration))
                != (ladder.frames(track, 0), ladder.duration(track, 0))
        {
            return Err(wrong(format!("{} frames are not a whole segment", facts.frames)));
        }
        let number = if track.is_video() { 0 } else { facts.frames };
        let to =
            Rewrite { tfdt: facts.tfdt, sequence: facts.sequence, taken_us: None, slate: true };
        let marked = mp4::rewrite(&slate, &to).map_err(unreadable)?;
        if numbered.iter().all(|(have, _)| *have != number) {
            numbered.push((number, marked.into()));
        }
    }
    // Audio lengths repeat within 1,024 segments whatever the rate, or hardly ever differ.
    for k in 0..1_024 {
        let needed = ladder.slate_number(track, k);
        if numbered.iter().all(|(have, _)| Some(*have) != needed) {
            return Err(wrong(format!("none has {} frames", needed.unwrap_or(0))));
        }
    }
    Ok(numbered)
}
