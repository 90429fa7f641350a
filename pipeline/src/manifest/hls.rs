//! HLS playlists (RFC 8216). The media sequence number is K, so it needs no stored state.

use std::fmt::Write;

use super::{View, iso_ms, low_rungs, newest_due};
use crate::ladder::{Ladder, Media, Track};

/// The version that `EXT-X-MAP` requires for ordinary segments.
const VERSION: u32 = 6;
/// The group of all audio renditions; with pathways, the prefix of their groups.
const GROUP: &str = "audio";

/// The multivariant playlist: every rung once, or with steering once per pathway.
pub fn master(ladder: &Ladder, view: &View) -> String {
    let mut out = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let Some(steering) = &view.steering else {
        variants(&mut out, ladder, &all(ladder), &Names::default());
        return out;
    };
    let first = view.pathways.first().map_or("", |pathway| pathway.id.as_str());
    line(
        &mut out,
        &format!("#EXT-X-CONTENT-STEERING:SERVER-URI=\"{}\",PATHWAY-ID=\"{first}\"", steering.url),
    );
    let low = low_rungs(ladder);
    for pathway in view.pathways.iter().filter(|pathway| !pathway.low || !low.is_empty()) {
        let rungs = if pathway.low { low.clone() } else { all(ladder) };
        let names = Names {
            attribute: format!(",PATHWAY-ID=\"{}\"", pathway.id),
            group: format!("-{}", pathway.id),
            query: format!("?pathway={}&{}", pathway.id, steering.session),
        };
        variants(&mut out, ladder, &rungs, &names);
    }
    out
}

/// What a pathway adds to the lines of its variants; nothing without steering.
#[derive(Debug, Default)]
struct Names {
    attribute: String,
    group: String,
    query: String,
}

/// The tracks that become variants: video, or audio when there is no video.
fn all(ladder: &Ladder) -> Vec<&Track> {
    let has_video = ladder.tracks.iter().any(Track::is_video);
    ladder.tracks.iter().filter(|track| track.is_video() || !has_video).collect()
}

fn variants(out: &mut String, ladder: &Ladder, rungs: &[&Track], names: &Names) {
    let Names { attribute, group, query } = names;
    let audio: Vec<&Track> = ladder.tracks.iter().filter(|track| !track.is_video()).collect();
    if ladder.tracks.iter().any(Track::is_video) {
        for (at, track) in audio.iter().enumerate() {
            let Media::Audio { channels, .. } = track.media else { continue };
            let default = if at == 0 { "YES" } else { "NO" };
            line(
                out,
                &format!(
                    "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{GROUP}{group}\",NAME=\"{0}\",DEFAULT={default},AUTOSELECT=YES,CHANNELS=\"{channels}\"{attribute},URI=\"{0}/index.m3u8{query}\"",
                    track.name
                ),
            );
        }
    }
    // Each variant is a video track with audio; its bandwidth allows for the largest audio track.
    let sound = audio.iter().max_by_key(|track| track.bandwidth);
    for track in rungs {
        let Media::Video { width, height } = track.media else {
            line(
                out,
                &format!(
                    "#EXT-X-STREAM-INF:BANDWIDTH={},CODECS=\"{}\"{attribute}",
                    track.bandwidth, track.codecs
                ),
            );
            line(out, &format!("{}/index.m3u8{query}", track.name));
            continue;
        };
        let bandwidth = track.bandwidth + sound.map_or(0, |sound| sound.bandwidth);
        let (codecs, audio) = match audio.first() {
            Some(first) => {
                (format!("{},{}", track.codecs, first.codecs), format!(",AUDIO=\"{GROUP}{group}\""))
            }
            None => (track.codecs.clone(), String::new()),
        };
        line(
            out,
            &format!(
                "#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},CODECS=\"{codecs}\",RESOLUTION={width}x{height},FRAME-RATE={:.3}{audio}{attribute}",
                f64::from(ladder.fps)
            ),
        );
        line(out, &format!("{}/index.m3u8{query}", track.name));
    }
}

/// The media playlist of `track` at `now_us`: the last segments that are due.
///
/// Slate is not a discontinuity: it has the programme's own init segment and times.
pub fn media(ladder: &Ladder, track: &Track, view: &View, now_us: i64) -> String {
    let end =
        newest_due(ladder, view.margin_us, now_us).map_or(0, |newest| newest.saturating_add(1));
    let first = end.saturating_sub(view.window.into());
    let seconds =
        |k| ladder.duration(track, k).map_or(0.0, |units| units_to_seconds(units, track.timescale));
    let longest = (first..end).map(seconds).fold(ladder.grid.seconds(), f64::max);
    let base = format!("{}/live/{}/{}", view.base(), ladder.stream, track.name);
    let mut out = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n");
    line(&mut out, &format!("#EXT-X-TARGETDURATION:{}", longest.round().max(1.0)));
    line(&mut out, &format!("#EXT-X-MEDIA-SEQUENCE:{first}"));
    line(&mut out, "#EXT-X-INDEPENDENT-SEGMENTS");
    line(&mut out, &format!("#EXT-X-MAP:URI=\"{base}/{}\"", track.init));
    for k in first..end {
        line(&mut out, &format!("#EXT-X-PROGRAM-DATE-TIME:{}", iso_ms(start_us(ladder, track, k))));
        line(&mut out, &format!("#EXTINF:{:.6},", seconds(k)));
        line(&mut out, &format!("{base}/{k}.m4s"));
    }
    out
}

/// When the first frame of segment `k` is presented, Unix µs. Audio may begin slightly after the
/// schedule's start, on its own frame grid.
fn start_us(ladder: &Ladder, track: &Track, k: u64) -> i64 {
    let Some(tfdt) = ladder.tfdt(track, k) else { return ladder.grid.start_us(k) };
    let us = u128::from(tfdt) * 1_000_000 / u128::from(track.timescale.max(1));
    i64::try_from(us).unwrap_or(i64::MAX)
}

fn units_to_seconds(units: u64, timescale: u32) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a segment's duration is far below 2^53 units")]
    let units = units as f64;
    units / f64::from(timescale.max(1))
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
