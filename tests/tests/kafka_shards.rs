//! Processors that share a log in Kafka, as real processes under load from outside: one becomes
//! three, one of them is killed, another is frozen until Kafka gives it up, and wakes again. At the
//! end windows and history are what was acknowledged, to the record.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::HashSet;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tallylight_tests::figures::GAP_MS;
use tallylight_tests::kafka::Brokers;
use tallylight_tests::load::{Key, Load, Pace};
use tallylight_tests::onlookers::Onlookers;
use tallylight_tests::world::{World, checkpoint_every};
use tallylight_tests::{audit, successor};
use tokio::time::sleep;

/// The time after which Kafka gives up a silent owner, with a margin.
const GIVEN_UP: Duration = Duration::from_secs(9);
/// Shards, as the settings have it.
const SHARDS: usize = 4;

/// A processor beside that of `up`; it is killed when dropped.
struct Processor {
    child: Child,
    url: String,
}

impl Processor {
    fn start(world: &World, brokers: &Brokers, offset: u16) -> Self {
        let listen = format!("127.0.0.1:{}", world.base + offset);
        let mut command: Command = world.command();
        command.args(["processor", "--log", &brokers.log()]).stdin(Stdio::null());
        command.env("TALLYLIGHT_PROCESSOR_LISTEN", &listen);
        checkpoint_every(&mut command, 5);
        Self { child: command.spawn().unwrap(), url: format!("http://{listen}") }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The shards that a processor reports as its own; none if it does not answer.
async fn owned(url: &str) -> Vec<u64> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(1)).build().unwrap();
    let Ok(answer) = client.get(format!("{url}/v1/shards")).send().await else { return vec![] };
    let shards: Vec<Value> = answer.json().await.unwrap_or_default();
    shards.iter().filter_map(|shard| shard["shard"].as_u64()).collect()
}

/// Waits until each of these processors owns a shard, and together they own each shard once.
async fn shared(world: &World, what: &str, urls: &[&str]) {
    let began = Instant::now();
    world
        .wait_for(what, 40, async || {
            let mut all = Vec::new();
            for url in urls {
                let own = owned(url).await;
                if own.is_empty() {
                    return false;
                }
                all.extend(own);
            }
            all.len() == SHARDS && all.iter().collect::<HashSet<_>>().len() == SHARDS
        })
        .await;
    println!("figure: {what}: shared after {} ms", began.elapsed().as_millis());
}

/// The first row of the dashboard's answer to SQL; null if it answers with an error.
async fn ask(world: &World, sql: &str) -> Value {
    let mut command = world.command();
    command.args(["sql", "--format", "json"]).arg(sql);
    let output = tokio::process::Command::from(command).output().await.unwrap();
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    rows[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_processor_becomes_three_and_two_and_nothing_is_lost_or_counted_twice() {
    let brokers = Brokers::start(1);
    let mut command = brokers.up();
    checkpoint_every(&mut command, 5);
    let mut world = World::start_with(command).await;
    let first = world.url(2);
    shared(&world, "one processor", &[&first]).await;
    let load = Arc::new(Load::default());
    let senders = load.start(&format!("{}/v1/cmcd?k=demo", world.collector()), 8, Pace::Players);
    let onlookers = Onlookers::start(&world).await;
    sleep(Duration::from_secs(3)).await;

    let second = Processor::start(&world, &brokers, 3);
    let third = Processor::start(&world, &brokers, 4);
    shared(&world, "three processors", &[&first, &second.url, &third.url]).await;
    println!("figure: figures were {} ms old at most", world.oldest(Duration::from_secs(3)).await);

    second.signal(Signal::SIGKILL);
    let gap = world.oldest(GIVEN_UP).await;
    println!("figure: after kill -9 of a processor figures were {gap} ms old at most");
    shared(&world, "two processors", &[&first, &third.url]).await;

    // A frozen processor is given up; when it wakes it does not know that yet.
    third.signal(Signal::SIGSTOP);
    let stood = world.oldest(GIVEN_UP).await;
    println!("figure: while a processor stood still figures were {stood} ms old at most");
    third.signal(Signal::SIGCONT);
    shared(&world, "two processors, one awake again", &[&first, &third.url]).await;
    sleep(Duration::from_secs(3)).await;
    onlookers.end("1, 3, 2 processors").await;
    load.end(senders).await;

    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let sids: HashSet<&str> = acknowledged.iter().map(|(sid, _)| sid.as_ref()).collect();
    let live = async || {
        ask(&world, "SELECT count(*) AS n FROM live_sessions WHERE cid = 'crash'").await["n"]
            == sids.len()
    };
    world.wait_for("the sessions of all shards", 20, live).await;
    history(&world, &acknowledged).await;
    spans(&world, sids.len()).await;
    successor::snapshots(&world, SHARDS as u16).await;
    drop((second, third));
    world.stop();
    let (stored, fates, counted) = audit::of_kafka(&brokers, world.data.path()).await;
    audit::balance("1, 3, 2 processors", &load, (&stored, &fates), counted);
    successor::no_drift("1, 3, 2 processors", &world);
    // Checked last: a slow machine must not hide what became of the records.
    assert!(gap.max(stood) <= GAP_MS, "{gap} ms and {stood} ms");
}

/// Waits until history has what was acknowledged, each record once. The dashboard runs in another
/// process than the processors, and requests from them what they have not written yet.
async fn history(world: &World, acknowledged: &HashSet<Key>) {
    let sql = "SELECT count(*) AS n, count(DISTINCT sid || '/' || sn) AS d FROM player_events \
               WHERE cid = 'crash' AND fate = 'accepted'";
    let began = Instant::now();
    loop {
        let row = ask(world, sql).await;
        let (records, distinct) = (row["n"].as_u64().unwrap_or(0), row["d"].as_u64().unwrap_or(0));
        assert_eq!(records, distinct, "a record is in history twice");
        if records == acknowledged.len() as u64 {
            println!("figure: history was whole after {} ms", began.elapsed().as_millis());
            return;
        }
        let late = began.elapsed() > Duration::from_secs(40);
        assert!(!late, "{records} of {} records are in history", acknowledged.len());
        sleep(Duration::from_millis(500)).await;
    }
}

/// Waits until each viewer has a span, and those still watching an open one, which is not in a file
/// yet.
async fn spans(world: &World, viewers: usize) {
    let sql = "SELECT count(DISTINCT sid) AS n, count(*) FILTER (WHERE open) AS open \
               FROM session_spans WHERE cid = 'crash'";
    let all = async || {
        let row = ask(world, sql).await;
        row["n"] == viewers && row["open"].as_u64().unwrap_or(0) > 0
    };
    world.wait_for("the spans of all shards", 20, all).await;
}
