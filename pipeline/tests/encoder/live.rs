//! The live source, decoded by ffmpeg.

use super::*;
use std::path::Path;
use std::process::Command;

/// Runs a tool that must succeed and write nothing to stderr; returns its stdout.
fn quiet(tool: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(tool).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{tool} {arguments:?}: {said}");
    output.stdout
}

fn init<'a>(published: &'a Published, track: &Track) -> &'a Bytes {
    published.body(&format!("/live/demo/{}/{}", track.name, track.init))
}

fn joined(dir: &Path, published: &Published, track: &Track) -> String {
    let mut bytes = init(published, track).to_vec();
    for (_, _, segment) in published.segments(track) {
        bytes.extend_from_slice(segment);
    }
    let path = dir.join(format!("{}.mp4", track.name));
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Programme, then slate instead of one segment, then programme again.
fn with_slate(dir: &Path, published: &Published, track: &Track) -> String {
    let mut bytes = init(published, track).to_vec();
    for (at, (k, _, segment)) in published.segments(track).into_iter().enumerate() {
        if at != 1 {
            bytes.extend_from_slice(segment);
            continue;
        }
        let number = published.ladder.slate_number(track, k).unwrap();
        let slate = published.body(&format!("/live/demo/{}/slate/{number}.m4s", track.name));
        bytes.extend(mp4::retime(slate, published.ladder.tfdt(track, k).unwrap(), 1).unwrap());
    }
    let path = dir.join(format!("{}-slate.mp4", track.name));
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The frame numbers read from the decoded pictures are those of the schedule.
fn assert_pictures(
    file: &str,
    published: &Published,
    track: &Track,
    (width, height): (usize, usize),
) {
    let raw = quiet(
        "ffmpeg",
        &["-v", "warning", "-i", file, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"],
    );
    let pictures: Vec<_> = raw.chunks(width * height * 3 / 2).collect();
    let segments = published.segments(track);
    assert_eq!(pictures.len(), segments.len() * 50);
    for (n, picture) in (segments[0].0 * 50..).zip(pictures) {
        let expected = u32::try_from(n % (1 << 32)).unwrap();
        assert_eq!(
            encoder::read_strip(picture, width, height),
            Some(expected),
            "{} frame {n}",
            track.name
        );
    }
}

/// The beep starts at the full second, at most 10 ms late because the codec blurs it.
fn assert_sound(file: &str, published: &Published, track: &Track) {
    let raw = quiet("ffmpeg", &["-v", "warning", "-i", file, "-f", "s16le", "-ac", "1", "-"]);
    let samples: Vec<i16> = raw.chunks_exact(2).map(|s| i16::from_le_bytes([s[0], s[1]])).collect();
    let first = published.ladder.tfdt(track, published.segments(track)[0].0).unwrap();
    let second = first.next_multiple_of(48_000) + 48_000;
    let at = usize::try_from(second - first).unwrap();
    let heard = (at - 24_000..at + 24_000).find(|i| samples[*i].unsigned_abs() > 2_000).unwrap();
    let off = i64::try_from(heard).unwrap() - i64::try_from(at).unwrap();
    assert!((0..480).contains(&off), "the beep comes {off} samples after the full second");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_source_is_on_schedule_and_decodes_without_warnings() {
    let published = run(Source::Gst, 4).await;
    assert_on_schedule(&published, 4);
    assert_slates(&published);
    let dir = tempfile::tempdir().unwrap();
    for track in &published.ladder.tracks {
        let file = joined(dir.path(), &published, track);
        quiet("ffprobe", &["-v", "warning", "-show_streams", "-show_packets", &file]);
        match track.media {
            tallylight_pipeline::ladder::Media::Video { width, height } => {
                assert_pictures(&file, &published, track, (width as usize, height as usize));
            }
            tallylight_pipeline::ladder::Media::Audio { .. } => {
                assert_sound(&file, &published, track)
            }
        }
    }
    for track in &published.ladder.tracks {
        quiet(
            "ffmpeg",
            &["-v", "warning", "-i", &with_slate(dir.path(), &published, track), "-f", "null", "-"],
        );
    }
    assert!(published.load < 0.5, "the ladder takes {:.2} of a core", published.load);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_source_ends_when_the_clock_is_set() {
    assert_a_set_clock_ends_it(Source::Gst).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_origin_takes_the_live_source() {
    assert_the_origin_takes_it(Source::Gst).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_frozen_from_the_start_is_reported() {
    let faults = Arc::<Faults>::default();
    faults.freeze(true);
    let settings = Settings { source: Source::Gst, ..Settings::default() };
    let published = run_broken(settings, faults, 3).await;
    for track in published.ladder.tracks.iter().filter(|track| track.is_video()) {
        let segments = published.segments(track);
        assert!(segments.len() >= 3, "{}: only {} segments", track.name, segments.len());
        for (k, ..) in segments.into_iter().skip(1) {
            let (_, object) = &published.objects[&format!("/live/demo/{}/{k}.m4s", track.name)];
            let said = object.headers.iter().find(|(name, _)| *name == "tallylight-defect");
            let frozen = said.is_some_and(|(_, defect)| defect.starts_with("frozen;"));
            assert!(frozen, "{} {k}: {said:?}", track.name);
        }
    }
}

#[test]
fn a_recording_can_be_made() {
    let dir = tempfile::tempdir().unwrap();
    encoder::record(dir.path(), &Settings::default(), 1_795_000_001_000_000).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 25);
}

/// The H.265 rung beside the others: on schedule, described as players expect, decoded without
/// warnings, and showing the same pictures.
#[tokio::test(flavor = "multi_thread")]
async fn an_hevc_rung_is_on_schedule_and_decodes_without_warnings() {
    let settings = Settings { source: Source::Gst, ..Settings::default() }.with_hevc();
    let published = run_with(settings, 2).await;
    let track = published.ladder.track("v-360-hevc").expect("the rung").clone();
    assert!(track.codecs.starts_with("hvc1.1.6.L"), "{}", track.codecs);
    let segments = published.segments(&track);
    assert!(segments.len() >= 2, "{} segments", segments.len());
    for (k, at, bytes) in &segments {
        assert_eq!(check_fragment(&published.ladder, &track, bytes).unwrap().k, *k);
        assert!(*at < Grid::DEMO.due_us(*k, 1_000_000), "segment {k} came after it was due");
    }
    assert_eq!(
        published
            .body("/live/demo/v-360-hevc/slate/0.m4s")
            .windows(4)
            .filter(|w| w == b"slat")
            .count(),
        1
    );
    let dir = tempfile::tempdir().unwrap();
    let file = joined(dir.path(), &published, &track);
    quiet("ffprobe", &["-v", "warning", "-show_streams", "-show_packets", &file]);
    assert_pictures(&file, &published, &track, (640, 360));
    quiet(
        "ffmpeg",
        &["-v", "warning", "-i", &with_slate(dir.path(), &published, &track), "-f", "null", "-"],
    );
}
