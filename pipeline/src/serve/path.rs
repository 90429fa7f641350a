//! The media addresses, the same for PUT at the origin and GET at origin and edges.

use std::fmt;

use crate::ladder::{is_init, is_name};

/// The object that a path under `/live/` names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaPath {
    /// Stream name.
    pub stream: String,
    /// Track name.
    pub track: String,
    /// The track's object.
    pub object: Object,
}

/// One of a track's objects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Object {
    /// Segment K.
    Segment(u64),
    /// An init segment, by file name.
    Init(String),
    /// The slate: 0 for video, the number of AAC frames for audio.
    Slate(u32),
}

impl MediaPath {
    /// Reads `<stream>/<track>/<object>`, the part of the path after `/live/`.
    ///
    /// Exactly one path names an object (`007.m4s` names none), so that no object can be cached
    /// twice.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let (stream, track, file) = (parts.next()?, parts.next()?, parts.next()?);
        let object = match (file, parts.next()) {
            ("slate", Some(number)) => Object::Slate(canonical(number.strip_suffix(".m4s")?)?),
            (_, Some(_)) => return None,
            (file, None) if is_init(file) => Object::Init(file.to_owned()),
            (file, None) => Object::Segment(canonical(file.strip_suffix(".m4s")?)?),
        };
        if parts.next().is_some() || !is_name(stream) || !is_name(track) {
            return None;
        }
        Some(Self { stream: stream.to_owned(), track: track.to_owned(), object })
    }

    /// The segment's number, if the object is a segment.
    pub fn k(&self) -> Option<u64> {
        if let Object::Segment(k) = self.object { Some(k) } else { None }
    }
}

impl fmt::Display for MediaPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/live/{}/{}/", self.stream, self.track)?;
        match &self.object {
            Object::Segment(k) => write!(f, "{k}.m4s"),
            Object::Init(file) => f.write_str(file),
            Object::Slate(number) => write!(f, "slate/{number}.m4s"),
        }
    }
}

/// A decimal number without sign or leading zeros.
fn canonical<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_each_object_by_one_path() {
        for good in
            ["demo/v-360/897664928.m4s", "demo/audio/init-0af3.mp4", "demo/audio/slate/93.m4s"]
        {
            let path = MediaPath::parse(good).unwrap();
            assert_eq!(path.to_string(), format!("/live/{good}"));
        }
        for bad in [
            "",
            "demo",
            "demo/v-360",
            "demo/v-360/007.m4s",
            "demo/v-360/+7.m4s",
            "demo/v-360/7.m4s/",
            "demo/../7.m4s",
            "demo/v-360/init-.mp4",
            "demo/v-360/init-xyz.mp4",
            "demo//7.m4s",
            "De/v/7.m4s",
            "demo/v/slate/1/2.m4s",
            "demo/v/99999999999999999999.m4s",
            "demo/v/.m4s",
        ] {
            assert_eq!(MediaPath::parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_reads_back(text in "\\PC{0,80}") {
            if let Some(path) = MediaPath::parse(&text) {
                prop_assert_eq!(path.to_string(), format!("/live/{text}"));
            }
        }
    }
}
