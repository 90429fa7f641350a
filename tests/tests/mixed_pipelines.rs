//! The copies of A and B are interchangeable: two hundred segments taken from either at random,
//! coded by two encoders with different pasts, are one programme to ffmpeg and to hls.js.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tallylight_pipeline::encoder::{self, Codec, Rung};
use tallylight_pipeline::ladder::{Ladder, Track};
use tallylight_pipeline::packager::{Object, Publish, Unreachable};
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_tests::browser;
use tokio_util::sync::CancellationToken;

/// Segments in the mix.
const MIXED: usize = 200;
/// How much faster than real time the encoders run.
const SPEED: i64 = 6;

/// The machine's clock, sped up.
#[derive(Debug)]
struct Fast {
    began: Instant,
    at_us: i64,
}

impl Clock for Fast {
    fn now_us(&self) -> i64 {
        self.at_us + SPEED * i64::try_from(self.began.elapsed().as_micros()).unwrap()
    }
}

#[derive(Debug, Default)]
struct Taken(Mutex<BTreeMap<String, Object>>);

impl Publish for Taken {
    fn put<'a, 'b, 'c>(
        &'a self,
        object: &'b Object,
        _limit: Duration,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<u16, Unreachable>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.0.lock().unwrap().insert(object.path.clone(), object.clone());
        Box::pin(async { Ok(201) })
    }
}

impl Taken {
    fn ladder(&self) -> Ladder {
        let all = self.0.lock().unwrap();
        serde_json::from_slice(&all["/live/demo/ladder.json"].body).unwrap()
    }

    fn object(&self, track: &Track, name: &str) -> Option<Object> {
        self.0.lock().unwrap().get(&format!("/live/demo/{}/{name}", track.name)).cloned()
    }

    fn segments(&self, track: &Track) -> Vec<u64> {
        let prefix = format!("/live/demo/{}/", track.name);
        let all = self.0.lock().unwrap();
        let names = all.keys().filter_map(|path| path.strip_prefix(&prefix)?.strip_suffix(".m4s"));
        names.filter_map(|name| name.parse().ok()).collect()
    }
}

fn encoder(pipeline: &str, clock: &Arc<Fast>, taken: &Arc<Taken>, cancel: &CancellationToken) {
    let settings = encoder::Settings {
        pipeline: pipeline.into(),
        // One small rung, so that two encoders at this speed fit on two cores.
        rungs: vec![Rung {
            name: "v-180".into(),
            width: 320,
            height: 180,
            kbps: 150,
            codec: Codec::Avc,
        }],
        ..Default::default()
    };
    let parts = encoder::Parts {
        publish: Some(Arc::clone(taken) as Arc<dyn Publish>),
        ..encoder::Parts::new(Arc::clone(clock) as Arc<dyn Clock>)
    };
    let cancel = cancel.clone();
    tokio::spawn(async move { encoder::run(settings, parts, cancel).await.expect("an encoder") });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_random_mix_of_both_pipelines_decodes_and_plays() {
    let clock = Arc::new(Fast { began: Instant::now(), at_us: WallClock.now_us() });
    let (a, b) = (Arc::new(Taken::default()), Arc::new(Taken::default()));
    let cancel = CancellationToken::new();
    encoder("A", &clock, &a, &cancel);
    // B starts later, so that its rate control has another past.
    tokio::time::sleep(Duration::from_secs(2)).await;
    encoder("B", &clock, &b, &cancel);
    let deadline = Instant::now() + Duration::from_secs(120);
    let (ladder, common) = loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(Instant::now() < deadline, "too few segments");
        if a.segments(&ladder_track(&a)).len() <= MIXED || b.0.lock().unwrap().is_empty() {
            continue;
        }
        let common = both(&a, &b);
        if common.len() >= MIXED {
            break (a.ladder(), common[..MIXED].to_vec());
        }
    };
    cancel.cancel();
    assert_eq!(ladder, b.ladder(), "the init segments are the same");
    check_inputs(&ladder, &common, &a, &b);
    let folder = tempfile::tempdir().unwrap();
    let from_b = mix(folder.path(), &ladder, &common, &a, &b);
    println!("{MIXED} segments, {from_b} of them B's");
    for track in &ladder.tracks {
        decode(&folder.path().join(format!("{}.mp4", track.name)));
    }
    let folder = folder.path().display().to_string();
    let seen = browser::run("mix.mjs", &[&folder], Duration::from_secs(150)).await;
    println!("hls.js: {seen}");
    assert_eq!(seen["errors"].as_array().map(Vec::len), Some(0), "{seen}");
    assert!(seen["played"].as_f64().unwrap() > 2.0 * MIXED as f64 - 4.0, "{seen}");
}

