//! Overload (docs/testing.md, "What must hold"): goodput does not fall with the load, the most
//! important records are accepted, and one tenant's flood costs another nothing.
//!
//! The log is slow on purpose, so that the test measures the collector's policy and not this
//! machine: it takes [`CAPACITY`] records a second.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use tallylight_collector::Settings;
use tallylight_collector::settings::Tenant;
use tallylight_eventlog::memory::MemoryLog;
use tallylight_eventlog::{Batch, EventLog, LogError, Part, Usage};
use tallylight_schemas::ipc::decode;
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::record::Kind;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use world::{NOW, World, parts};

/// Records that the log takes per second.
const CAPACITY: u64 = 1_000;
/// Records of a POST; the first is a start, an error or an end, the next two changes, the rest
/// heartbeats.
const BATCH: u64 = 20;

#[derive(Debug)]
struct SlowLog(MemoryLog);

#[async_trait]
impl EventLog for SlowLog {
    fn id(&self) -> &str {
        self.0.id()
    }

    async fn append(&self, topic: &str, parts: Vec<Part>) -> Result<u64, LogError> {
        let players = parts.iter().filter(|part| part.kind == Kind::Player.code());
        let rows: u32 = players.flat_map(|part| &part.ranges).map(|range| range.rows).sum();
        sleep(Duration::from_micros(u64::from(rows) * 1_000_000 / CAPACITY)).await;
        self.0.append(topic, parts).await
    }

    async fn read(&self, topic: &str, from: u64, max_bytes: usize) -> Result<Batch, LogError> {
        self.0.read(topic, from, max_bytes).await
    }

    fn head(&self, topic: &str) -> Result<watch::Receiver<u64>, LogError> {
        self.0.head(topic)
    }

