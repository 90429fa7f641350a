use super::*;
use crate::ladder::tests::demo;
use proptest::prelude::*;
use tallylight_schemas::grid::Grid;

const K: u64 = 897_500_000;

fn view() -> View {
    View {
        pathways: vec![pathway("e1", "http://127.0.0.1:7711")],
        steering: None,
        time_url: "http://127.0.0.1:7720/live/demo/time".into(),
        window: 4,
        margin_us: 1_000_000,
    }
}

fn pathway(id: &str, base: &str) -> Pathway {
    Pathway { id: id.into(), base: base.into(), low: id.ends_with("-low") }
}

/// A session that begins on e2.
fn steered() -> View {
    let (e1, e2) = ("http://127.0.0.1:7711", "http://127.0.0.1:7712");
    let url = "http://127.0.0.1:7720/steering/hls?sid=s-1&token=f0".into();
    View {
        pathways: vec![
            pathway("e2", e2),
            pathway("e1", e1),
            pathway("e1-low", e1),
            pathway("e2-low", e2),
        ],
        steering: Some(Steering { url, session: "sid=s-1&token=f0".into() }),
        ..view()
    }
}

/// Compares with `tests/goldens/<name>`; `UPDATE_GOLDENS=1` writes it.
fn golden(name: &str, text: &str) {
    let path = format!("{}/tests/goldens/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{name}");
}

#[test]
fn goldens() {
    let (ladder, now) = (demo(), Grid::DEMO.start_us(K) + 1_234_567);
    golden("master.m3u8", &hls::master(&ladder, &view()));
    golden("video.m3u8", &hls::media(&ladder, &ladder.tracks[0], &view(), now));
    golden("audio.m3u8", &hls::media(&ladder, &ladder.tracks[3], &view(), now));
    golden("manifest.mpd", &dash::mpd(&ladder, &view(), now));
    golden("steered.m3u8", &hls::master(&ladder, &steered()));
    golden("steered.mpd", &dash::mpd(&ladder, &steered(), now));
}

#[test]
fn a_segment_is_listed_at_its_due_time() {
    let ladder = demo();
    let due = Grid::DEMO.due_us(K, 1_000_000);
    assert_eq!(newest_due(&ladder, view().margin_us, due - 1), Some(K - 1));
    assert_eq!(newest_due(&ladder, view().margin_us, due), Some(K));
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
        hls::master(&ladder, &view())
            .contains("CODECS=\"avc1.64001e\",RESOLUTION=640x360,FRAME-RATE=25.000\n")
    );
    assert!(!dash::mpd(&ladder, &view(), 0).contains("audio"));
    let mut ladder = demo();
    ladder.tracks.drain(..3);
    assert!(
        hls::master(&ladder, &view())
            .contains("#EXT-X-STREAM-INF:BANDWIDTH=72000,CODECS=\"mp4a.40.2\"\naudio/index.m3u8")
    );
}

#[test]
fn a_low_pathway_holds_the_lower_half_and_needs_one() {
    let mut ladder = demo();
    let names =
        |ladder: &Ladder| low_rungs(ladder).iter().map(|t| t.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&ladder), ["v-180"]);
    ladder.tracks.drain(..2);
    assert!(names(&ladder).is_empty());
    assert!(!hls::master(&ladder, &steered()).contains("-low"));
    assert!(!dash::mpd(&ladder, &steered(), 0).contains("-low"));
    let unsteered = View { steering: None, ..steered() };
    assert!(!dash::mpd(&demo(), &unsteered, 0).contains("-low"));
}

#[test]
fn before_anything_is_due_the_list_is_empty() {
    let ladder = demo();
    let list = hls::media(&ladder, &ladder.tracks[0], &view(), 0);
    assert!(list.contains("#EXT-X-MEDIA-SEQUENCE:0\n") && !list.contains("EXTINF"));
}

proptest! {
    /// Two loads a moment apart agree: the sequence only advances, and a segment keeps its
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
