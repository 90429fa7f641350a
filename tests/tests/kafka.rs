//! The log in Kafka, on real brokers: the conformance suite, every service in its own process, and
//! a ledger through `kill -9` of every service and of the leading broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "kafka/away.rs"]
mod away;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rand::Rng;
use serde_json::Value;
use tallylight_eventlog::EventLog;
use tallylight_eventlog::conformance::{self, Caps};
use tallylight_eventlog::kafka::{Kafka, KafkaSettings, MIN_CAP_BYTES};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::record;
use tallylight_tests::figures::GAP_MS;
use tallylight_tests::kafka::Brokers;
use tallylight_tests::load::{Key, Load, Pace, Steady};
use tallylight_tests::world::{World, checkpoint_every};
use tallylight_tests::{audit, successor};

/// Kafka drops whole segments, and looks each second (scripts/kafka).
const CAPS: Caps = Caps { bytes: MIN_CAP_BYTES, within: Duration::from_secs(30) };

/// Shards, as the settings have it.
const SHARDS: u16 = 4;
/// The services that are one process on the disk log.
const SERVICES: [&str; 3] = ["collector", "processor", "dashboard"];

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_every_log_keeps() {
    let brokers = Brokers::start(1);
    conformance::run(CAPS, async |clock| suite(&brokers, 1, clock).await.remove(0)).await;
    // A shard among others that are also written.
    conformance::run(CAPS, async |clock| {
        let mut shards = suite(&brokers, 3, clock).await;
        for other in [0, 2] {
            shards[other].append(record::EVENTS, vec![]).await.unwrap();
        }
        shards.remove(1)
    })
    .await;
    away::a_broker_that_is_away_costs_errors_and_nothing_else(&brokers).await;
    away::a_log_that_has_become_shorter_says_so(&brokers).await;
}

