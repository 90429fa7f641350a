//! The media playlist.

use tallylight_schemas::grid::Grid;
use url::Url;

use super::{ManifestError, attribute};

/// Durations have six decimals.
const MICROS: f64 = 1_000_000.0;

/// The newest segment of a media playlist, and how to number those after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Init segment.
    pub init: Url,
    /// Number of the newest segment listed.
    pub newest: u64,
    /// The schedule that the numbers follow, from the newest segment's duration.
    pub grid: Grid,
    newest_url: Url,
}

impl Media {
    /// Reads a media playlist that came from `base`.
    pub fn parse(text: &str, base: &Url) -> Result<Self, ManifestError> {
        let error = ManifestError::of(base);
        let init = text
            .lines()
            .find_map(|line| attribute(line.strip_prefix("#EXT-X-MAP:")?, "URI"))
            .and_then(|uri| base.join(uri).ok())
            .ok_or_else(|| error("no init segment"))?;
        // The target duration is a whole number of seconds; segments may last 1.92 s.
        let seconds = text.lines().rev().find_map(|line| line.strip_prefix("#EXTINF:"));
        let grid = seconds
            .and_then(|seconds| seconds.split(',').next()?.trim().parse::<f64>().ok())
            .and_then(|seconds| Grid::new((seconds * MICROS).round() as u32, MICROS as u32).ok())
            .ok_or_else(|| error("no segment duration"))?;
        let newest = text.lines().rfind(|line| !line.is_empty() && !line.starts_with('#'));
        let newest_url =
            newest.and_then(|uri| base.join(uri).ok()).ok_or_else(|| error("no segment listed"))?;
        let newest = newest_url
            .path_segments()
            .and_then(|mut path| path.next_back()?.strip_suffix(".m4s")?.parse().ok())
            .ok_or_else(|| error("a segment's name is not a number"))?;
        Ok(Self { init, newest, grid, newest_url })
    }

    /// The URL of segment `k`.
    pub fn segment(&self, k: u64) -> Url {
        let mut url = self.newest_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop().push(&format!("{k}.m4s"));
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_on_from_the_newest_segment() {
        let base = Url::parse("http://h/live/demo/v-360/index.m3u8").unwrap();
        let media = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"http://e/live/demo/v-360/init-1.mp4\"\n#EXTINF:1.920000,\n\
            http://e/live/demo/v-360/41.m4s\n#EXTINF:1.920000,\nhttp://e/live/demo/v-360/42.m4s\n";
        let media = Media::parse(media, &base).unwrap();
        assert_eq!((media.newest, media.init.path()), (42, "/live/demo/v-360/init-1.mp4"));
        assert_eq!(media.segment(43).as_str(), "http://e/live/demo/v-360/43.m4s");
        assert_eq!(media.grid.start_us(43), 82_560_000);
        assert!(Media::parse("#EXTM3U\n", &base).is_err());
    }
}
