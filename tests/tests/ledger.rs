//! Two hundred viewers for three minutes: what the platform counted is what happened.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tallylight_audience::ledger::{Ended, Entry};
use tallylight_schemas::session::{Outcome, SessionRow};
use tallylight_tests::crowd::read_ledger;
use tallylight_tests::world::World;

/// Times agree within 50 ms or 2 %, whichever is more.
fn close(counted: i64, truth: i64) -> bool {
    (counted - truth).abs() <= 50.max(truth / 50)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_counts_what_the_ledger_says() {
    // The encoder is not under test, so its recording plays.
    let world = World::start(&["--viewers", "0", "--source", "loop"]).await;
    world.wait_for_picture().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let file = world.data.path().join("ledger.jsonl");
    let mut audience = world.command();
    audience.args(["audience", "--viewers", "200", "--duration", "180", "--bad-starts", "20"]);
    audience.args(["--stalls", "2", "--ledger"]).arg(&file);
    let status = tokio::process::Command::from(audience).status().await.unwrap();
    assert!(status.success());
    let truth = read_ledger(&file);
    // The processor has yet to process the records acknowledged last.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let counted = sessions(&world, truth.iter().map(|entry| entry.beacons).sum()).await;

    let lost: u64 = truth.iter().map(|entry| entry.beacons_lost).sum();
    assert_eq!(lost, 0, "every beacon was acknowledged");
    check_totals(&truth, &counted);
    check_each(&truth, counted);
}

/// The sessions once this many beacons are counted. On a slow disk that takes a while; without all
/// of them after half a minute, what is missing is judged.
async fn sessions(world: &World, beacons: u64) -> Vec<SessionRow> {
    let began = Instant::now();
    loop {
        let rows: Vec<SessionRow> =
            serde_json::from_value(world.json("/v1/sessions?limit=1000").await).unwrap();
        let counted: u64 = rows.iter().map(|row| row.events).sum();
        if counted >= beacons || began.elapsed() > Duration::from_secs(30) {
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn check_totals(truth: &[Entry], counted: &[SessionRow]) {
    let stalls: usize = truth.iter().map(|entry| entry.stalls.len()).sum();
    let ended = |how| truth.iter().filter(|entry| entry.ended == how).count();
    println!(
        "figure: {} sessions, {stalls} stalls, {} start failures, {} exits before start, \
         {} failures",
        truth.len(),
        ended(Ended::StartFailed),
        ended(Ended::ExitBeforeStart),
        ended(Ended::Failed)
    );
    assert!(stalls >= 300, "only {stalls} stalls happened");
    for how in [Ended::StartFailed, Ended::ExitBeforeStart, Ended::Failed] {
        assert!(ended(how) >= 20, "only {} {how:?}", ended(how));
    }
    let outcome = |what| counted.iter().filter(|row| row.outcome == what).count();
    assert_eq!(counted.len(), truth.len(), "sessions");
    let starts = counted.iter().filter(|row| row.startup_ms.is_some()).count();
    assert_eq!(starts, truth.iter().filter(|e| e.startup_ms.is_some()).count(), "starts");
    assert_eq!(outcome(Outcome::StartFailed), ended(Ended::StartFailed), "start failures");
    assert_eq!(outcome(Outcome::ExitBeforeStart), ended(Ended::ExitBeforeStart), "exits");
    assert_eq!(outcome(Outcome::Failed), ended(Ended::Failed), "failures");
    let rebuffers: i64 = counted.iter().map(|row| row.rebuffer_count).sum();
    assert_eq!(rebuffers, i64::try_from(stalls).unwrap(), "stalls");
}

fn check_each(truth: &[Entry], counted: Vec<SessionRow>) {
    let mut counted: HashMap<String, SessionRow> =
        counted.into_iter().map(|row| (row.sid.clone(), row)).collect();
    let mut problems = Vec::new();
    for entry in truth {
        let Some(row) = counted.remove(&entry.sid) else {
            problems.push(format!("{} is missing", entry.sid));
            continue;
        };
        let stalled: i64 = entry.stalls.iter().map(|stall| stall.ms).sum();
        let startup = match (row.startup_ms, entry.startup_ms) {
            (Some(counted), Some(truth)) => close(counted, truth),
            (counted, truth) => counted.is_none() && truth.is_none(),
        };
        let stalls = row.rebuffers.len() == entry.stalls.len()
            && row.rebuffers.iter().zip(&entry.stalls).all(|((at_us, ms), stall)| {
                close(at_us / 1_000, stall.at_ms)
                    && (at_us / 1_000 - stall.at_ms).abs() <= 50
                    && close(*ms, stall.ms)
            });
        let times = close(row.playing_ms, entry.playing_ms) && close(row.rebuffering_ms, stalled);
        if !startup || !stalls || !times || row.events != entry.beacons || row.lost_events != 0 {
            problems.push(format!("ledger {entry:?}\ncounted {row:?}\n"));
        }
    }
    assert!(
        problems.is_empty(),
        "{} differ:\n{}",
        problems.len(),
        problems[..problems.len().min(3)].join("\n")
    );
}
