use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tallylight_schemas::clock::ManualClock;

use super::*;
use crate::mp4::sample::{Shape, init, segment, segment_of};

/// An origin in memory that answers with the statuses it was given, then 201.
#[derive(Debug, Default)]
struct Memory {
    answers: Mutex<Vec<u16>>,
    taken: Mutex<Vec<Object>>,
}

#[async_trait]
impl Publish for Memory {
    async fn put(&self, object: &Object, _limit: Duration) -> Result<u16, Unreachable> {
        let answer = self.answers.lock().unwrap().pop().unwrap_or(201);
        if answer == 0 {
            return Err(Unreachable("down".into()));
        }
        if answer < 300 {
            self.taken.lock().unwrap().push(object.clone());
        }
        Ok(answer)
    }
}

const K: u64 = 897_500_000;

/// A fragment whose samples each start with a NAL unit of an IDR picture.
fn idr(k: u64, frames: u32) -> Vec<u8> {
    let shape =
        Shape { tfdt: k * 5_000, frames, step: 100, tfdt64: true, per_sample: true, prft: false };
    segment_of(&shape, &[0, 0, 0, 1, 0x65])
}

fn config() -> Config {
    Config { stream: "demo".into(), pipeline: "A".into(), grid: Grid::DEMO, fps: 25 }
}

fn media() -> TrackMedia {
    let slate = segment(&Shape {
        tfdt: 0,
        frames: 50,
        step: 100,
        tfdt64: false,
        per_sample: false,
        prft: false,
    });
    TrackMedia { name: "v-360".into(), bandwidth: 500_000, init: init(77), slates: vec![slate] }
}

fn packager(origin: &Arc<Memory>, now_us: i64) -> Packager {
    let publish = Arc::clone(origin) as Arc<dyn Publish>;
    let parts = Parts {
        clock: Arc::new(ManualClock::at_us(now_us)),
        publish,
        reporter: None,
        inputs: Arc::default(),
        faults: Arc::default(),
    };
    Packager::new(config(), parts, vec![media()]).unwrap()
}

#[tokio::test]
async fn announces_ladder_then_init_then_slate_and_waits_for_the_origin() {
    let origin = Arc::new(Memory::default());
    origin.answers.lock().unwrap().extend([503, 0]);
    let packager = packager(&origin, 0);
    assert!(packager.announce(&CancellationToken::new()).await.unwrap());
    let paths: Vec<_> = origin.taken.lock().unwrap().iter().map(|o| o.path.clone()).collect();
    let init = format!("/live/demo/v-360/{}", packager.ladder().tracks[0].init);
    assert_eq!(paths, ["/live/demo/ladder.json", &init, "/live/demo/v-360/slate/0.m4s"]);
    assert_eq!(packager.counts().retries, 2);
    let slate = &origin.taken.lock().unwrap()[2];
    assert!(slate.body.windows(4).any(|w| w == b"slat"), "filler is marked");
}

#[tokio::test]
async fn another_init_segment_stops_everything() {
    let origin = Arc::new(Memory::default());
    let packager = packager(&origin, 0);
    let (inputs, mut running) = packager.start(&CancellationToken::new());
    inputs[0].offer(Piece::Init(init(99).into()));
    let mut other = init(99);
    let level = other.windows(4).position(|w| w == b"avcC").unwrap() + 7;
    other[level] = 0x1f;
    inputs[0].offer(Piece::Init(other.into()));
    assert!(matches!(running.wait().await, Err(PackagerError::InitDiffers { .. })));
}

/// Offers one fragment at `now_us` and returns the counts and the origin.
async fn offer(bytes: Vec<u8>, now_us: i64, answers: &[u16]) -> (Counts, Arc<Memory>) {
    let origin = Arc::new(Memory::default());
    origin.answers.lock().unwrap().extend(answers);
    let packager = packager(&origin, now_us);
    let (inputs, mut running) = packager.start(&CancellationToken::new());
    inputs[0].offer(Piece::Segment(bytes.into()));
    drop(inputs);
    running.wait().await.unwrap();
    (packager.counts(), origin)
}

fn header(object: &Object, name: &str) -> String {
    object.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone()).unwrap_or_default()
}

#[tokio::test]
async fn input_facts_are_sent_along_and_a_still_picture_is_a_defect() {
    for (still, said) in [(11, ""), (12, "frozen; the frame strip stands still for 12 pictures")] {
        let origin = Arc::new(Memory::default());
        let packager = packager(&origin, Grid::DEMO.closed_us(K));
        packager.shared.parts.inputs.put(Input::Video, K, Fed { hash: 0xab, still });
        let (inputs, mut running) = packager.start(&CancellationToken::new());
        inputs[0].offer(Piece::Segment(idr(K, 50).into()));
        drop(inputs);
        running.wait().await.unwrap();
        let taken = origin.taken.lock().unwrap();
        assert_eq!(header(&taken[0], "tallylight-input-hash"), "00000000000000ab");
        assert_eq!(header(&taken[0], "tallylight-defect"), said);
        assert!(!taken[0].body.is_empty(), "it plays, so it is sent");
    }
}