    fn usage(&self, topic: &str) -> Result<Usage, LogError> {
        self.0.usage(topic)
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

/// How long each level lasts; longer in the soak.
fn duration() -> Duration {
    Duration::from_secs(if std::env::var_os("TALLYLIGHT_SOAK").is_some() { 30 } else { 3 })
}

fn settings() -> Settings {
    let keys = [("a", "a"), ("b", "b")].map(|(key, tenant)| (key.into(), tenant.into()));
    Settings {
        write_keys: keys.into(),
        queue_records: 500,
        request_records: 100,
        ..Settings::default()
    }
}

async fn world(settings: Settings) -> World {
    World::over(settings, Arc::new(SlowLog(MemoryLog::new(world::topics(), world::clock())))).await
}

fn body(post: u64) -> String {
    let ts = NOW / 1_000;
    let record = |n: u64| match n {
        0 => {
            let what = ["e=ps,sta=s", "e=e,ec=(\"x\"),sta=p", "e=ps,sta=e"][(post % 3) as usize];
            format!("{what},sid=\"s{post}\",sn=1,ts={ts},v=2")
        }
        1 | 2 => format!("e=bc,sid=\"s{post}\",sn={},ts={ts},v=2", n + 1),
        _ => format!("e=t,sid=\"s{post}\",sn={},sta=p,ts={ts},v=2", n + 1),
    };
    (0..BATCH).map(record).collect::<Vec<_>>().join("\n")
}

/// The outcome of the POSTs of a crowd of clients.
#[derive(Debug, Default)]
struct Outcome {
    posts: u64,
    fates: BTreeMap<String, u64>,
    statuses: BTreeMap<u16, u64>,
    slowest: Duration,
    /// How far the clients were behind their own times.
    behind: Duration,
    paced: u64,
    took: Duration,
}

impl Outcome {
    fn accepted(&self) -> u64 {
        self.fates.get("accepted").copied().unwrap_or_default()
    }
}

/// Posts at a fixed rate without waiting for answers, as a crowd does.
async fn crowd(url: &str, key: &str, records_per_s: u64, duration: Duration) -> Outcome {
    let (client, began) = (reqwest::Client::new(), Instant::now());
    let posts = records_per_s * duration.as_millis() as u64 / 1_000 / BATCH;
    let post = |number: u64| {
        let request = client.post(format!("{url}/v1/cmcd?k={key}")).body(body(number));
        let at = began + duration.mul_f64(number as f64 / posts as f64);
        tokio::spawn(async move {
            sleep_until(at).await;
            let sent = Instant::now();
            let answer = request.send().await.unwrap();
            let header = |name: &str| {
                answer.headers().get(name).map_or("", |v| v.to_str().unwrap()).to_owned()
            };
            let paced = !header("tallylight-pace").is_empty();
            let times = (sent.elapsed(), sent.duration_since(at));
            (answer.status().as_u16(), header("tallylight-fates"), paced, times)
        })
    };
    let mut outcome = Outcome { posts, ..Outcome::default() };
    for answer in join_all((0..posts).map(post)).await {
        let (status, fates, paced, (took, behind)) = answer.unwrap();
        *outcome.statuses.entry(status).or_default() += 1;
        outcome.slowest = outcome.slowest.max(took);
        outcome.behind = outcome.behind.max(behind);
        outcome.paced += u64::from(paced);
        for fate in fates.split(", ").filter(|fate| !fate.is_empty()) {
            let (fate, events) = fate.rsplit_once('=').unwrap();
            *outcome.fates.entry(fate.to_owned()).or_default() += events.parse::<u64>().unwrap();
        }
    }
    outcome.took = began.elapsed();
    outcome
}

/// Stored starts, errors and ends, and stored records.
async fn stored(world: &World) -> ([u64; 3], u64) {
    let (mut vital, mut all) = ([0; 3], 0);
    for part in parts(&world.log.entries().await, Kind::Player) {
        let batch = decode(&part.payload).unwrap();
        let rows = PlayerRows::new(&batch).unwrap();
        all += rows.len() as u64;
        for row in (0..rows.len()).map(|at| rows.get(at)) {
            vital[0] += u64::from(row.sta == Some("s"));
            vital[1] += u64::from(row.e == Some("e"));
            vital[2] += u64::from(row.sta == Some("e"));
        }
    }
    (vital, all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goodput_holds_and_vital_records_are_accepted_at_ten_times_capacity() {
    let mut goodput = Vec::new();
    for times in [1, 2, 5, 10] {
        goodput.push(goodput_at(times).await);
    }
    let peak = goodput.iter().copied().fold(0.0, f64::max);
    let mut at_ten = vec![goodput[3]];
    // A machine that stands still takes away from a run, and nothing can add to it: the log takes
    // no more.
    while at_ten.len() < 3 && at_ten.iter().all(|good| *good < 0.9 * peak) {
        at_ten.push(goodput_at(10).await);
    }
    assert!(at_ten.iter().any(|good| *good >= 0.9 * peak), "{goodput:?}, again {at_ten:?}");
}

/// Accepted records per second at so many times the capacity, with all else that must hold there.
async fn goodput_at(times: u64) -> f64 {
    let world = world(settings()).await;
    let outcome = crowd(&world.url, "a", times * CAPACITY, duration()).await;
    let (vital, records) = stored(&world).await;
    let good = outcome.accepted() as f64 / outcome.took.as_secs_f64();
    let posts = outcome.posts;
    println!("figure: {times} x: {good:.0} records/s, {vital:?} starts, errors, ends of {posts}");
    println!("{outcome:?}");
    assert_eq!(records, outcome.accepted(), "acknowledged is stored");
    assert_eq!(outcome.fates.values().sum::<u64>(), outcome.posts * BATCH, "each has its fate");
    for (kind, stored) in vital.into_iter().enumerate() {
        let sent = (posts + 2 - kind as u64) / 3;
        assert!(stored as f64 >= sent as f64 * 0.994, "{stored} of {sent} of kind {kind}");
    }
    assert!(times < 2 || outcome.paced > 0, "clients are asked for less");
    good
}

/// What becomes of a tenant with this quota that floods, and of a calm one beside it.
async fn flood_and_calm(quota: Option<u32>) -> (Outcome, Outcome) {
    let tenants = [("a".into(), Tenant { records_per_s: quota, weight: 1 })].into();
    let world = world(Settings { tenants, ..settings() }).await;
    let flood = crowd(&world.url, "a", 5_000, duration());
    let calm = crowd(&world.url, "b", CAPACITY / 10, duration());
    futures::future::join(flood, calm).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenant_at_a_hundred_times_its_quota_costs_another_nothing() {
    for quota in [Some(50), None] {
        let (mut flood, mut calm) = flood_and_calm(quota).await;
        // After a pause of the whole machine, what the calm one sends is a flood, too.
        let mut again = 0..2;
        while calm.behind > Duration::from_millis(500) && again.next().is_some() {
            (flood, calm) = flood_and_calm(quota).await;
        }
        let of = |outcome: &Outcome| format!("{} of {}", outcome.accepted(), outcome.posts * BATCH);
        let (held, kept, slowest) = (of(&flood), of(&calm), calm.slowest);
        println!("figure: quota {quota:?}: flood {held}, calm {kept}, its slowest {slowest:?}");
        println!("quota {quota:?}\n  flood {flood:?}\n  calm {calm:?}");
        assert_eq!(calm.accepted(), calm.posts * BATCH, "the other tenant loses nothing");
        assert!(flood.accepted() < flood.posts * BATCH / 2, "and the flood is held");
        assert_eq!(flood.fates.values().sum::<u64>(), flood.posts * BATCH, "each has its fate");
        if quota.is_some() {
            assert!(flood.fates.keys().any(|fate| fate == "shed;quota"), "{flood:?}");
        }
    }
}
