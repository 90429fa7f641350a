//! The object of a path, where it is of media: `/live/demo/v-360/7.m4s` is segment 7 of track
//! `v-360` of stream `demo`.

/// File extensions of segments and their headers.
const SEGMENTS: [&str; 9] = ["m4s", "mp4", "m4v", "m4a", "cmfv", "cmfa", "cmft", "ts", "aac"];
/// File extensions of manifests.
const MANIFESTS: [&str; 2] = ["m3u8", "mpd"];

/// An object of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object<'a> {
    /// Empty where the path has no folder for it.
    pub(super) stream: &'a str,
    /// Empty for a manifest.
    pub(super) track: &'a str,
    /// None for manifests and headers.
    pub(super) k: Option<u64>,
}

impl<'a> Object<'a> {
    /// `None` for a path of anything else.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let mut folders = path.rsplit('/');
        let (stem, end) = folders.next()?.rsplit_once('.')?;
        let is = |ends: &[&str]| ends.iter().any(|known| end.eq_ignore_ascii_case(known));
        let mut folder = || folders.next().unwrap_or_default();
        if is(&MANIFESTS) {
            return Some(Self { stream: folder(), track: "", k: None });
        }
        let track = is(&SEGMENTS).then(&mut folder)?;
        Some(Self { stream: folder(), track, k: number(stem) })
    }
}

/// The number that a segment's name ends in.
fn number(stem: &str) -> Option<u64> {
    let before = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let header = before.to_ascii_lowercase().contains("init");
    if header { None } else { stem.get(before.len()..)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn paths_of_media_tell_what_they_are_of() {
        for (path, stream, track, k) in [
            ("/live/demo/v-360/7.m4s", "demo", "v-360", Some(7)),
            ("/live/demo/v-360/init.mp4", "demo", "v-360", None),
            ("/live/demo/v-360/init_0.mp4", "demo", "v-360", None),
            ("/live/demo/master.m3u8", "demo", "", None),
            ("/a/show/720p/seg-2_00042.TS", "show", "720p", Some(42)),
            ("/show/9.m4s", "", "show", Some(9)),
            ("/9.m4s", "", "", Some(9)),
            ("/s/t/v2é.mp4", "s", "t", None),
            ("/s/t/99999999999999999999999.mp4", "s", "t", None),
        ] {
            assert_eq!(Object::of(path), Some(Object { stream, track, k }), "{path}");
        }
        for path in ["", "/", "/healthz", "/v1/cmcd", "/a.m4s/", "/x.html", "/live/demo/v-360/"] {
            assert_eq!(Object::of(path), None, "{path}");
        }
    }
}