#[tokio::test]
async fn a_dropped_segment_never_reaches_the_origin() {
    let origin = Arc::new(Memory::default());
    let packager = packager(&origin, Grid::DEMO.closed_us(K));
    packager.shared.parts.faults.drop_segment(K);
    let (inputs, mut running) = packager.start(&CancellationToken::new());
    inputs[0].offer(Piece::Segment(idr(K, 50).into()));
    inputs[0].offer(Piece::Segment(idr(K + 1, 50).into()));
    drop(inputs);
    running.wait().await.unwrap();
    let taken = origin.taken.lock().unwrap();
    let paths: Vec<_> = taken.iter().map(|object| object.path.clone()).collect();
    assert_eq!(paths, [format!("/live/demo/v-360/{}.m4s", K + 1)]);
}

#[tokio::test]
async fn publishes_a_whole_fragment_with_its_facts() {
    let bytes = idr(K, 50);
    let now = Grid::DEMO.closed_us(K) + 45_000;
    let (counts, origin) = offer(bytes, now, &[500]).await;
    assert_eq!((counts.published, counts.retries), (1, 1), "{counts:?}");
    let taken = origin.taken.lock().unwrap();
    assert_eq!(taken[0].path, format!("/live/demo/v-360/{K}.m4s"));
    let header = |name| header(&taken[0], name);
    assert_eq!(header("tallylight-frames"), "50");
    assert_eq!(header("tallylight-tfdt"), (K * 5_000).to_string());
    assert_eq!(header("tallylight-published-at"), now.to_string());
    assert_eq!(header("tallylight-hash"), plan::hash(&taken[0].body));
    assert_eq!(crate::mp4::facts(&taken[0].body).unwrap().sequence, K as u32);
}

#[tokio::test]
async fn wrong_late_and_refused_segments_are_counted_and_not_published() {
    let now = Grid::DEMO.closed_us(K);
    let (counts, origin) = offer(idr(K, 49), now, &[]).await;
    assert_eq!(counts.wrong, 1);
    {
        // The origin is informed, without the bytes.
        let taken = origin.taken.lock().unwrap();
        assert_eq!((taken.len(), taken[0].body.len()), (1, 0));
        let said = header(&taken[0], "tallylight-defect");
        assert_eq!(said, format!("short; segment {K} has 49 frames, not 50"));
    }
    let (counts, origin) = offer(idr(K, 50), Grid::DEMO.slate_us(K), &[]).await;
    assert_eq!((counts.late, origin.taken.lock().unwrap().len()), (1, 0));
    let (counts, _) = offer(idr(K, 50), now, &[409]).await;
    assert_eq!(counts.refused, 1);
}

#[tokio::test]
async fn an_origin_that_lost_the_ladder_gets_it_again() {
    let (counts, origin) = offer(idr(K, 50), Grid::DEMO.closed_us(K), &[412]).await;
    assert_eq!(counts.published, 1, "{counts:?}");
    let taken = origin.taken.lock().unwrap();
    assert_eq!((taken.len(), taken[0].path.as_str()), (4, "/live/demo/ladder.json"));
}

#[test]
fn a_fragment_off_the_grid_or_without_idr_is_a_fault() {
    let ladder = Plan::new(&config(), vec![media()]).unwrap().ladder;
    let check = |bytes: &[u8]| check_fragment(&ladder, &ladder.tracks[0], bytes);
    assert_eq!(check(&idr(K, 50)).unwrap().k, K);
    let moved = crate::mp4::retime(&idr(K, 50), K * 5_000 + 1, 0).unwrap();
    assert!(matches!(check(&moved), Err(Fault::OffGrid { .. })));
    let shape = Shape {
        tfdt: K * 5_000,
        frames: 50,
        step: 100,
        tfdt64: true,
        per_sample: true,
        prft: false,
    };
    assert_eq!(check(&segment(&shape)), Err(Fault::NoIdr { k: K }));
    let shape = Shape { step: 99, ..shape };
    assert!(matches!(check(&segment(&shape)), Err(Fault::Duration { .. })));
}

#[test]
fn a_slate_that_does_not_fit_the_schedule_is_refused() {
    let mut wrong = media();
    wrong.slates = vec![segment(&Shape {
        tfdt: 0,
        frames: 49,
        step: 100,
        tfdt64: false,
        per_sample: false,
        prft: false,
    })];
    assert!(matches!(Plan::new(&config(), vec![wrong]), Err(PackagerError::Slate { .. })));
    let none = TrackMedia { slates: Vec::new(), ..media() };
    assert!(matches!(Plan::new(&config(), vec![none]), Err(PackagerError::Slate { .. })));
}
