//! What a player fetches: playlists once, then segment after segment by number.

use tallylight_schemas::grid::Grid;
use tokio::sync::watch;
use tokio::time::sleep;
use url::Url;

use super::{Viewer, until};
use crate::cmcd_text::Record;
use crate::fetch::{self, FetchError, Fetched};
use crate::manifest::{ManifestError, Master, Media};

/// A segment is asked for this long after it closed; one that comes later is held for us.
const ASK_AFTER_US: i64 = 1_000_000;
/// How far behind the newest listed segment to begin: three segments in all.
const START_BEHIND: u64 = 2;

/// The stream as its playlists describe it.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) rungs: Vec<RungMedia>,
    audio: Option<Media>,
    /// The segment to begin with.
    pub(super) first: u64,
    /// What segment numbers mean.
    pub(super) grid: Grid,
}

/// A rung with its playlist read.
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
}

/// A segment's picture and sound, together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) k: u64,
    pub(super) video: Fetched,
    pub(super) audio: Option<Fetched>,
}

/// Master playlist, then every rung's and the sound's.
pub(super) async fn open(viewer: &Viewer, stream: &str) -> Result<Stream, Trouble> {
    let base = format!("{}/live/{stream}/master.m3u8", viewer.settings.steering_url);
    let base = Url::parse(&base).map_err(|error| FetchError::Broken(error.to_string()))?;
    let master = Master::parse(&fetch::text(&viewer.client, base.clone()).await?, &base)?;
    let media = async |url: &Url| -> Result<Media, Trouble> {
        Ok(Media::parse(&fetch::text(&viewer.client, url.clone()).await?, url)?)
    };
    let mut rungs = Vec::new();
    for rung in &master.rungs {
        let kbps = i64::try_from(rung.bandwidth / 1_000).unwrap_or(i64::MAX);
        rungs.push(RungMedia { kbps, height: rung.height, media: media(&rung.playlist).await? });
    }
    let audio = match &master.audio {
        Some(url) => Some(media(url).await?),
        None => None,
    };
    let newest = rungs.iter().map(|rung| rung.media.newest).chain(audio.iter().map(|a| a.newest));
    let first = newest.min().unwrap_or(0).saturating_sub(START_BEHIND);
    let grid = rungs.first().map_or(Grid::DEMO, |rung| rung.media.grid);
    Ok(Stream { rungs, audio, first, grid })
}

/// What a request says about itself (CMCD v1, as CDNs get it).
fn decorate(mut url: Url, sid: &str, cid: &str, kbps: i64, object: &str) -> Url {
    let record = Record::default()
        .token("br", kbps)
        .text("cid", cid)
        .token("d", 2_000)
        .token("ot", object)
        .token("sf", "h")
        .text("sid", sid)
        .token("st", "l");
    url.query_pairs_mut().append_pair("CMCD", &record.line());
    url
}

/// The init segments of a rung and of the sound.
pub(super) async fn inits(
    viewer: &Viewer,
    stream: &Stream,
    rung: usize,
    sid: &str,
    line: &watch::Receiver<u32>,
) -> Result<u64, Trouble> {
    let cid = &viewer.settings.stream;
    let mut bytes = 0;
    let urls = stream.rungs.get(rung).map(|r| &r.media.init).into_iter();
    for url in urls.chain(stream.audio.as_ref().map(|a| &a.init)) {
        let url = decorate(url.clone(), sid, cid, 0, "i");
        bytes += fetch::media(&viewer.client, url, line.clone()).await?.bytes;
    }
    Ok(bytes)
}

/// Segment `k` of one rung with its sound, once it is time to ask.
pub(super) async fn segment(
    viewer: &Viewer,
    stream: &Stream,
    rung: usize,
    k: u64,
    sid: &str,
    line: &watch::Receiver<u32>,
) -> Result<Pair, Trouble> {
    let now = viewer.clock.now_us();
    let ask_us = stream.grid.closed_us(k) + ASK_AFTER_US;
    if ask_us > now {
        sleep(until(Some(ask_us), now)).await;
    }
    let cid = &viewer.settings.stream;
    let Some(chosen) = stream.rungs.get(rung) else {
        return Err(FetchError::Broken("no such rung".to_owned()).into());
    };
    let video = decorate(chosen.media.segment(k), sid, cid, chosen.kbps, "v");
    let video = fetch::media(&viewer.client, video, line.clone());
    let Some(audio) = &stream.audio else {
        return Ok(Pair { k, video: video.await?, audio: None });
    };
    let audio = decorate(audio.segment(k), sid, cid, 64, "a");
    let audio = fetch::media(&viewer.client, audio, line.clone());
    let (video, audio) = tokio::try_join!(video, audio)?;
    Ok(Pair { k, video, audio: Some(audio) })
}
