use super::*;

/// The demo's ladder, also for the tests of other modules.
pub(crate) fn demo() -> Ladder {
    let video = |height: u32, width: u32, bandwidth: u64| Track {
        name: format!("v-{height}"),
        codecs: "avc1.64001e".into(),
        bandwidth,
        timescale: 2_500,
        init: format!("init-0{height}.mp4"),
        media: Media::Video { width, height },
    };
    let audio = Track {
        name: "audio".into(),
        codecs: "mp4a.40.2".into(),
        bandwidth: 72_000,
        timescale: 48_000,
        init: "init-0a.mp4".into(),
        media: Media::Audio { rate: 48_000, channels: 2 },
    };
    Ladder {
        stream: "demo".into(),
        grid: Grid::DEMO,
        fps: 25,
        tracks: vec![
            video(360, 640, 700_000),
            video(270, 480, 400_000),
            video(180, 320, 200_000),
            audio,
        ],
    }
}

#[test]
fn the_demo_ladder_is_valid_and_survives_json() {
    let ladder = demo();
    ladder.validate().unwrap();
    let text = serde_json::to_string(&ladder).unwrap();
    assert!(text.contains(r#""kind":"video","width":640"#), "{text}");
    assert_eq!(serde_json::from_str::<Ladder>(&text).unwrap(), ladder);
}

#[test]
fn facts_follow_from_the_schedule() {
    let ladder = demo();
    let (video, audio) = (&ladder.tracks[0], &ladder.tracks[3]);
    assert_eq!(ladder.tfdt(video, 897_500_000), Some(4_487_500_000_000));
    assert_eq!((ladder.frames(video, 7), ladder.duration(video, 7)), (Some(50), Some(5_000)));
    assert_eq!(ladder.slate_number(video, 7), Some(0));
    for k in 897_500_000..897_500_008 {
        let frames = ladder.frames(audio, k).unwrap();
        assert_eq!(ladder.duration(audio, k), Some(u64::from(frames) * 1_024));
        assert_eq!(ladder.slate_number(audio, k), Some(frames));
    }
}

#[test]
fn every_mistake_is_reported_together() {
    let mut ladder = demo();
    ladder.stream = "De mo".into();
    ladder.tracks[0].init = "../init.mp4".into();
    ladder.tracks[1].bandwidth = 0;
    ladder.tracks[2].name = "v-270".into();
    ladder.tracks[3].timescale = 1;
    assert_eq!(ladder.validate().unwrap_err().len(), 5);
}
