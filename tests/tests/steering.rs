//! What steering does to viewers (docs/testing.md, "What must hold"), judged by the segment
//! requests that sixty of them really sent, and never by what steering says that it did.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::Duration;

use serde_json::Value;
use tallylight_tests::crowd::{Crowd, now_ms};
use tallylight_tests::world::World;

const VIEWERS: usize = 60;
/// The crowd's script, seconds: longer than any of these tests.
const SCRIPT: u64 = 900;
/// Steering's TTL, ms.
const TTL: i64 = 5_000;
/// Viewers move at a segment, so a minute is measured to within a segment, ms.
const SEGMENT: i64 = 2_000;
/// The part of a capacity that steering keeps free.
const KEPT_FREE: f64 = 0.05;

async fn sleep_s(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Waits until `at_ms` of the wall clock.
async fn until(at_ms: i64) {
    tokio::time::sleep(Duration::from_millis((at_ms - now_ms()).max(0).unsigned_abs())).await;
}

fn moves_e1(row: &Value) -> bool {
    row["kind"] == "shift_edge" && row["target"] == "e1"
}

async fn world(more: &[&str]) -> World {
    let args = [&["--viewers", "0", "--source", "loop"], more].concat();
    let world = World::start_beside(&args).await;
    world.wait_for_picture().await;
    world
}

/// Sixty viewers on both edges, known to steering and dashboard.
async fn crowd(world: &World, name: &str) -> Crowd {
    let crowd = Crowd::start(world, VIEWERS, SCRIPT, name);
    sleep_s(14).await;
    world.wait_for_calm(30).await;
    crowd
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_edge_is_left_and_returned_to_and_a_dead_one_is_left() {
    let world = world(&[]).await;
    world.mode("act").await;
    let crowd = crowd(&world, "act").await;

    // (b) slow without errors
    let slow = now_ms();
    world.fault("edge-e1", "slow", true).await;
    let taken = |row: &Value| moves_e1(row) && row["state"] == "taken";
    let (_, action) = world.wait_for_action("a move away from e1", 12, slow, taken).await;
    let decided = action["at"].as_i64().unwrap();
    let moved_by = decided + TTL + 10_000;
    until(moved_by + 6_000).await;

    // (c) recovered
    let healed = now_ms();
    world.fault("edge-e1", "slow", false).await;
    until(healed + 60_000 + TTL + 10_000 + 6_000).await;

    // (a) killed, restart held
    let killed = now_ms();
    world.fault("edge-e1", "kill", true).await;
    until(killed + 16_000).await;
    let ledger = crowd.leave().await;
    world.fault("edge-e1", "kill", false).await;

    assert_eq!(ledger.entries.len(), VIEWERS, "sessions");
    let before = ledger.share("e1", slow - 8_000, slow);
    let left = ledger.share("e2", moved_by, moved_by + 6_000);
    println!(
        "(b) decided in {} ms; share of e2 after TTL + 10 s: {left:.3}; of e1 before: {before:.3}",
        decided - slow
    );
    let early = ledger.share("e1", healed + 2_000, healed + 30_000);
    let back_by = healed + 60_000 + TTL + 10_000;
    // These spans cut through rounds of requests, so viewers are counted; none move within them.
    let (were, _) = ledger.viewers("e1", slow - 8_000, slow);
    let (back, _) = ledger.viewers("e1", back_by, back_by + 6_000);
    println!("(c) share of e1 in the first 30 s: {early:.3}; 75 s after {back} of {were} are back");
    let fled = ledger.share("e2", killed + 10_000, killed + 16_000);
    let stalled = ledger.stalled_ms(killed, killed + 16_000);
    println!("(a) share of e2 after 10 s: {fled:.3}; stalled {stalled} ms of {VIEWERS} viewers");
    // The kill came within a minute of the return. Nothing can be played from a dead edge, so a
    // player that asks steering before it has noticed the failure is sent away at once (ADR 19).
    let between = ledger.shortest_between_moves(killed);
    println!("shortest time between two steering moves of a viewer: {between:?} ms");

    assert!((0.25..=0.75).contains(&before), "both edges are used: {before}");
    assert!(decided - slow <= 5_000, "decided after {} ms", decided - slow);
    assert!(left >= 0.95, "(b)\n{}", ledger.around(slow, 2, 30));
    assert!(early <= 0.05, "(c) too early\n{}", ledger.around(healed, 2, 40));
    assert!(back as f64 >= 0.95 * were as f64, "(c)\n{}", ledger.around(healed, 2, 85));
    assert!(fled >= 0.95, "(a)\n{}", ledger.around(killed, 2, 20));
    assert!(between.is_none_or(|ms| ms >= 60_000 - SEGMENT), "{between:?} ms between two moves");
}

#[tokio::test(flavor = "multi_thread")]
async fn advice_waits_for_a_click_undo_brings_back_and_common_trouble_moves_no_viewers() {
    let world = world(&[]).await;
    world.mode("advise").await;
    let crowd = crowd(&world, "advise").await;

    // Offered, and nothing moves.
    let slow = now_ms();
    world.fault("edge-e1", "slow", true).await;
    let (_, offer) = world
        .wait_for_action("an offer", 12, slow, |row| moves_e1(row) && row["state"] == "offered")
        .await;
    until(slow + 25_000).await;
    let id = offer["id"].as_str().unwrap().to_owned();
    let taken = now_ms();
    world.act(&id, "take").await;
    until(taken + TTL + 10_000 + 4_000).await;
    let undone = now_ms();
    world.act(&id, "undo").await;
    until(undone + TTL + 10_000 + 4_000).await;
    world.fault("edge-e1", "slow", false).await;
    world.wait_for_calm(60).await;

    // (d) both slow together, and steering may act
    world.mode("act").await;
    let both = now_ms();
    for edge in ["edge-e1", "edge-e2"] {
        world.fault(edge, "slow", true).await;
    }
    until(both + 20_000).await;
    let named = world.incidents().await;
    let acted: Vec<Value> = world.actions().await;
    for edge in ["edge-e1", "edge-e2"] {
        world.fault(edge, "slow", false).await;
    }
    let ledger = crowd.leave().await;

    let before = ledger.share("e1", slow - 8_000, slow);
    let waited = ledger.share("e1", slow + 10_000, taken);
    let moved = ledger.share("e2", taken + TTL + 10_000, taken + TTL + 14_000);
    let returned = ledger.share("e1", undone + TTL + 10_000, undone + TTL + 14_000);
    println!(
        "share of e1 before {before:.3}, offered {waited:.3}; of e2 after the click {moved:.3}; of e1 after undo {returned:.3}"
    );
    assert!(
        (waited - before).abs() <= 0.05,
        "advice moved somebody\n{}",
        ledger.around(slow, 2, 30)
    );
    assert!(moved >= 0.95, "the click moves\n{}", ledger.around(taken, 2, 20));
    assert!(returned >= 0.95 * before, "undo brings back\n{}", ledger.around(undone, 2, 20));

    let during = ledger.share("e1", both + 5_000, both + 20_000);
    let of_edges = |row: &&Value| {
        row["at"].as_i64() >= Some(both)
            && ["shift_edge", "cap_ladder"].iter().any(|kind| row["kind"] == *kind)
            && row["state"] == "taken"
    };
    let upstream = |row: &Value| row["culprit"] == "origin" || row["culprit"] == "encoder";
    println!("(d) named: {:?}", named.iter().map(|row| &row["cause"]).collect::<Vec<_>>());
    assert!((during - returned).abs() <= 0.1, "(d) somebody moved\n{}", ledger.around(both, 2, 20));
    assert_eq!(acted.iter().filter(of_edges).count(), 0, "(d) {acted:#?}");
    assert!(named.iter().any(upstream), "(d) {named:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_moved_than_the_other_edge_can_carry() {
    let world = world(&[]).await;
    world.mode("act").await;
    let crowd = crowd(&world, "room").await;

    // Other traffic fills edge 2 so far that only a third of edge 1's viewers fit.
    let kbps = |edge: &Value, what: &str| edge[what].as_f64().unwrap();
    let (e1, e2) = (world.edge("e1").await, world.edge("e2").await);
    let capacity = kbps(&e2, "capacity_kbps");
    let third = kbps(&e1, "reserved_kbps") / 3.0;
    let spare = capacity * KEPT_FREE;
    let background = capacity - spare - kbps(&e2, "reserved_kbps") - third;
    let percent = (background / capacity * 100.0).ceil() as u64;
    world.fault_of("edge-e2", "overload", percent).await;
    sleep_s(4).await;
    let slow = now_ms();
    world.fault("edge-e1", "slow", true).await;
    world
        .wait_for_action("a move away from e1", 12, slow, |row| {
            moves_e1(row) && row["state"] == "taken"
        })
        .await;
    until(slow + 30_000).await;
    let full = world.edge("e2").await;
    let ledger = crowd.leave().await;

    let (on_e1, _) = ledger.viewers("e1", slow - 6_000, slow);
    let (on_e2, _) = ledger.viewers("e2", slow - 6_000, slow);
    let (still, low) = ledger.viewers("e1", slow + 24_000, slow + 30_000);
    let (now_e2, _) = ledger.viewers("e2", slow + 24_000, slow + 30_000);
    let moved = now_e2 - on_e2;
    println!(
        "(e) of {on_e1} viewers of e1 {moved} were moved, {still} stayed, {low} of them on low rungs; \
         e2 has {} of {} kbps reserved",
        full["reserved_kbps"], full["capacity_kbps"]
    );
    assert!((1..=on_e1 / 3 + 2).contains(&moved), "{moved} of {on_e1} moved");
    assert_eq!(moved + still, on_e1, "no viewer is lost\n{}", ledger.around(slow, 2, 30));
    assert!(low * 10 >= still * 9, "{low} of {still} who stayed are on low rungs");
    assert!(kbps(&full, "reserved_kbps") <= capacity, "{full}");
    let refused =
        ledger.entries.iter().flat_map(|entry| &entry.requests).filter(|r| r.status == 503);
    assert_eq!(refused.count(), 0, "an edge had to refuse");
}