/// The shards of a new log for the suite.
async fn suite(brokers: &Brokers, shards: u16, clock: Arc<dyn Clock>) -> Vec<Arc<dyn EventLog>> {
    static LOGS: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("suite-{}", LOGS.fetch_add(1, Ordering::Relaxed));
    let caps = Caps { bytes: u64::from(shards) * CAPS.bytes, ..CAPS };
    let topics = conformance::topics(caps);
    let settings =
        KafkaSettings { prefix, shards, ..KafkaSettings::new(brokers.addresses(), topics) };
    let log = Kafka::open(settings.clone(), Arc::clone(&clock)).await.unwrap();
    assert_eq!(log.shards(), shards);
    let topics = conformance::topics(Caps { bytes: 2 * CAPS.bytes, ..CAPS });
    let another = KafkaSettings { shards: 2, topics, ..settings };
    let another = Kafka::open(another, clock).await.unwrap();
    assert_eq!(another.shards(), shards, "what the log was made with counts");
    log.all().await.unwrap().iter().map(Arc::clone).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_runs_alone_on_it() {
    let brokers = Brokers::start(1);
    let mut command = brokers.up();
    checkpoint_every(&mut command, 5);
    let mut world = World::start_with(command).await;
    for service in SERVICES {
        world.wait_for(service, 20, async || world.children(service).len() == 1).await;
    }
    assert!(world.children("data").is_empty(), "no two services share a process");

    let load = Arc::new(Load::default());
    let senders = load.start(&format!("{}/v1/cmcd?k=demo", world.collector()), 8, Pace::Players);
    tokio::time::sleep(Duration::from_secs(8)).await;
    load.end(senders).await;
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let sids: HashSet<&str> = acknowledged.iter().map(|(sid, _)| sid.as_ref()).collect();

    world.wait_for("the sessions", 20, async || counts(&world).await == sums(&acknowledged)).await;
    let live = count(&world, "FROM live_sessions").await;
    assert_eq!(live, sids.len(), "the sessions of the state are a table here too");
    world.wait_for("history", 40, async || history(&world).await == acknowledged.len()).await;
    println!("{} records of {} sessions", acknowledged.len(), sids.len());
    successor::snapshots(&world, SHARDS).await;
    world.stop();
    let (stored, _, counted) = audit::of_kafka(&brokers, world.data.path()).await;
    assert_eq!(stored.iter().map(|one| &one.key).collect::<HashSet<_>>().len(), acknowledged.len());
    assert_eq!(counted, acknowledged.len() as i64, "the windows sum to what was acknowledged");
}

/// Status and text that a service answers; `None` while it does not answer.
async fn status(url: &str) -> Option<(u16, String)> {
    let answer = reqwest::get(url).await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_were_first_say_what_is_missing_and_begin_by_themselves() {
    let brokers = Brokers::planned(1);
    let mut command = brokers.up();
    checkpoint_every(&mut command, 5);
    let mut world = World::begin(|_| command);
    let urls = [1, 2, 0].map(|offset| world.url(offset));
    for (service, url) in SERVICES.into_iter().zip(&urls) {
        let alive = format!("{url}/healthz");
        world.wait_for(service, 20, async || status(&alive).await.is_some()).await;
        assert_eq!(status(&alive).await.unwrap().0, 200, "{service}");
        let (code, said) = status(&format!("{url}/readyz")).await.unwrap();
        assert_eq!(code, 503, "{service}");
        assert!(said.contains("cannot be opened yet"), "{service}: {said}");
    }
    let collector = format!("{}/v1/cmcd?k=demo", world.collector());
    let post =
        reqwest::Client::new().post(&collector).header("origin", "https://a.example").body("x");
    let answer = post.send().await.unwrap();
    assert_eq!(answer.status(), 503, "nothing is taken");
    for header in ["retry-after", "access-control-allow-origin"] {
        assert!(answer.headers().contains_key(header), "{header}: {answer:?}");
    }
    let processes = SERVICES.map(|service| world.children(service));

    let load = Arc::new(Load::default());
    let senders = load.start(&collector, 8, Pace::Players);
    // Long enough for the services to have failed to connect, and to retry.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(load.acknowledged.lock().unwrap().is_empty(), "nothing was acknowledged");
    // Files in place of folders: the processor is assigned its shards and can open none.
    let folders = ["history", "snapshots"].map(|name| world.data.path().join(name));
    folders.iter().for_each(|folder| std::fs::write(folder, b"").unwrap());
    tokio::task::block_in_place(|| brokers.start_again());
    let unready = format!("{}/readyz", urls[1]);
    let unready_with_reason = async || {
        let said = status(&unready).await;
        said.is_some_and(|(code, said)| code == 503 && said.contains("shard 0 among them"))
    };
    world.wait_for("a processor that says so", 60, unready_with_reason).await;
    std::fs::remove_file(&folders[0]).unwrap();
    // Long enough to fail because of the other one, and to retry.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(unready_with_reason().await, "no shard is open");
    std::fs::remove_file(&folders[1]).unwrap();
    let came = Instant::now();
    for (service, url) in SERVICES.into_iter().zip(&urls) {
        let ready = format!("{url}/readyz");
        let is_ready = async || status(&ready).await.is_some_and(|(code, _)| code == 200);
        world.wait_for(service, 60, is_ready).await;
    }
    println!("figure: all services ready {:?} after their broker", came.elapsed());
    tokio::time::sleep(Duration::from_secs(4)).await;
    load.end(senders).await;
    assert_eq!(SERVICES.map(|service| world.children(service)), processes, "no service restarted");
    let acknowledged = load.acknowledged.lock().unwrap().len();
    world.wait_for("history", 40, async || history(&world).await == acknowledged).await;
    successor::snapshots(&world, SHARDS).await;
    world.stop();
    let (stored, fates, counted) = audit::of_kafka(&brokers, world.data.path()).await;
    audit::balance("a broker that came later", &load, (&stored, &fates), counted);
}

/// Events by session, as the processor reports them to the dashboard in another process.
async fn counts(world: &World) -> Vec<(String, u64)> {
    let Ok(text) = world.get("/v1/sessions?limit=1000").await else { return Vec::new() };
    let sessions: Vec<Value> = serde_json::from_str(&text).unwrap();
    let one =
        |row: &Value| (row["sid"].as_str().unwrap().to_owned(), row["events"].as_u64().unwrap());
    let mut counts: Vec<_> = sessions.iter().map(one).collect();
    counts.sort();
    counts
}

fn sums(keys: &HashSet<Key>) -> Vec<(String, u64)> {
    let mut sums = std::collections::BTreeMap::new();
    for (sid, _) in keys {
        *sums.entry(sid.to_string()).or_default() += 1;
    }
    sums.into_iter().collect()
}

/// Accepted records of the load in the tables that the processor writes and the dashboard reads.
async fn history(world: &World) -> usize {
    count(world, "FROM player_events WHERE cid = 'crash' AND fate = 'accepted'").await
}

/// The count by the dashboard's SQL; 0 also if it answers with an error.
async fn count(world: &World, of: &str) -> usize {
    let mut command = world.command();
    command.args(["sql", "--format", "json"]).arg(format!("SELECT count(*) AS n {of}"));
    let output = tokio::process::Command::from(command).output().await.unwrap();
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    rows[0]["n"].as_u64().unwrap_or_default() as usize
}

/// Kills the leading broker.
fn kill_leader(brokers: &Brokers) {
    tokio::task::block_in_place(|| brokers.kill(brokers.leader("tallylight-events")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_whatever_is_killed() {
    let kills = if std::env::var_os("TALLYLIGHT_SOAK").is_some() { 50 } else { 4 };
    let brokers = Brokers::start(3);
    let mut command = brokers.up();
    checkpoint_every(&mut command, 5);
    let mut world = World::start_with(command).await;
    let load = Arc::new(Load::default());
    let senders = load.start(&format!("{}/v1/cmcd?k=demo", world.collector()), 8, Pace::Players);
    let mut oldest = 0;
    for kill in 0..kills {
        let pause = rand::rng().random_range(800..4_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        match kill % 4 {
            0 => world.kill_child("collector").await,
            1 => {
                kill_leader(&brokers);
                // The remaining two continue: the load is acknowledged before the third is back.
                let before = load.acknowledged.lock().unwrap().len();
                let goes_on = async || load.acknowledged.lock().unwrap().len() > before + 100;
                world.wait_for("a new leader", 30, goes_on).await;
                // The processors are found without that broker.
                let found = async || world.get("/v1/sessions?limit=1").await.is_ok();
                world.wait_for("sessions", 30, found).await;
                tokio::task::block_in_place(|| brokers.start_again());
            }
            2 => {
                let up = async || world.get("/readyz").await.is_ok();
                world.wait_for("the dashboard", 30, up).await;
                // The effect of the broker's end is measured separately: owners may lose their
                // shards once more when it comes back.
                let before = world.oldest(Duration::from_secs(6)).await;
                println!("figure: after kill -9 of a broker figures were {before} ms old at most");
                world.kill_child("processor").await;
                oldest = oldest.max(world.oldest(Duration::from_secs(5)).await);
            }
            _ => world.kill_child("dashboard").await,
        }
    }
    println!("figure: after kill -9 of the processor figures were {oldest} ms old at most");
    tokio::time::sleep(Duration::from_secs(2)).await;
    load.end(senders).await;
    let acknowledged = load.acknowledged.lock().unwrap().len();
    world.wait_for("history", 60, async || history(&world).await == acknowledged).await;
    successor::snapshots(&world, SHARDS).await;
    world.stop();
    let (stored, fates, counted) = audit::of_kafka(&brokers, world.data.path()).await;
    audit::balance(&format!("{kills} kills"), &load, (&stored, &fates), counted);
    successor::no_drift(&format!("{kills} kills"), &world);
    // Checked last: a slow machine must not hide what became of the records.
    assert!(oldest <= GAP_MS, "{oldest} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_steady_rate_every_record_has_one_end() {
    let size = Steady::asked();
    let brokers = Brokers::start(3);
    let mut command = brokers.up();
    checkpoint_every(&mut command, 1);
    let mut world = World::start_with(command).await;
    let load = Arc::new(Load::default());
    let url = format!("{}/v1/cmcd?k=demo", world.collector());
    let (began, senders) = (Instant::now(), load.start(&url, Steady::SENDERS, size.pace()));
    for kill in 0..size.kills {
        tokio::time::sleep(size.pause()).await;
        if kill % 2 == 0 {
            world.kill_child("collector").await;
        } else {
            kill_leader(&brokers);
            tokio::time::sleep(size.pause()).await;
            tokio::task::block_in_place(|| brokers.start_again());
        }
    }
    load.end(senders).await;
    let took = began.elapsed();
    world.stop();
    let (stored, fates, counted) = audit::of_kafka(&brokers, world.data.path()).await;
    // Records that a collector had written to one shard and not to another when it died have no
    // fate, and were sent again.
    audit::balance(&format!("{size:?} in {took:?}"), &load, (&stored, &fates), counted);
}
