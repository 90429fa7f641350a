//! The DASH manifest. Segment numbers count from the epoch, so a player fetches it only once.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat};

use super::{View, decimal, low_kbps};
use crate::ladder::{Ladder, Media, Track};

/// Segment durations that a player stays behind the live edge, besides the publish margin.
const DELAY_SEGMENTS: f64 = 3.0;

/// The MPD at `now_us`; only its `publishTime` depends on the time.
pub fn mpd(ladder: &Ladder, view: &View, now_us: i64) -> String {
    let d = ladder.grid.seconds();
    #[allow(clippy::cast_precision_loss, reason = "a margin is far below 2^53 µs")]
    let margin = view.margin_us as f64 / 1_000_000.0;
    let published = DateTime::from_timestamp_micros(now_us).unwrap_or_default();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut line = |text: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{text}");
    };
    line("<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"dynamic\"".into());
    line(format!(
        "  availabilityStartTime=\"1970-01-01T00:00:00Z\" publishTime=\"{}\"",
        published.to_rfc3339_opts(SecondsFormat::Secs, true)
    ));
    line(format!(
        "  minBufferTime=\"{0}\" maxSegmentDuration=\"{1}\" timeShiftBufferDepth=\"{2}\" suggestedPresentationDelay=\"{3}\">",
        duration(d),
        duration(longest(ladder)),
        duration(d * f64::from(view.window)),
        duration(d * DELAY_SEGMENTS + margin),
    ));
    let pathways = pathways(ladder, view);
    for (id, base) in &pathways {
        line(format!(
            "  <BaseURL serviceLocation=\"{id}\">{}/live/{}/</BaseURL>",
            escape(base),
            ladder.stream
        ));
    }
    if let Some(steering) = &view.steering {
        line(format!(
            "  <ContentSteering defaultServiceLocation=\"{}\" queryBeforeStart=\"false\">{}</ContentSteering>",
            pathways.first().map_or("", |(id, _)| id),
            escape(&steering.url)
        ));
    }
    line("  <Period id=\"epoch\" start=\"PT0S\">".into());
    // A player switches rungs only within an adaptation set, so each codec has its own set.
    let hevc = |track: &Track| track.codecs.starts_with("hvc1");
    for (id, video, of_hevc) in [(1, true, false), (2, false, false), (3, true, true)] {
        let of_set = |track: &&Track| track.is_video() == video && hevc(track) == of_hevc;
        let tracks: Vec<&Track> = ladder.tracks.iter().filter(of_set).collect();
        if !tracks.is_empty() {
            line(adaptation_set(ladder, id, &tracks));
        }
    }
    line("  </Period>".into());
    line(format!(
        "  <UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:http-iso:2014\" value=\"{}\"/>",
        escape(&view.time_url)
    ));
    line("</MPD>".into());
    out
}

/// Names and base addresses of the pathways. All of them offer the whole ladder, since it belongs
/// to the MPD; on a low one, the edge tells the player which bitrate to stay below (CMSD `mb`).
/// Low ones need steering: a player without it would fall back to them as if to another edge.
fn pathways<'a>(ladder: &Ladder, view: &'a View) -> Vec<(&'a str, String)> {
    let low = low_kbps(ladder).filter(|_| view.steering.is_some());
    let base = |pathway: &super::Pathway| match (pathway.low, low) {
        (false, _) => Some(pathway.base.clone()),
        (true, Some(kbps)) => Some(format!("{}/mb/{kbps}", pathway.base)),
        (true, None) => None,
    };
    view.pathways.iter().filter_map(|pathway| Some((pathway.id.as_str(), base(pathway)?))).collect()
}

fn adaptation_set(ladder: &Ladder, id: u32, tracks: &[&Track]) -> String {
    let video = tracks.iter().any(|track| track.is_video());
    let kind = if video { "video" } else { "audio" };
    let extra =
        if video { format!(" frameRate=\"{}\"", ladder.fps) } else { " lang=\"und\"".into() };
    let mut out = format!(
        "    <AdaptationSet id=\"{id}\" contentType=\"{kind}\" mimeType=\"{kind}/mp4\" segmentAlignment=\"true\" startWithSAP=\"1\"{extra}>\n"
    );
    for track in tracks {
        out.push_str(&representation(ladder, track));
    }
    out.push_str("    </AdaptationSet>");
    out
}

fn representation(ladder: &Ladder, track: &Track) -> String {
    let (attributes, inside) = match track.media {
        Media::Video { width, height } => {
            (format!("width=\"{width}\" height=\"{height}\""), String::new())
        }
        Media::Audio { rate, channels } => (
            format!("audioSamplingRate=\"{rate}\""),
            format!(
                "        <AudioChannelConfiguration schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" value=\"{channels}\"/>\n"
            ),
        ),
    };
    let (num, den) = ladder.grid.ratio();
    // Numbers follow from the nominal duration; the real durations of audio vary around it. In
    // the grid's own units it is exact for any frame rate, and ffmpeg, which adds a duration in
    // units to a time in seconds, still finds the live edge.
    let Track { name, codecs, bandwidth, init, .. } = track;
    format!(
        "      <Representation id=\"{name}\" codecs=\"{codecs}\" bandwidth=\"{bandwidth}\" {attributes}>\n{inside}        <SegmentTemplate timescale=\"{den}\" duration=\"{num}\" startNumber=\"0\" initialization=\"{name}/{init}\" media=\"{name}/$Number$.m4s\"/>\n      </Representation>\n"
    )
}

/// The longest segment, seconds: with audio, the schedule's plus one AAC frame.
fn longest(ladder: &Ladder) -> f64 {
    let frame = |track: &Track| match track.media {
        Media::Audio { rate, .. } => f64::from(crate::ladder::AAC_FRAME) / f64::from(rate),
        Media::Video { .. } => 0.0,
    };
    ladder.grid.seconds() + ladder.tracks.iter().map(frame).fold(0.0, f64::max)
}

fn duration(seconds: f64) -> String {
    format!("PT{}S", decimal(seconds))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
