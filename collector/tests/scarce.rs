//! Overload of the collector's processor instead of the log (docs/testing.md, "What must hold"):
//! the collector has one core, and bodies are large, compressed or not.
//!
//! The test checks that goodput holds, that small bodies and another tenant's are accepted, that
//! every POST is answered, that memory is bounded, and that the collector recovers after the flood.
//! A body that the collector has no time to read is refused as a whole, whatever its records are;
//! the client still has them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(missing_docs)]

#[path = "support/child.rs"]
#[allow(dead_code, unreachable_pub, clippy::print_stdout)]
mod child;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use child::{Collector, folder};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::future::join_all;
use futures::join;
use tallylight_collector::Settings;
use tallylight_schemas::clock::{Clock, WallClock};
use tokio::time::{Instant, sleep_until};

/// Records of a POST; one in twenty is a start, an error or an end.
const BATCH: u64 = 2_000;
/// The most memory that the collector may hold, bytes.
const MEMORY: u64 = 512 << 20;
/// When a client gives up.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
#[ignore = "the other tests start it as a process"]
fn the_collector() {
    child::be_the_collector();
}

fn duration() -> Duration {
    Duration::from_secs(if std::env::var_os("TALLYLIGHT_SOAK").is_some() { 20 } else { 1 })
}

/// The defaults, without the limit per session, because the test has few sessions.
fn settings() -> Settings {
    let write_keys = ["demo", "other"].map(|key| (key.to_owned(), key.to_owned())).into();
    Settings { session_records_per_s: 0, write_keys, ..Settings::default() }
}

