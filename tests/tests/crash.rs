//! `kill -9` of the data process, ten times, under load: what was acknowledged is stored,
//! nothing is stored twice in the windows, and viewers never notice. And a terminal that goes away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal::{self, SIGCONT, SIGHUP, SIGSTOP};
use rand::Rng;
use tallylight_audience::ledger::Ended;
use tallylight_eventlog::Entry;
use tallylight_eventlog::disk::ReadOnly;
use tallylight_schemas::record;
use tallylight_tests::crowd::{Crowd, CrowdLedger, now_ms};
use tallylight_tests::load::{Load, Pace, Steady};
use tallylight_tests::world::{World, binary, checkpoint_every};
use tallylight_tests::{audit, successor};

/// Load generators.
const SENDERS: u64 = 12;
/// Viewers beside them.
const VIEWERS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_counts_twice() {
    let kills = if std::env::var_os("TALLYLIGHT_SOAK").is_some() { 100 } else { 10 };
    let mut world = start(&["--viewers", "0", "--source", "loop"]).await;
    world.wait_for_picture().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let crowd = Crowd::start(&world, VIEWERS, 60 + 30 * kills, "ledger");

    let load = Arc::new(Load::default());
    let url = format!("{}/v1/cmcd?k=demo", world.collector());
    let senders = load.start(&url, SENDERS, Pace::Players);
    for _ in 0..kills {
        let pause = rand::rng().random_range(800..4_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        world.kill_child("data").await;
    }
    world.wait_for("the dashboard again", 40, async || world.get("/readyz").await.is_ok()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    load.end(senders).await;
    let watched_until = now_ms();
    let crowd = crowd.leave().await;
    world.stop();
    let counted = finished(&world).await;

    let events = read_all(&world, record::EVENTS);
    let (stored, fates) = (audit::stored(&events), audit::collector_fates(&events));
    audit::balance(&format!("{kills} kills"), &load, (&stored, &fates), counted);
    successor::no_drift(&format!("{kills} kills"), &world);
    check_viewers(&crowd, watched_until);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_steady_rate_every_record_has_one_end() {
    let size = Steady::asked();
    let mut world = start(&["--no-demo"]).await;
    let load = Arc::new(Load::default());
    let url = format!("{}/v1/cmcd?k=demo", world.collector());
    let (began, senders) = (Instant::now(), load.start(&url, Steady::SENDERS, size.pace()));
    for _ in 0..size.kills {
        tokio::time::sleep(size.pause()).await;
        world.kill_child("data").await;
    }
    load.end(senders).await;
    let took = began.elapsed();
    world.stop();
    let counted = finished(&world).await;
    let events = read_all(&world, record::EVENTS);
    let (stored, fates) = (audit::stored(&events), audit::collector_fates(&events));
    audit::balance(&format!("{size:?} in {took:?}"), &load, (&stored, &fates), counted);
    assert_eq!(fates["accepted"], stored.len() as u64, "each one stored has its fate");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_load_that_is_shed_every_record_has_one_end() {
    let soak = std::env::var_os("TALLYLIGHT_SOAK").is_some();
    let (per_s, seconds, queue) = if soak { (20_000, 60, 2_000) } else { (4_000, 8, 800) };
    let mut command = Command::new(binary());
    command.args(["up", "--no-demo"]);
    command.env("TALLYLIGHT_COLLECTOR__QUEUE_RECORDS", queue.to_string());
    command.env("TALLYLIGHT_COLLECTOR__REQUEST_RECORDS", "300");
    checkpoint_every(&mut command, 1);
    let mut world = World::start_with(command).await;
    let load = Arc::new(Load::default());
    let url = format!("{}/v1/cmcd?k=demo", world.collector());
    let pace = Pace::Steady { per_s, seconds };
    let (began, senders) = (Instant::now(), load.start(&url, Steady::SENDERS, pace));
    load.end(senders).await;
    let what = format!("{per_s}/s for {seconds} s in {:?}, a queue of {queue}", began.elapsed());
    world.stop();
    let counted = finished(&world).await;
    let events = read_all(&world, record::EVENTS);
    let (stored, fates) = (audit::stored(&events), audit::collector_fates(&events));
    audit::balance(&what, &load, (&stored, &fates), counted);
    // Nothing was killed, so the sums are exact: each record, as often as it was sent, has the fate
    // that its sender was answered.
    assert_eq!(load.without_fates.load(Ordering::SeqCst), 0, "requests without an answer");
    let mut answered = load.fates.lock().unwrap().clone();
    for (fate, records) in load.refused.lock().unwrap().iter() {
        *answered.entry(fate.clone()).or_default() += records;
    }
    assert_eq!(answered, fates, "the log has the fates that senders were answered");
    assert_eq!(
        answered.values().sum::<u64>(),
        load.with_fates.load(Ordering::SeqCst),
        "each has one"
    );
    assert_eq!(fates["accepted"], stored.len() as u64, "accepted is stored");
    assert!(fates["shed;overload"] > 0 && fates["rejected;no_sid"] > 0, "{fates:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_terminal_up_restarts_what_dies_and_drains_unless_it_shall_go_on() {
    let mut world = World::start_with(unread("--default-signal=HUP")).await;
    world.kill_child("data").await;
    // The dashboard, which is in `data`, passes the request on to steering.
    world.wait_for("both", 30, async || world.get("/v1/steering").await.is_ok()).await;
    // While steering stands still, `up` waits for its drain.
    let steering = world.children("steering")[0];
    send(steering, SIGSTOP);
    for _ in ["from the shell", "from the kernel"] {
        assert!(world.signal(SIGHUP));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    send(steering, SIGCONT);
    assert!(world.ended().is_some_and(|status| status.success()), "all have drained");

    let mut again = unread("--ignore-signal=HUP");
    again.args(["--ports", &world.base.to_string(), "--data"]).arg(world.data.path());
    world.start_again(again).await;
    assert!(world.signal(SIGHUP));
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.kill_child("steering").await;
    let restarted = async || !world.children("steering").is_empty();
    world.wait_for("steering once more", 20, restarted).await;
}

fn send(pid: i32, signal: Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

/// `up` whose stdout and stderr nobody reads, with SIGHUP as `env` is told: the test itself may run
/// under `nohup`.
fn unread(hang_up: &str) -> Command {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new("env");
    command.arg(hang_up).arg(binary()).args(["up", "--no-demo"]).env("TALLYLIGHT_LOG", "info");
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    command
}

/// A platform that takes a snapshot each second, so that there is one to continue from.
async fn start(arguments: &[&str]) -> World {
    let mut command = Command::new(binary());
    command.arg("up").args(arguments);
    checkpoint_every(&mut command, 1);
    World::start_with(command).await
}

/// Every entry of a topic on disk.
fn read_all(world: &World, topic: &str) -> Vec<Entry> {
    let log = ReadOnly::open(world.data.path().join("log"), topic).unwrap();
    let (mut entries, mut position) = (Vec::new(), 0);
    loop {
        let batch = log.read(position, 64 << 20).unwrap();
        assert_eq!(batch.lost, 0, "the log has a hole before {}", batch.next);
        if batch.entries.is_empty() {
            return entries;
        }
        position = batch.next;
        entries.extend(batch.entries);
    }
}

/// Continues from what the data process left until every pane is final, and counts the events of
/// the load in them.
async fn finished(world: &World) -> i64 {
    successor::go_on_disk(world.data.path()).await;
    audit::counted(&read_all(world, record::ROWS), "crash")
}

/// Everybody had come long before the end, and watched until then: no kill touches the media.
fn check_viewers(crowd: &CrowdLedger, watched_until: i64) {
    assert_eq!(crowd.entries.len(), VIEWERS, "sessions");
    let (mut playing_ms, mut stalled_ms) = (0, 0);
    for entry in &crowd.entries {
        assert_eq!((entry.ended, entry.request_errors), (Ended::Played, 0), "{entry:?}");
        assert!(entry.ended_at_ms >= watched_until, "left by itself: {entry:?}");
        playing_ms += entry.playing_ms;
        stalled_ms += entry.stalls.iter().map(|stall| stall.ms).sum::<i64>();
    }
    println!("figure: viewers played {playing_ms} ms and stalled {stalled_ms} ms");
    // A machine that is busy with other tests may hold up a segment.
    assert!(stalled_ms * 50 < playing_ms, "{:?}", crowd.entries);
}