fn ladder_track(taken: &Taken) -> Track {
    let known = taken.0.lock().unwrap().contains_key("/live/demo/ladder.json");
    match known {
        true => taken.ladder().tracks[0].clone(),
        false => Track {
            name: "none".into(),
            codecs: String::new(),
            bandwidth: 0,
            timescale: 1,
            init: String::new(),
            media: tallylight_pipeline::ladder::Media::Video { width: 1, height: 1 },
        },
    }
}

/// The segment numbers that both have of every track, without a gap.
fn both(a: &Taken, b: &Taken) -> Vec<u64> {
    let ladder = a.ladder();
    let mut all: Option<Vec<u64>> = None;
    for (taken, track) in [a, b].iter().flat_map(|t| ladder.tracks.iter().map(move |one| (t, one)))
    {
        let here = taken.segments(track);
        all =
            Some(all.map_or(here.clone(), |all| {
                all.into_iter().filter(|k| here.contains(k)).collect()
            }));
    }
    let all = all.unwrap_or_default();
    assert!(all.windows(2).all(|pair| pair[1] == pair[0] + 1), "a hole: {all:?}");
    all
}

/// The uncoded input of both for a segment is the same.
fn check_inputs(ladder: &Ladder, common: &[u64], a: &Taken, b: &Taken) {
    let hash = |taken: &Taken, track: &Track, k: u64| {
        let object = taken.object(track, &format!("{k}.m4s")).unwrap();
        let found = object.headers.iter().find(|(name, _)| *name == "tallylight-input-hash");
        found.map(|(_, value)| value.clone()).expect("an input hash")
    };
    let mut seen = std::collections::BTreeSet::new();
    for (track, k) in ladder.tracks.iter().flat_map(|t| common.iter().map(move |k| (t, *k))) {
        let fed = hash(a, track, k);
        assert_eq!(fed, hash(b, track, k), "{} {k}", track.name);
        seen.insert(fed);
    }
    assert!(seen.len() > common.len(), "inputs differ from segment to segment: {}", seen.len());
}

/// Writes the mix: a file per track for ffmpeg, and an HLS presentation. Returns how many segments
/// are B's.
fn mix(folder: &Path, ladder: &Ladder, common: &[u64], a: &Taken, b: &Taken) -> usize {
    let mut rng = StdRng::seed_from_u64(4);
    let mut from_b = 0;
    let mut master = String::from("#EXTM3U\n#EXT-X-VERSION:6\n");
    for track in &ladder.tracks {
        let mut whole = a.object(track, &track.init).unwrap().body.to_vec();
        std::fs::write(folder.join(format!("{}-init.mp4", track.name)), &whole).unwrap();
        let mut list = format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"{}-init.mp4\"\n",
            track.name
        );
        for k in common {
            let of_b = rng.random_bool(0.5);
            from_b += usize::from(of_b && track.is_video());
            let body = if of_b { b } else { a }.object(track, &format!("{k}.m4s")).unwrap().body;
            whole.extend_from_slice(&body);
            let name = format!("{}-{k}.m4s", track.name);
            std::fs::write(folder.join(&name), &body).unwrap();
            let units = ladder.duration(track, *k).unwrap() as f64;
            writeln!(list, "#EXTINF:{:.6},\n{name}", units / f64::from(track.timescale)).unwrap();
        }
        list.push_str("#EXT-X-ENDLIST\n");
        std::fs::write(folder.join(format!("{}.mp4", track.name)), whole).unwrap();
        std::fs::write(folder.join(format!("{}.m3u8", track.name)), list).unwrap();
        if !track.is_video() {
            writeln!(master, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",DEFAULT=YES,AUTOSELECT=YES,URI=\"{}.m3u8\"", track.name).unwrap();
        }
    }
    let video = ladder.tracks.iter().find(|track| track.is_video()).unwrap();
    writeln!(
        master,
        "#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS=\"{},mp4a.40.2\",AUDIO=\"a\"\n{}.m3u8",
        video.codecs, video.name
    )
    .unwrap();
    std::fs::write(folder.join("master.m3u8"), master).unwrap();
    assert!((MIXED / 4..=MIXED * 3 / 4).contains(&from_b), "{from_b} are B's");
    from_b
}

/// ffmpeg decodes all of it without a message.
fn decode(file: &Path) {
    let output = Command::new("ffmpeg")
        .args(["-v", "warning", "-i"])
        .arg(file)
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", file.display());
}
