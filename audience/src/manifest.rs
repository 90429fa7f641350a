//! As much of HLS as a viewer needs: the rungs, the sound, and where the live edge is.

use tallylight_schemas::grid::Grid;
use url::Url;

/// A rung of the ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// Bits a second, as the playlist says.
    pub bandwidth: u64,
    /// Picture height.
    pub height: u32,
    /// Its media playlist.
    pub playlist: Url,
}

/// A master playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Master {
    /// Rungs, lowest first.
    pub rungs: Vec<Rung>,
    /// The sound's media playlist.
    pub audio: Option<Url>,
}

/// A media playlist's end, and how to count on from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Init segment.
    pub init: Url,
    /// Number of the newest segment listed.
    pub newest: u64,
    /// The schedule that the numbers follow, from the target duration.
    pub grid: Grid,
    newest_url: Url,
}

/// A playlist that cannot be played.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("playlist {url}: {what}")]
pub struct ManifestError {
    url: String,
    what: &'static str,
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let at = line.find(&format!("{name}="))? + name.len() + 1;
    let rest = &line[at..];
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split(',').next(),
    }
}

impl Master {
    /// Reads a master playlist that came from `base`.
    pub fn parse(text: &str, base: &Url) -> Result<Self, ManifestError> {
        let error = |what| ManifestError { url: base.to_string(), what };
        let (mut rungs, mut audio, mut pending) = (Vec::new(), None, None);
        for line in text.lines().map(str::trim) {
            if let Some(attributes) = line.strip_prefix("#EXT-X-STREAM-INF:") {
                let bandwidth = attribute(attributes, "BANDWIDTH").and_then(|v| v.parse().ok());
                let height = attribute(attributes, "RESOLUTION")
                    .and_then(|v| v.split('x').nth(1)?.parse().ok());
                pending = Some((bandwidth.unwrap_or(0), height.unwrap_or(0)));
            } else if let Some(attributes) = line.strip_prefix("#EXT-X-MEDIA:") {
                if attribute(attributes, "TYPE") == Some("AUDIO") {
                    audio = attribute(attributes, "URI").and_then(|uri| base.join(uri).ok());
                }
            } else if !line.is_empty()
                && !line.starts_with('#')
                && let Some((bandwidth, height)) = pending.take()
            {
                let playlist = base.join(line).map_err(|_| error("a rung's URL is no URL"))?;
                rungs.push(Rung { bandwidth, height, playlist });
            }
        }
        if rungs.is_empty() {
            return Err(error("no rung in it"));
        }
        rungs.sort_by_key(|rung| rung.bandwidth);
        Ok(Self { rungs, audio })
    }
}

impl Media {
    /// Reads a media playlist that came from `base`.
    pub fn parse(text: &str, base: &Url) -> Result<Self, ManifestError> {
        let error = |what| ManifestError { url: base.to_string(), what };
        let init = text
            .lines()
            .find_map(|line| attribute(line.strip_prefix("#EXT-X-MAP:")?, "URI"))
            .and_then(|uri| base.join(uri).ok())
            .ok_or_else(|| error("no init segment"))?;
        let seconds = text
            .lines()
            .find_map(|line| line.strip_prefix("#EXT-X-TARGETDURATION:")?.trim().parse().ok());
        let grid = seconds
            .and_then(|seconds| Grid::new(seconds, 1).ok())
            .ok_or_else(|| error("no target duration"))?;
        let newest = text.lines().rfind(|line| !line.is_empty() && !line.starts_with('#'));
        let newest_url =
            newest.and_then(|uri| base.join(uri).ok()).ok_or_else(|| error("no segment listed"))?;
        let newest = newest_url
            .path_segments()
            .and_then(|mut path| path.next_back()?.strip_suffix(".m4s")?.parse().ok())
            .ok_or_else(|| error("a segment's name is no number"))?;
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
    fn reads_what_our_manifests_look_like() {
        let base = Url::parse("http://h/live/demo/master.m3u8").unwrap();
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"audio/index.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=500000,CODECS=\"avc1,mp4a\",RESOLUTION=640x360\nv-360/index.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=200000,RESOLUTION=320x180\nv-180/index.m3u8\n";
        let master = Master::parse(text, &base).unwrap();
        assert_eq!(master.rungs.iter().map(|r| r.height).collect::<Vec<_>>(), [180, 360]);
        assert_eq!(master.audio.unwrap().path(), "/live/demo/audio/index.m3u8");
        let media = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"http://e/live/demo/v-360/init-1.mp4\"\n#EXTINF:2,\n\
            http://e/live/demo/v-360/41.m4s\n#EXTINF:2,\nhttp://e/live/demo/v-360/42.m4s\n";
        let media = Media::parse(media, &base).unwrap();
        assert_eq!((media.newest, media.init.path()), (42, "/live/demo/v-360/init-1.mp4"));
        assert_eq!(media.segment(43).as_str(), "http://e/live/demo/v-360/43.m4s");
        assert!(Media::parse("#EXTM3U\n", &base).is_err());
    }
}
