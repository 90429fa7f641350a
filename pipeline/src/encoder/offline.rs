//! Renders whole segments ahead of time with the live pipeline's own settings: the slate, and
//! the recording that the loop source plays.

use std::sync::Arc;

use parking_lot::Mutex;

use super::feed::{Feed, Outlet, failed};
use super::pure::draw::Canvas;
use super::pure::tone;
use super::{EncoderError, Settings};
use crate::ladder::AAC_FRAME;
use crate::packager::{Piece, TrackMedia};

/// The content to render.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Programme,
    Slate,
}

/// One track's rendered bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Rendered {
    pub(super) init: Vec<u8>,
    pub(super) segments: Vec<Vec<u8>>,
}

/// Renders segments `k .. k + count` of every track; audio is the last.
pub(super) fn render(
    settings: &Settings,
    what: Content,
    k: u64,
    count: u64,
) -> Result<Vec<Rendered>, EncoderError> {
    let tracks = Arc::new(Mutex::new(vec![Rendered::default(); settings.rungs.len() + 1]));
    let into = Arc::clone(&tracks);
    let outlet: Outlet = Arc::new(move |track, piece| {
        let mut tracks = into.lock();
        let Some(track) = tracks.get_mut(track) else { return };
        match piece {
            Piece::Init(bytes) => track.init = bytes.to_vec(),
            Piece::Segment(bytes) if (track.segments.len() as u64) < count => {
                track.segments.push(bytes.to_vec())
            }
            // Media after the last whole segment was pushed only to flush that one.
            Piece::Segment(_) => {}
        }
    });
    let feed = Feed::start(settings, true, &outlet)?;
    push(settings, what, k, count, &feed)?;
    feed.finish()?;
    drop(feed);
    let tracks = std::mem::take(&mut *tracks.lock());
    if tracks.iter().any(|track| track.init.is_empty() || (track.segments.len() as u64) < count) {
        return Err(failed("rendering gave fewer segments than requested"));
    }
    Ok(tracks)
}

fn push(
    settings: &Settings,
    what: Content,
    k: u64,
    count: u64,
    feed: &Feed,
) -> Result<(), EncoderError> {
    let Settings { grid, fps, rungs, audio, .. } = settings;
    let (width, height) =
        rungs.first().map_or((640, 360), |rung| (rung.width as usize, rung.height as usize));
    let gop = u64::from(grid.frames(*fps).unwrap_or(50));
    let mut canvas = match what {
        Content::Programme => Canvas::programme(width, height, *fps),
        Content::Slate => Canvas::slate(width, height, *fps),
    };
    // At the end of its input the muxer extends the last segment, so one more follows that is
    // not kept.
    for n in k * gop..=(k + count + 1) * gop {
        if what == Content::Programme {
            canvas.draw(n);
        }
        feed.push_video(n, canvas.pixels())?;
    }
    let first = |k| grid.first_audio_sample(k, audio.rate, AAC_FRAME);
    let mut samples = vec![0.0; AAC_FRAME as usize];
    for block in first(k) / u64::from(AAC_FRAME)..first(k + count) / u64::from(AAC_FRAME) + 3 {
        if what == Content::Programme {
            tone::write(block * u64::from(AAC_FRAME), audio.rate, &mut samples);
        }
        feed.push_audio(block * u64::from(AAC_FRAME), &samples)?;
    }
    Ok(())
}

/// The slate of every track, rendered with the track's own settings; audio in each length
/// that the schedule needs.
pub(super) fn slate(settings: &Settings) -> Result<Vec<TrackMedia>, EncoderError> {
    let Settings { grid, audio, .. } = settings;
    let first = |k| grid.first_audio_sample(k, audio.rate, AAC_FRAME);
    let length = |k| first(k + 1) - first(k);
    // Two neighbours of different length, if lengths differ at all; never K = 0, whose zero
    // timestamp some elements treat as "no time".
    let k = (1..1_024).find(|k| length(*k) != length(k + 1)).unwrap_or(1);
    let rendered = render(settings, Content::Slate, k, 2)?;
    Ok(media(settings, rendered, |track| if track < settings.rungs.len() { 1 } else { 2 }))
}

/// Rendered tracks with their names and bitrates; each keeps `keep(track)` segments as slate.
fn media(
    settings: &Settings,
    rendered: Vec<Rendered>,
    keep: impl Fn(usize) -> usize,
) -> Vec<TrackMedia> {
    let names = settings.rungs.iter().map(|rung| (&rung.name, rung.kbps));
    let names = names.chain(std::iter::once((&settings.audio.name, settings.audio.kbps)));
    let tracks = names.zip(rendered).enumerate();
    let tracks = tracks.map(|(at, ((name, kbps), rendered))| TrackMedia {
        name: name.clone(),
        bandwidth: u64::from(kbps) * 1_000,
        init: rendered.init,
        slates: rendered.segments.into_iter().take(keep(at)).collect(),
    });
    tracks.collect()
}
