//! The encoder and its packager together, publishing into memory: a short run. The long run is
//! one of the end-to-end tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tallylight_pipeline::encoder::{self, EncoderError, Faults, Parts, Settings, Source};
use tallylight_pipeline::ladder::{Ladder, Track};
use tallylight_pipeline::mp4;
use tallylight_pipeline::packager::{Object, Publish, Unreachable, check_fragment};
use tallylight_schemas::clock::{Clock, ManualClock, WallClock};
use tallylight_schemas::grid::Grid;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Default)]
struct Memory(Mutex<Vec<(i64, Object)>>);

#[async_trait]
impl Publish for Memory {
    async fn put(&self, object: &Object, _limit: Duration) -> Result<u16, Unreachable> {
        self.0.lock().unwrap().push((WallClock.now_us(), object.clone()));
        Ok(201)
    }
}

impl Memory {
    /// The fewest segments of any of `tracks` tracks; 0 until each has one.
    fn fewest(&self, tracks: usize) -> usize {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (_, object) in self.0.lock().unwrap().iter() {
            let (track, file) = object.path.rsplit_once('/').unwrap();
            if file.ends_with(".m4s") && !track.ends_with("/slate") {
                *counts.entry(track.to_owned()).or_default() += 1;
            }
        }
        if counts.len() < tracks { 0 } else { counts.into_values().min().unwrap_or(0) }
    }
}

/// What a run published.
struct Published {
    ladder: Ladder,
    objects: BTreeMap<String, (i64, Object)>,
    /// Cores in use during the run.
    load: f64,
}

impl Published {
    fn body(&self, path: &str) -> &Bytes {
        &self.objects.get(path).unwrap_or_else(|| panic!("{path} was not published")).1.body
    }

    /// Segments of a track: number, arrival, bytes.
    fn segments(&self, track: &Track) -> Vec<(u64, i64, &Bytes)> {
        let prefix = format!("/live/demo/{}/", track.name);
        let numbered = self.objects.iter().filter_map(|(path, (at, object))| {
            let k = path.strip_prefix(&prefix)?.strip_suffix(".m4s")?.parse().ok()?;
            Some((k, *at, &object.body))
        });
        numbered.collect()
    }
}

/// Live encoders run one at a time: each must keep real time, and the CPU use of one is measured.
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn turn(source: Source) -> Option<tokio::sync::MutexGuard<'static, ()>> {
    if source == Source::Gst { Some(ONE.lock().await) } else { None }
}

/// CPU time of this process so far, s.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

/// The longest that preparing and publishing take on the slowest usable machine.
const LONGEST: Duration = Duration::from_secs(90);

async fn run(source: Source, segments: usize) -> Published {
    run_with(Settings { source, ..Settings::default() }, segments).await
}

async fn run_with(settings: Settings, segments: usize) -> Published {
    run_broken(settings, Arc::default(), segments).await
}

/// Runs with these switches until each track has `segments` segments.
async fn run_broken(settings: Settings, faults: Arc<Faults>, segments: usize) -> Published {
    let _turn = turn(settings.source).await;
    let before = cpu_seconds();
    let tracks = settings.rungs.len() + 1;
    let memory = Arc::new(Memory::default());
    let cancel = CancellationToken::new();
    let parts = Parts {
        publish: Some(Arc::clone(&memory) as Arc<dyn Publish>),
        faults,
        ..Parts::new(Arc::new(WallClock))
    };
    let running = tokio::spawn(encoder::run(settings, parts, cancel.clone()));
    let began = tokio::time::Instant::now();
    while memory.fewest(tracks) < segments && began.elapsed() < LONGEST && !running.is_finished() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    cancel.cancel();
    running.await.unwrap().unwrap();
    let load = (cpu_seconds() - before) / began.elapsed().as_secs_f64();
    let taken = std::mem::take(&mut *memory.0.lock().unwrap());
    assert_eq!(taken[0].1.path, "/live/demo/ladder.json", "the ladder comes first");
    let ladder = serde_json::from_slice(&taken[0].1.body).unwrap();
    let objects =
        taken.into_iter().map(|(at, object)| (object.path.clone(), (at, object))).collect();
    Published { ladder, objects, load }
}

/// Every segment passes the packager's check, none is missing, and each arrives before it is due.
fn assert_on_schedule(published: &Published, at_least: usize) {
    assert_eq!(published.ladder.tracks.len(), 4);
    for track in &published.ladder.tracks {
        let segments = published.segments(track);
        assert!(segments.len() >= at_least, "{}: only {} segments", track.name, segments.len());
        for window in segments.windows(2) {
            assert_eq!(window[1].0, window[0].0 + 1, "{} has a hole", track.name);
        }
        for (k, at, bytes) in segments {
            assert_eq!(check_fragment(&published.ladder, track, bytes).unwrap().k, k);
            let facts = mp4::facts(bytes).unwrap();
            assert_eq!(u64::from(facts.sequence), k % (1 << 32));
            let due = Grid::DEMO.due_us(k, 1_000_000);
            assert!(at < due, "{} {k} came {} ms after it was due", track.name, (at - due) / 1_000);
            let bits = bytes.len() as u64 * 8;
            assert!(bits <= track.bandwidth * 5 / 2, "{} {k}: {bits} bits in 2 s", track.name);
            assert!(
                bytes.windows(4).any(|w| w == b"prft") && !bytes.windows(4).any(|w| w == b"lmsg")
            );
        }
    }
}

