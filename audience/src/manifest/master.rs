//! The multivariant playlist, grouped by pathway.

use url::Url;

use super::{ManifestError, attribute};

/// The pathway of a playlist that names none (RFC 8216bis).
const ONLY: &str = ".";

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

/// The programme on one pathway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pathway {
    /// `PATHWAY-ID`.
    pub id: String,
    /// Rungs, lowest first.
    pub rungs: Vec<Rung>,
    /// The audio's media playlist.
    pub audio: Option<Url>,
}

/// `EXT-X-CONTENT-STEERING`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steering {
    /// `SERVER-URI`.
    pub server: Url,
    /// The pathway to begin with.
    pub first: Option<String>,
}

/// A master playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Master {
    /// Pathways, in order of their first variant; at least one.
    pub pathways: Vec<Pathway>,
    /// The steering server, if there is one.
    pub steering: Option<Steering>,
}

/// The group and pathway that an audio rendition's tag names.
struct Tag<'a> {
    group: Option<&'a str>,
    pathway: Option<&'a str>,
}

impl Master {
    /// Reads a master playlist that came from `base`.
    pub fn parse(text: &str, base: &Url) -> Result<Self, ManifestError> {
        let error = ManifestError::of(base);
        let (mut sounds, mut steering) = (Vec::new(), None);
        for line in text.lines().map(str::trim) {
            if let Some(list) = line.strip_prefix("#EXT-X-MEDIA:") {
                let uri = attribute(list, "URI").and_then(|uri| base.join(uri).ok());
                let tag = Tag {
                    group: attribute(list, "GROUP-ID"),
                    pathway: attribute(list, "PATHWAY-ID"),
                };
                if let (Some("AUDIO"), Some(uri)) = (attribute(list, "TYPE"), uri) {
                    sounds.push((tag, uri));
                }
            } else if let Some(list) = line.strip_prefix("#EXT-X-CONTENT-STEERING:") {
                let server = attribute(list, "SERVER-URI").and_then(|uri| base.join(uri).ok());
                let first = attribute(list, "PATHWAY-ID").map(str::to_owned);
                steering = server.map(|server| Steering { server, first });
            }
        }
        let mut master = Self { pathways: Vec::new(), steering };
        let mut pending = None;
        for line in text.lines().map(str::trim) {
            if let Some(list) = line.strip_prefix("#EXT-X-STREAM-INF:") {
                pending = Some(list);
            } else if !line.is_empty()
                && !line.starts_with('#')
                && let Some(list) = pending.take()
            {
                let playlist =
                    base.join(line).map_err(|_| error("a variant's URL is not a URL"))?;
                master.add(list, playlist, &sounds);
            }
        }
        if master.pathways.is_empty() {
            return Err(error("no variant in it"));
        }
        for pathway in &mut master.pathways {
            pathway.rungs.sort_by_key(|rung| rung.bandwidth);
        }
        Ok(master)
    }

    fn add(&mut self, list: &str, playlist: Url, sounds: &[(Tag<'_>, Url)]) {
        let number = |name: &str| attribute(list, name).and_then(|v| v.parse().ok());
        let height = attribute(list, "RESOLUTION").and_then(|v| v.split('x').nth(1)?.parse().ok());
        let rung = Rung {
            bandwidth: number("BANDWIDTH").unwrap_or(0),
            height: height.unwrap_or(0),
            playlist,
        };
        let stated = attribute(list, "PATHWAY-ID");
        let group = attribute(list, "AUDIO");
        let id = stated.unwrap_or(ONLY);
        if let Some(known) = self.pathways.iter_mut().find(|pathway| pathway.id == id) {
            known.rungs.push(rung);
            return;
        }
        // A variant without a group takes any audio: our earlier playlists had only one.
        let fits = |tag: &Tag<'_>| {
            (group.is_none() || tag.group == group)
                && (tag.pathway.is_none() || tag.pathway == stated)
        };
        let audio = sounds.iter().find(|(tag, _)| fits(tag)).map(|(_, url)| url.clone());
        self.pathways.push(Pathway { id: id.to_owned(), rungs: vec![rung], audio });
    }

    /// The pathway with that id.
    pub fn pathway(&self, id: &str) -> Option<&Pathway> {
        self.pathways.iter().find(|pathway| pathway.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Master {
        Master::parse(text, &Url::parse("http://h/live/demo/master.m3u8").unwrap()).unwrap()
    }

    #[test]
    fn without_pathways_there_is_one() {
        let master = parse(
            "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"audio/index.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=500000,CODECS=\"avc1,mp4a\",RESOLUTION=640x360\nv-360/index.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=200000,RESOLUTION=320x180\nv-180/index.m3u8\n",
        );
        assert_eq!((master.pathways.len(), &master.steering), (1, &None));
        let only = master.pathway(".").unwrap();
        assert_eq!(only.rungs.iter().map(|r| r.height).collect::<Vec<_>>(), [180, 360]);
        assert_eq!(only.audio.as_ref().unwrap().path(), "/live/demo/audio/index.m3u8");
    }

    #[test]
    fn variants_and_sound_are_sorted_by_pathway() {
        let mut text = "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"/steering/hls?sid=x\",PATHWAY-ID=\"e2\"\n"
            .to_owned();
        for id in ["e1", "e2"] {
            text += &format!(
                "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"s-{id}\",PATHWAY-ID=\"{id}\",URI=\"a/index.m3u8?pathway={id}\"\n"
            );
        }
        for (id, sound, height) in
            [("e1", "e1", 360), ("e1", "e1", 180), ("e2", "e2", 360), ("e1-low", "e1", 180)]
        {
            text += &format!(
                "#EXT-X-STREAM-INF:BANDWIDTH={height}000,RESOLUTION=1x{height},AUDIO=\"s-{sound}\",PATHWAY-ID=\"{id}\"\nv-{height}/index.m3u8?pathway={id}\n"
            );
        }
        let text = text.replace("\"s-e1\",PATHWAY-ID=\"e1\",URI", "\"s-e1\",URI");
        let master = parse(&text);
        let ids: Vec<_> = master.pathways.iter().map(|p| (p.id.as_str(), p.rungs.len())).collect();
        assert_eq!(ids, [("e1", 2), ("e2", 1), ("e1-low", 1)]);
        let sound = |id: &str| master.pathway(id).unwrap().audio.as_ref().unwrap().query();
        assert_eq!((sound("e2"), sound("e1-low")), (Some("pathway=e2"), Some("pathway=e1")));
        let steering = master.steering.unwrap();
        assert_eq!(steering.server.as_str(), "http://h/steering/hls?sid=x");
        assert_eq!(steering.first.as_deref(), Some("e2"));
    }
}
