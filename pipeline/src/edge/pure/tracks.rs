//! The tracks that an edge has served, as the origin's answers describe them.

use std::collections::BTreeMap;

use super::capacity::Kind;
use crate::ladder;
use crate::origin::MAX_STREAMS;

/// The most tracks: as many as an origin can have.
const MAX: usize = MAX_STREAMS * ladder::MAX_TRACKS;

#[derive(Debug, Clone, Copy)]
struct Track {
    kind: Kind,
    kbps: u64,
    served_us: i64,
}

/// Kind and nominal bitrate by stream and track.
#[derive(Debug, Default)]
pub(crate) struct Tracks(BTreeMap<(String, String), Track>);

impl Tracks {
    /// What a session that fetches the track reserves, if the track was ever served.
    pub(crate) fn rung(&self, stream: &str, track: &str) -> Option<(Kind, u64)> {
        let found = self.0.get(&(stream.to_owned(), track.to_owned()))?;
        Some((found.kind, found.kbps))
    }

    /// Remembers a track that was served at `now_us`. If there are too many, the one that was
    /// not served for the longest time is forgotten.
    pub(crate) fn served(
        &mut self,
        stream: &str,
        track: &str,
        (kind, kbps): (Kind, u64),
        now_us: i64,
    ) {
        let key = (stream.to_owned(), track.to_owned());
        if self.0.len() >= MAX && !self.0.contains_key(&key) {
            let oldest = self.0.iter().min_by_key(|(_, track)| track.served_us);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(key, Track { kind, kbps, served_us: now_us });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_track_displaces_the_one_not_served_for_the_longest_time() {
        let mut tracks = Tracks::default();
        let rung = (Kind::Video, 500);
        let mut serve = |track: &str, at| tracks.served("demo", track, rung, at);
        for (at, n) in (0..).zip(0..MAX) {
            serve(&n.to_string(), at);
        }
        serve("0", 1_000_000);
        serve("new", 1_000_001);
        let known = |track| tracks.rung("demo", track).is_some();
        assert_eq!((known("0"), known("1"), known("2")), (true, false, true));
        assert_eq!((tracks.rung("demo", "new"), tracks.0.len()), (Some(rung), MAX));
    }
}