fn assert_slates(published: &Published) {
    for track in &published.ladder.tracks {
        let numbers: &[u32] = if track.is_video() { &[0] } else { &[93, 94] };
        for number in numbers {
            let slate = published.body(&format!("/live/demo/{}/slate/{number}.m4s", track.name));
            assert!(slate.windows(4).any(|w| w == b"slat"), "marked as filler");
            let k = published.segments(track)[0].0;
            let k = (k..k + 8)
                .find(|k| published.ladder.slate_number(track, *k) == Some(*number))
                .unwrap();
            let moved = mp4::retime(slate, published.ladder.tfdt(track, k).unwrap(), 1).unwrap();
            assert_eq!(check_fragment(&published.ladder, track, &moved).unwrap().k, k);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loop_source_is_on_schedule() {
    let published = run(Source::Loop, 5).await;
    assert_on_schedule(&published, 5);
    assert_slates(&published);
}

/// The machine's clock, which a test sets while it runs.
#[derive(Debug)]
struct SetClock(ManualClock);

impl Clock for SetClock {
    fn now_us(&self) -> i64 {
        WallClock.now_us() + self.0.now_us()
    }
}

async fn assert_a_set_clock_ends_it(source: Source) {
    let _turn = turn(source).await;
    for by_us in [-1_500_000, 1_500_000] {
        let clock = Arc::new(SetClock(ManualClock::at_us(0)));
        let parts =
            Parts { publish: Some(Arc::new(Memory::default())), ..Parts::new(clock.clone()) };
        let running = encoder::run(
            Settings { source, ..Settings::default() },
            parts,
            CancellationToken::new(),
        );
        let set = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            clock.0.advance_us(by_us);
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            ended = running => ended,
            () = set => unreachable!(),
            () = tokio::time::sleep(Duration::from_secs(6)) => panic!("it goes on after {by_us} µs"),
        };
        let Err(EncoderError::ClockJumped { by_ms }) = ended else { panic!("{ended:?}") };
        assert!((by_ms - by_us / 1_000).abs() < 300, "it says {by_ms} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loop_source_ends_when_the_clock_is_set() {
    assert_a_set_clock_ends_it(Source::Loop).await;
}

/// Packager and origin agree on every header and fact: each newest segment is the programme's.
async fn assert_the_origin_takes_it(source: Source) {
    use tallylight_pipeline::{origin, serve::build};
    let _turn = turn(source).await;
    let settings = origin::Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        media_dir: None,
        ..Default::default()
    };
    let origin =
        origin::build(settings, build::Parts { clock: Arc::new(WallClock) }).await.unwrap();
    let url = format!("http://{}", origin.addr());
    let cancel = CancellationToken::new();
    let serving = tokio::spawn(origin.run(cancel.clone()));
    let settings = Settings { source, origin_url: url.clone(), ..Settings::default() };
    let encoding =
        tokio::spawn(encoder::run(settings, Parts::new(Arc::new(WallClock)), cancel.clone()));
    let ladder: Ladder = loop {
        let answer = reqwest::get(format!("{url}/live/demo/ladder.json")).await.unwrap();
        if answer.status() == 200 {
            break answer.json().await.unwrap();
        }
        assert!(!encoding.is_finished(), "no ladder was published");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    // The encoder begins with a whole segment.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let k = Grid::DEMO.k_at(WallClock.now_us());
    for track in &ladder.tracks {
        let file = format!("{url}/live/demo/{}/{}", track.name, track.init);
        assert_eq!(reqwest::get(file).await.unwrap().status(), 200);
        // Held by the origin until the encoder has sent it.
        let answer = reqwest::get(format!("{url}/live/demo/{}/{k}.m4s", track.name)).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["tallylight-pipeline"]),
            (200, &"A".parse().unwrap())
        );
        assert_eq!(check_fragment(&ladder, track, &answer.bytes().await.unwrap()).unwrap().k, k);
        // From before the encoder's start: slate.
        let old = k - 20;
        let answer =
            reqwest::get(format!("{url}/live/demo/{}/{old}.m4s", track.name)).await.unwrap();
        assert_eq!(answer.headers()["tallylight-pipeline"], "slate");
        assert_eq!(check_fragment(&ladder, track, &answer.bytes().await.unwrap()).unwrap().k, old);
    }
    cancel.cancel();
    encoding.await.unwrap().unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_origin_takes_the_loop_source() {
    assert_the_origin_takes_it(Source::Loop).await;
}

#[cfg(feature = "media")]
#[path = "encoder/live.rs"]
mod live;
