use super::*;
use crate::ladder::tests::demo;
use proptest::prelude::*;
use tallylight_schemas::grid::Grid;

const K: u64 = 897_500_000;

fn view() -> View {
    View {
        media_base: "http://127.0.0.1:7711".into(),
        time_url: "http://127.0.0.1:7720/live/demo/time".into(),
        window: 4,
        margin_us: 1_000_000,
    }
}

/// Compares with `tests/goldens/<name>`; `TALLYLIGHT_BLESS=1` writes it.
fn golden(name: &str, text: &str) {
    let path = format!("{}/tests/goldens/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("TALLYLIGHT_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{name}");
}

#[test]
fn goldens() {
    let (ladder, now) = (demo(), Grid::DEMO.start_us(K) + 1_234_567);
    golden("master.m3u8", &hls::master(&ladder));
    golden("video.m3u8", &hls::media(&ladder, &ladder.tracks[0], &view(), now));
    golden("audio.m3u8", &hls::media(&ladder, &ladder.tracks[3], &view(), now));
    golden("manifest.mpd", &dash::mpd(&ladder, &view(), now));
}

#[test]
fn a_segment_is_listed_at_its_due_time() {
    let ladder = demo();
    let due = Grid::DEMO.due_us(K, 1_000_000);
    assert_eq!(newest_due(&ladder, &view(), due - 1), Some(K - 1));
    assert_eq!(newest_due(&ladder, &view(), due), Some(K));
    let list = hls::media(&ladder, &ladder.tracks[0], &view(), due);
    assert!(list.contains(&format!("#EXT-X-MEDIA-SEQUENCE:{}\n", K - 3)));
    assert!(list.ends_with(&format!("http://127.0.0.1:7711/live/demo/v-360/{K}.m4s\n")));
    assert!(!list.contains("DISCONTINUITY") && !list.contains("ENDLIST"));
}

#[test]
fn one_kind_of_track_alone_is_a_stream_too() {
    let mut ladder = demo();
    ladder.tracks.truncate(1);
    assert!(
        hls::master(&ladder)
            .contains("CODECS=\"avc1.64001e\",RESOLUTION=640x360,FRAME-RATE=25.000\n")
    );
    assert!(!dash::mpd(&ladder, &view(), 0).contains("audio"));
    let mut ladder = demo();
    ladder.tracks.drain(..3);
    assert!(
        hls::master(&ladder)
            .contains("#EXT-X-STREAM-INF:BANDWIDTH=72000,CODECS=\"mp4a.40.2\"\naudio/index.m3u8")
    );
}

#[test]
fn before_anything_is_due_the_list_is_empty() {
    let ladder = demo();
    let list = hls::media(&ladder, &ladder.tracks[0], &view(), 0);
    assert!(list.contains("#EXT-X-MEDIA-SEQUENCE:0\n") && !list.contains("EXTINF"));
}

proptest! {
    /// Two loads a moment apart agree: the sequence only moves on, and a segment keeps its
    /// lines while it is listed.
    #[test]
    fn reloads_agree(now in 1_i64 << 45..1_i64 << 51, later in 0_i64..10_000_000, track in 0_usize..4) {
        let ladder = demo();
        let load = |at| hls::media(&ladder, &ladder.tracks[track], &view(), at);
        let (before, after) = (load(now), load(now + later));
        let entries = |list: &str| {
            let body = list.split_once("#EXT-X-PROGRAM").unwrap().1.to_owned();
            body.split("#EXT-X-PROGRAM").map(str::to_owned).collect::<Vec<_>>()
        };
        let (before, after) = (entries(&before), entries(&after));
        let moved = usize::try_from((Grid::DEMO.k_at(now + later - 1_000_000)) - Grid::DEMO.k_at(now - 1_000_000)).unwrap();
        prop_assert_eq!(&before[moved.min(4)..], &after[..4 - moved.min(4)]);
    }
}
