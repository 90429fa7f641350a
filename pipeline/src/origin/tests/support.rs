//! An origin with its own port and clock, and media to PUT there.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use tallylight_schemas::clock::{Clock, ManualClock};
use tallylight_schemas::grid::Grid;
use tallylight_serve::TaskEnded;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use crate::ladder::{Ladder, Track};
use crate::mp4::sample::{self, Shape};
use crate::origin::{Settings, build};
use crate::serve::build::Parts;

/// The segment the tests are about.
pub(crate) const K: u64 = 897_500_000;

pub(crate) struct World {
    pub(crate) addr: SocketAddr,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) client: Client,
    pub(crate) ladder: Ladder,
    pub(crate) cancel: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), TaskEnded>>,
}

/// `ms` after the start of segment `K`.
pub(crate) fn at(ms: i64) -> i64 {
    Grid::DEMO.start_us(K) + ms * 1_000
}

/// Gives requests time to arrive where they wait. In steps: if the machine stands still, a single
/// pause is over before anything has moved, while each of these lets all that is ready go on.
pub(crate) async fn arrive() {
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until `is` holds.
pub(crate) async fn until(what: &str, is: impl AsyncFn() -> bool) {
    for _ in 0..1_500 {
        if is().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: it did not come to that");
}

/// Runs at most three times what must take less than `bound`. If the machine stands still for a
/// moment, one run takes longer; what is slow by itself is slow each time.
pub(crate) async fn within(bound: Duration, run: impl AsyncFn() -> Duration) {
    let mut seen = Vec::new();
    for _ in 0..3 {
        let took = run().await;
        if took < bound {
            return;
        }
        seen.push(took);
    }
    panic!("not within {bound:?}: {seen:?}");
}

impl World {
    /// An origin over `data` whose clock is set to `ms` after the start of segment `K`.
    pub(crate) async fn start(data: &Path, ms: i64) -> Self {
        Self::with(data, ms, |_| {}).await
    }

    pub(crate) async fn with(data: &Path, ms: i64, change: impl FnOnce(&mut Settings)) -> Self {
        let clock = Arc::new(ManualClock::at_us(at(ms)));
        let mut settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            media_dir: Some(data.to_owned()),
            ..Settings::default()
        };
        change(&mut settings);
        let service = build(settings, Parts { clock: clock.clone() }).await.unwrap();
        let (addr, cancel) = (service.addr(), CancellationToken::new());
        let running = tokio::spawn(service.run(cancel.clone()));
        let ladder = crate::ladder::tests::demo();
        Self { addr, clock, client: Client::new(), ladder, cancel, running }
    }

    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        self.running.await.unwrap().unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub(crate) async fn status(&self, path: &str) -> u16 {
        self.get(path).await.status().as_u16()
    }

    pub(crate) async fn put(&self, path: &str, body: Vec<u8>) -> StatusCode {
        self.client.put(self.url(path)).body(body).send().await.unwrap().status()
    }

    /// PUTs what the encoder sends at its start.
    pub(crate) async fn announce(&self) {
        for track in &self.ladder.tracks {
            let base = format!("/live/demo/{}", track.name);
            assert_eq!(self.put(&format!("{base}/{}", track.init), sample::init(0)).await, 201);
            for number in if track.is_video() { vec![0] } else { vec![93, 94] } {
                let slate = segment(track, 0, if number == 0 { 50 } else { number });
                assert_eq!(self.put(&format!("{base}/slate/{number}.m4s"), slate).await, 201);
            }
        }
        let text = serde_json::to_vec(&self.ladder).unwrap();
        assert_eq!(self.put("/live/demo/ladder.json", text).await, 201);
    }

    /// The correct bytes of segment `k`.
    pub(crate) fn segment(&self, track: &str, k: u64) -> Vec<u8> {
        let rung = self.ladder.track(track).unwrap();
        segment(rung, self.ladder.tfdt(rung, k).unwrap(), self.ladder.frames(rung, k).unwrap())
    }

    /// PUTs segment `k` as pipeline A does.
    pub(crate) async fn publish(&self, track: &str, k: u64) -> StatusCode {
        self.offer(track, k, self.segment(track, k), &[]).await.status()
    }

    /// PUTs `body` as segment `k` with the facts of the correct one, some of them changed.
    pub(crate) async fn offer(
        &self,
        track: &str,
        k: u64,
        body: Vec<u8>,
        changed: &[(&str, &str)],
    ) -> Response {
        let rung = self.ladder.track(track).unwrap();
        let facts = [
            ("Tallylight-Pipeline", "A".to_owned()),
            ("Tallylight-Frames", self.ladder.frames(rung, k).unwrap().to_string()),
            ("Tallylight-Duration", self.ladder.duration(rung, k).unwrap().to_string()),
            ("Tallylight-Timescale", rung.timescale.to_string()),
            ("Tallylight-Tfdt", self.ladder.tfdt(rung, k).unwrap().to_string()),
            ("Tallylight-Hash", format!("{:016x}", xxh3_64(&body))),
            ("Tallylight-Published-At", self.clock.now_us().to_string()),
        ];
        let mut request =
            self.client.put(self.url(&format!("/live/demo/{track}/{k}.m4s"))).body(body);
        for (name, right) in &facts {
            let value = changed.iter().find(|(n, _)| n == name).map_or(right.as_str(), |(_, v)| v);
            if !value.is_empty() {
                request = request.header(*name, value);
            }
        }
        let more = changed.iter().filter(|(name, _)| facts.iter().all(|(fact, _)| fact != name));
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

fn segment(track: &Track, tfdt: u64, frames: u32) -> Vec<u8> {
    let step = if track.is_video() { 100 } else { 1_024 };
    sample::segment(&Shape { tfdt, frames, step, tfdt64: true, per_sample: false, prft: false })
}

pub(crate) fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