fn body(packed: bool) -> Vec<u8> {
    let ts = WallClock.now_us() / 1_000;
    let record = |n: u64| match n % 20 {
        0 => {
            let what = ["e=ps,sta=s", "e=e,ec=(\"x\"),sta=p", "e=ps,sta=e"][(n / 20 % 3) as usize];
            format!("{what},sid=\"s{n}\",sn=1,ts={ts},v=2\n")
        }
        _ => format!("bl=(1200;v 900;a),br=(3000;v),e=t,sid=\"s{n}\",sn={n},sta=p,ts={ts},v=2\n"),
    };
    let text: String = (0..BATCH).map(record).collect();
    if !packed {
        return text.into_bytes();
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// The outcome of some POSTs.
#[derive(Debug, Default)]
struct Outcome {
    posts: u64,
    accepted: u64,
    statuses: BTreeMap<u16, u64>,
    /// Until each was answered, in ascending order.
    latencies: Vec<Duration>,
    took: Duration,
}

impl Outcome {
    fn goodput(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64()
    }

    fn taken(&self) -> u64 {
        self.statuses.get(&204).copied().unwrap_or_default()
    }
}

struct Clients {
    client: reqwest::Client,
    url: String,
    packed: bool,
    body: Vec<u8>,
}

impl Clients {
    /// A POST: its status (0: no answer in time), the accepted records, and the latency.
    async fn post(&self) -> (u16, u64, Duration) {
        self.post_as("demo", if self.packed { "gzip" } else { "identity" }, self.body.clone()).await
    }

    async fn post_as(&self, key: &str, encoding: &str, body: Vec<u8>) -> (u16, u64, Duration) {
        let sent = Instant::now();
        let request = self.client.post(format!("{}{key}", self.url));
        let answer = request.header("content-encoding", encoding).body(body).send().await;
        let Ok(answer) = answer else { return (0, 0, sent.elapsed()) };
        let fates = answer.headers().get("tallylight-fates").map(|fates| fates.to_str().unwrap());
        let accepted = fates.unwrap_or_default().split(", ").find_map(|fate| {
            fate.strip_prefix("accepted=").map(|records| records.parse::<u64>().unwrap())
        });
        (answer.status().as_u16(), accepted.unwrap_or_default(), sent.elapsed())
    }

    /// One POST after another, ten a second at most.
    async fn calmly(
        &self,
        duration: Duration,
        post: impl AsyncFn() -> (u16, u64, Duration),
    ) -> Outcome {
        let (began, mut answers) = (Instant::now(), Vec::new());
        while began.elapsed() < duration {
            let next = Instant::now() + Duration::from_millis(100);
            answers.push(post().await);
            sleep_until(next).await;
        }
        self.sum(answers, began)
    }

    fn sum(&self, answers: Vec<(u16, u64, Duration)>, began: Instant) -> Outcome {
        let mut outcome = Outcome { posts: answers.len() as u64, ..Outcome::default() };
        outcome.took = began.elapsed();
        for (status, accepted, latency) in answers {
            *outcome.statuses.entry(status).or_default() += 1;
            outcome.accepted += accepted;
            outcome.latencies.push(latency);
        }
        outcome.latencies.sort_unstable();
        outcome
    }

    /// As many as the collector takes: each of a few clients posts again once it is answered.
    async fn as_many_as_can(&self, duration: Duration) -> Outcome {
        let began = Instant::now();
        let one = async |_| {
            let mut answers = Vec::new();
            while began.elapsed() < duration {
                answers.push(self.post().await);
            }
            answers
        };
        let answers = join_all((0..16).map(one)).await.concat();
        self.sum(answers, began)
    }

    /// This many per second, without waiting for answers.
    async fn at(&self, posts_per_s: f64, duration: Duration) -> Outcome {
        let began = Instant::now();
        let posts = (posts_per_s * duration.as_secs_f64()) as u32;
        let one = async |number: u32| {
            sleep_until(began + Duration::from_secs_f64(f64::from(number) / posts_per_s)).await;
            self.post().await
        };
        let answers = join_all((0..posts).map(one)).await;
        self.sum(answers, began)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_post_is_answered_when_the_core_is_busy_and_the_collector_recovers() {
    let folder = folder();
    let collector = Collector::start_on_one_core(&settings(), folder.path());
    keep_off_its_core();
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
    let url = format!("http://{}/v1/cmcd?k=", collector.addr);
    for packed in [true, false] {
        let (client, url, body) = (client.clone(), url.clone(), body(packed));
        flood(&Clients { client, url, packed, body }, &collector).await;
    }
    assert!(collector.peak_bytes() < MEMORY, "{} MiB", collector.peak_bytes() >> 20);
    collector.stop();
}

/// The clients leave the first core to the collector, as another machine would.
fn keep_off_its_core() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores > 1 {
        let (others, pid) = (format!("1-{}", cores - 1), std::process::id().to_string());
        let kept_off = Command::new("taskset").args(["-apc", &others, &pid]).output().unwrap();
        assert!(kept_off.status.success(), "{kept_off:?}");
    }
}

async fn flood(clients: &Clients, collector: &Collector) {
    clients.as_many_as_can(duration() / 2).await;
    println!("figure: {} bytes a POST", clients.body.len());
    let mut peak = 0.0_f64;
    for times in [1, 2, 5, 10] {
        // Anew each time, since a shared machine does not stay as fast as it was.
        let capacity = clients.as_many_as_can(duration()).await;
        let posts_per_s = capacity.posts as f64 / capacity.took.as_secs_f64();
        peak = peak.max(capacity.goodput());
        println!("figure: capacity: {:.0} records/s, {posts_per_s:.0} POSTs/s", capacity.goodput());
        let start = format!("e=ps,sta=s,sid=\"one\",sn=1,ts={},v=2", WallClock.now_us() / 1_000);
        let small = async || clients.post_as("demo", "identity", start.clone().into_bytes()).await;
        let other = async || clients.post_as("other", "gzip", body(true)).await;
        let (used, began) = (collector.cpu(), Instant::now());
        let (outcome, small, other) = join!(
            clients.at(posts_per_s * f64::from(times), duration()),
            clients.calmly(duration(), small),
            clients.calmly(duration(), other),
        );
        let took = began.elapsed();
        // All clients share the core.
        let goodput = outcome.goodput() + small.goodput() + other.goodput();
        println!(
            "figure: {times} x: {:.0} records/s ({:.0} % of the peak), {:.0} % of a core, {} of {} POSTs \
             taken, answered {:?}, half of them within {:?}, the last after {:?}, memory {} MiB",
            goodput,
            100.0 * goodput / capacity.goodput(),
            100.0 * (collector.cpu() - used).as_secs_f64() / took.as_secs_f64(),
            outcome.taken(),
            outcome.posts,
            outcome.statuses,
            outcome.latencies[outcome.latencies.len() / 2],
            outcome.latencies[outcome.latencies.len() - 1],
            collector.peak_bytes() >> 20,
        );
        println!(
            "figure: {times} x: small bodies {:?} within {:?}, another tenant's large ones {:?} \
             within {:?}",
            small.statuses,
            small.latencies.last(),
            other.statuses,
            other.latencies.last()
        );
        assert_eq!(small.taken(), small.posts, "{:?}", small.statuses);
        assert!(other.taken() * 2 >= other.posts, "{:?}", other.statuses);
        let statuses = &outcome.statuses;
        assert!(statuses.keys().all(|status| [204, 429, 503].contains(status)), "{statuses:?}");
        // The machine has other work, and at ten times the capacity plain bodies are 400 MB/s.
        let least = capacity.goodput() / if clients.packed { 2.0 } else { 8.0 };
        assert!(outcome.goodput() > least, "{times} x: {:.0}/s", outcome.goodput());
    }
    let after = clients.as_many_as_can(duration()).await;
    println!("figure: after the flood: {:.0} records/s", after.goodput());
    assert!(after.goodput() > peak / 3.0, "it did not recover");
}
