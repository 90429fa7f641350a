//! What a player fetches: a pathway's playlists once, then segment after segment by number.

use futures::future::join;
use tallylight_schemas::grid::Grid;
use tokio::sync::watch;
use tokio::time::sleep;
use url::Url;

use super::{Viewer, until};
use crate::cmcd_text::Record;
use crate::fetch::{self, FetchError, Fetched};
use crate::ledger::Request;
use crate::manifest::{ManifestError, Master, Media};

/// A segment is requested this long after it closed; if it is late, the server holds the request.
const ASK_AFTER_US: i64 = 1_000_000;
/// How many segments before the newest listed one to begin: three segments in all.
pub(super) const START_BEHIND: u64 = 2;

/// The stream on one pathway, as its playlists describe it.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) pathway: String,
    pub(super) rungs: Vec<RungMedia>,
    audio: Option<Media>,
    /// The segment to begin with.
    pub(super) first: u64,
    /// The schedule that segment numbers follow.
    pub(super) grid: Grid,
}

/// A rung and its media playlist.
#[derive(Debug, Clone)]
pub(super) struct RungMedia {
    pub(super) kbps: i64,
    pub(super) height: u32,
    media: Media,
}

/// Why a session cannot go on, or must try again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("{0}")]
    Manifest(#[from] ManifestError),
}

impl Trouble {
    /// A player's error code; `None` when trying again may help.
    pub(super) fn fatal_code(&self) -> Option<String> {
        match self {
            Trouble::Fetch(FetchError::Status(status @ 400..=499)) => {
                Some(format!("http-{status}"))
            }
            Trouble::Fetch(_) => None,
            Trouble::Manifest(_) => Some("manifest".to_owned()),
        }
    }

    /// The server answers that it cannot serve the request now.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Trouble::Fetch(FetchError::Status(500..)))
    }
}

/// A segment whose video and audio have arrived.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) k: u64,
    pub(super) video: Fetched,
}

/// The outcome of fetching a segment, and every request made for it.
#[derive(Debug)]
pub(super) struct SegmentOutcome {
    pub(super) requests: Vec<Request>,
    pub(super) segment: Result<Segment, Trouble>,
}

/// A segment to fetch.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) rung: usize,
    pub(super) k: u64,
    pub(super) sid: String,
    /// Init segments are needed too: the rung or the pathway is new.
    pub(super) inits: bool,
}

/// Fetches the master playlist, then the playlists of the first pathway.
pub(super) async fn open(
    viewer: &Viewer,
    stream: &str,
    sid: &str,
) -> Result<(Master, Stream), Trouble> {
    let address = viewer.settings.play_url(stream);
    let base = crate::play::master(&viewer.client, &address, sid).await?;
    let master = Master::parse(&fetch::text(&viewer.client, base.clone()).await?, &base)?;
    let wanted = master.steering.as_ref().and_then(|steering| steering.first.as_deref());
    let known = wanted.filter(|id| master.pathway(id).is_some());
    let first = known.or(master.pathways.first().map(|pathway| pathway.id.as_str()));
    let first = first.unwrap_or_default().to_owned();
    let stream = enter(viewer, &master, &first).await?;
    Ok((master, stream))
}

/// Fetches the playlists of a pathway: every rung's and the audio's.
pub(super) async fn enter(viewer: &Viewer, master: &Master, id: &str) -> Result<Stream, Trouble> {
    let nowhere = || FetchError::Broken(format!("no pathway {id:?}"));
    let pathway = master.pathway(id).ok_or_else(nowhere)?;
    let media = async |url: &Url| -> Result<Media, Trouble> {
        Ok(Media::parse(&fetch::text(&viewer.client, url.clone()).await?, url)?)
    };
    let mut rungs = Vec::new();
    for rung in &pathway.rungs {
        let kbps = i64::try_from(rung.bandwidth / 1_000).unwrap_or(i64::MAX);
        rungs.push(RungMedia { kbps, height: rung.height, media: media(&rung.playlist).await? });
    }
    let audio = match &pathway.audio {
        Some(url) => Some(media(url).await?),
        None => None,
    };
    let newest = rungs.iter().map(|rung| rung.media.newest).chain(audio.iter().map(|a| a.newest));
    let first = newest.min().unwrap_or(0).saturating_sub(START_BEHIND);
    let grid = rungs.first().map_or(Grid::DEMO, |rung| rung.media.grid);
    Ok(Stream { pathway: id.to_owned(), rungs, audio, first, grid })
}

/// The newest segment that can be requested at `now_us` without being held.
pub(super) fn newest(grid: Grid, now_us: i64) -> u64 {
    grid.k_at(now_us - ASK_AFTER_US).saturating_sub(1)
}

