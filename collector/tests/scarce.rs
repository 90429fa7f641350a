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
#[path = "support/posts.rs"]
#[allow(unreachable_pub)]
mod posts;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use child::{Collector, folder};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::join;
use posts::{Clients, Outcome};
use tallylight_collector::Settings;
use tallylight_schemas::clock::{Clock, WallClock};
use tokio::net::TcpListener;
use tokio::time::Instant;

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

fn is_soak() -> bool {
    std::env::var_os("TALLYLIGHT_SOAK").is_some()
}

/// How long capacity is measured, and a flood lasts, before it is the other's turn. A shared machine
/// may be half as fast for some seconds, so they alternate.
fn turn() -> Duration {
    Duration::from_secs(if is_soak() { 4 } else { 1 })
}

fn turns() -> u32 {
    if is_soak() { 5 } else { 1 }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_post_is_answered_when_the_core_is_busy_and_the_collector_recovers() {
    let folder = folder();
    let collector = Collector::start_on_one_core(&settings(), folder.path());
    keep_off_its_core();
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
    let elsewhere = refuses_all().await;
    for packed in [true, false] {
        let to = |addr| Clients {
            client: client.clone(),
            url: format!("http://{addr}/v1/cmcd?k="),
            packed,
            body: body(packed),
        };
        flood(&to(collector.addr), &to(elsewhere), &collector).await;
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

/// A server that receives bodies and refuses them.
async fn refuses_all() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let refuse = post(async |_: Bytes| StatusCode::SERVICE_UNAVAILABLE);
    let server = axum::serve(listener, Router::new().route("/v1/cmcd", refuse));
    tokio::spawn(server.into_future());
    addr
}

/// What came of floods, and of the capacity measured in turn with them.
#[derive(Debug, Default)]
struct Level {
    capacity: Outcome,
    flood: Outcome,
    small: Outcome,
    other: Outcome,
    /// What the collector used of its core while its capacity was measured.
    used: Duration,
    /// What all of these clients had accepted, which share the core, and for how long they sent.
    accepted: u64,
    took: Duration,
}

impl Level {
    fn goodput(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64()
    }

    /// One turn. Capacity is measured while the same flood goes `elsewhere`: cores that share a
    /// machine slow each other down, so the clients must be as busy as they are during the flood.
    async fn turn(
        &mut self,
        (clients, elsewhere): (&Clients, &Clients),
        posts_per_s: f64,
        collector: &Collector,
    ) {
        let used = collector.cpu();
        let (capacity, _) =
            join!(clients.as_many_as_can(turn()), elsewhere.at(posts_per_s, turn()));
        self.used += collector.cpu() - used;
        let start = format!("e=ps,sta=s,sid=\"one\",sn=1,ts={},v=2", WallClock.now_us() / 1_000);
        let small = async || clients.post_as("demo", "identity", start.clone().into_bytes()).await;
        let other = async || clients.post_as("other", "gzip", body(true)).await;
        let began = Instant::now();
        let (flood, small, other) = join!(
            clients.at(posts_per_s, turn()),
            clients.calmly(turn(), small),
            clients.calmly(turn(), other),
        );
        self.took += began.elapsed();
        self.accepted += flood.accepted + small.accepted + other.accepted;
        self.capacity.add(capacity);
        self.flood.add(flood);
        self.small.add(small);
        self.other.add(other);
    }

    fn print(&self, times: u32, collector: &Collector) {
        let Self { capacity, flood, small, other, .. } = self;
        println!(
            "figure: {times} x: {:.0} records/s ({:.0} % of the capacity, {:.0} by {:.0} % of \
             the core), {} of {} POSTs taken, answered {:?}, half of them within {:?}, the last after {:?}, memory {} MiB",
            self.goodput(),
            100.0 * self.goodput() / capacity.goodput(),
            capacity.goodput(),
            100.0 * self.used.as_secs_f64() / capacity.took.as_secs_f64(),
            flood.taken(),
            flood.posts,
            flood.statuses,
            flood.latencies[flood.latencies.len() / 2],
            flood.latencies[flood.latencies.len() - 1],
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
    }

    /// `part` of the capacity is the least that the flood itself must get.
    fn check(&self, part: f64) {
        let Self { capacity, flood, small, other, .. } = self;
        assert_eq!(small.taken(), small.posts, "{:?}", small.statuses);
        assert!(other.taken() * 2 >= other.posts, "{:?}", other.statuses);
        let statuses = &flood.statuses;
        assert!(statuses.keys().all(|status| [204, 429, 503].contains(status)), "{statuses:?}");
        // Else it is the clients' capacity. In runs of a second other work may get in between.
        let of_core = self.used.as_secs_f64() / capacity.took.as_secs_f64();
        assert!(!is_soak() || of_core > 0.9, "the collector used {of_core:.2} of its core");
        let (goodput, capacity) = (flood.goodput(), capacity.goodput());
        assert!(goodput > capacity * part, "{goodput:.0} of {capacity:.0} records/s");
    }
}

async fn flood(clients: &Clients, elsewhere: &Clients, collector: &Collector) {
    let mut posts_per_s = clients.as_many_as_can(turn()).await.posts_per_s();
    println!("figure: {} bytes a POST", clients.body.len());
    let mut peak = 0.0_f64;
    for times in [1, 2, 5, 10] {
        let mut level = Level::default();
        for _ in 0..turns() {
            level.turn((clients, elsewhere), posts_per_s * f64::from(times), collector).await;
            // Anew each time, since a shared machine does not stay as fast as it was.
            posts_per_s = level.capacity.posts_per_s();
        }
        peak = peak.max(level.capacity.goodput());
        level.print(times, collector);
        // The machine has other work, and at ten times the capacity plain bodies are 400 MB/s.
        level.check(if clients.packed { 0.5 } else { 0.125 });
    }
    let after = clients.as_many_as_can(turn()).await;
    println!("figure: after the flood: {:.0} records/s", after.goodput());
    assert!(after.goodput() > peak / 3.0, "it did not recover");
}