/// An object to request.
struct Object {
    url: Url,
    /// CMCD `ot`.
    kind: &'static str,
    /// Segment and its kbps; `None` for an init segment.
    segment: Option<(u64, i64)>,
}

/// Adds CMCD v1 data to a request's URL, as CDNs receive it.
fn decorate(object: Object, sid: &str, cid: &str, grid: Grid) -> Url {
    let mut record = Record::default()
        .text("cid", cid)
        .token("ot", object.kind)
        .token("sf", "h")
        .text("sid", sid)
        .token("st", "l");
    if let Some((_, kbps)) = object.segment {
        record = record.token("br", kbps).token("d", (grid.duration_us() + 500) / 1_000);
    }
    let mut url = object.url;
    url.query_pairs_mut().append_pair("CMCD", &record.line());
    url
}

/// Sends requests on one pathway and records each as it completes.
struct Requester<'a> {
    viewer: &'a Viewer,
    pathway: &'a str,
    grid: Grid,
    sid: &'a str,
    line: watch::Receiver<u32>,
}

impl Requester<'_> {
    async fn get(&self, object: Object) -> (Result<Fetched, FetchError>, Request) {
        let k = object.segment.map(|(k, _)| k);
        let url = decorate(object, self.sid, &self.viewer.settings.stream, self.grid);
        let at = self.viewer.clock.now_us();
        let track = url.path_segments().and_then(|mut path| path.nth_back(1)).unwrap_or_default();
        let track = track.to_owned();
        let got = fetch::media(&self.viewer.client, url, self.line.clone()).await;
        let took = (self.viewer.clock.now_us() - at).max(0).unsigned_abs() / 1_000;
        let status = match &got {
            Ok(_) => 200,
            Err(FetchError::Status(status)) => *status,
            Err(FetchError::Broken(_)) => 0,
        };
        let pathway = self.pathway.to_owned();
        let at_ms = at.div_euclid(1_000);
        (got, Request { at_ms, pathway, track, k, status, took_ms: took })
    }
}

/// Fetches a segment of one rung with its audio, once it is due.
pub(super) async fn segment(
    viewer: &Viewer,
    stream: &Stream,
    wanted: &Wanted,
    line: &watch::Receiver<u32>,
) -> SegmentOutcome {
    let now = viewer.clock.now_us();
    let ask_us = stream.grid.closed_us(wanted.k) + ASK_AFTER_US;
    if ask_us > now {
        sleep(until(Some(ask_us), now)).await;
    }
    let (pathway, grid) = (stream.pathway.as_str(), stream.grid);
    let requester = Requester { viewer, pathway, grid, sid: &wanted.sid, line: line.clone() };
    let mut outcome = SegmentOutcome {
        requests: Vec::new(),
        segment: Err(FetchError::Broken("no such rung".to_owned()).into()),
    };
    let Some(rung) = stream.rungs.get(wanted.rung) else { return outcome };
    let inits = [Some(&rung.media), stream.audio.as_ref()].into_iter().flatten();
    for media in inits.filter(|_| wanted.inits) {
        let init = Object { url: media.init.clone(), kind: "i", segment: None };
        let (got, request) = requester.get(init).await;
        outcome.requests.push(request);
        if let Err(error) = got {
            outcome.segment = Err(error.into());
            return outcome;
        }
    }
    let k = wanted.k;
    let object = |media: &Media, kind, kbps| Object {
        url: media.segment(k),
        kind,
        segment: Some((k, kbps)),
    };
    let video = requester.get(object(&rung.media, "v", rung.kbps));
    let audio = async {
        let audio = stream.audio.as_ref()?;
        Some(requester.get(object(audio, "a", 64)).await)
    };
    // Both are awaited, so that every request is recorded.
    let ((video, request), audio) = join(video, audio).await;
    outcome.requests.push(request);
    let (audio, request) = audio.unzip();
    outcome.requests.extend(request);
    outcome.segment = match (video, audio.transpose()) {
        (Ok(video), Ok(_)) => Ok(Segment { k, video }),
        (Err(error), _) | (_, Err(error)) => Err(error.into()),
    };
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_state_a_segments_duration_and_bitrate_but_not_an_inits() {
        let cmcd = |kind, segment| {
            let url = Url::parse("http://e/v-360/7.m4s").unwrap();
            let grid = Grid::new(1_920_000, 1_000_000).unwrap();
            let url = decorate(Object { url, kind, segment }, "s", "demo", grid);
            url.query_pairs().map(|(_, value)| value.into_owned()).collect::<String>()
        };
        let segment = r#"br=700,cid="demo",d=1920,ot=v,sf=h,sid="s",st=l"#;
        assert_eq!(cmcd("v", Some((7, 700))), segment);
        assert_eq!(cmcd("i", None), r#"cid="demo",ot=i,sf=h,sid="s",st=l"#);
    }
}
