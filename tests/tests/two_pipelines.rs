//! Two of everything: an encoder that is killed, frozen or loses segments is not seen by any
//! viewer, and the copies of both are interchangeable, segment by segment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::time::Duration;

use tallylight_pipeline::origin::{CopyState, SegmentRow, SegmentsPage};
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::grid::Grid;
use tallylight_tests::crowd::{Crowd, CrowdLedger};
use tallylight_tests::world::World;

/// Seconds that the script of the audience lasts.
const WATCHED: u64 = 72;
const VIEWERS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_that_fails_is_not_seen_by_any_viewer() {
    let world = World::start(&["--viewers", "0"]).await;
    world.wait_for_picture().await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let crowd = Crowd::start(&world, VIEWERS, WATCHED, "ledger");
    let first = k_now();
    pause(14).await;

    let killed = broken(&world, "kill", 10).await;
    // Its restart, its slate and the next whole segment take a moment.
    pause(10).await;
    let frozen = broken(&world, "freeze", 10).await;
    pause(6).await;
    let dropped = k_now();
    world.fault("encoder-a", "drop", true).await;
    let ledger = crowd.over().await;

    let page = world.get("/live/demo/segments.json?last=60").await.unwrap();
    let page: SegmentsPage = serde_json::from_str(&page).unwrap();
    check_served(&page, first);
    for row in rows(&page, killed) {
        assert_eq!(copy(row, "A"), CopyState::Missing, "{row:?}");
        assert_eq!(row.pipeline.as_deref(), Some("B"), "within two segments: {row:?}");
    }
    for row in rows(&page, frozen) {
        let video = row.track != "audio";
        assert_eq!(copy(row, "A") == CopyState::Frozen, video, "the sound goes on: {row:?}");
        assert!(!video || row.pipeline.as_deref() == Some("B"), "{row:?}");
    }
    let lost: Vec<_> = rows(&page, (dropped, dropped + 1))
        .filter(|row| copy(row, "A") == CopyState::Missing)
        .collect();
    assert_eq!(lost.len(), page.tracks.len(), "one segment of every track");
    assert!(lost.iter().all(|row| row.pipeline.as_deref() == Some("B")), "{lost:?}");
    check_inputs(&page);
    check_viewers(&ledger);
}

async fn pause(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn k_now() -> u64 {
    Grid::DEMO.k_at(WallClock.now_us())
}

/// Breaks encoder A for this long. Returns the first and the last segment that must be whole
/// without it: two may pass until the fault takes effect, and the segment open at its end may be
/// from either.
async fn broken(world: &World, fault: &str, seconds: u64) -> (u64, u64) {
    let from = k_now();
    world.fault("encoder-a", fault, true).await;
    pause(seconds).await;
    let until = k_now();
    world.fault("encoder-a", fault, false).await;
    (from + 2, until - 1)
}

fn rows(page: &SegmentsPage, (from, to): (u64, u64)) -> impl Iterator<Item = &SegmentRow> {
    page.segments.iter().filter(move |row| (from..=to).contains(&row.k))
}

fn copy(row: &SegmentRow, pipeline: &str) -> CopyState {
    row.copies.iter().find(|copy| copy.pipeline == pipeline).unwrap().state
}

/// No segment is missing, none is slate, and each names its pipeline.
fn check_served(page: &SegmentsPage, first: u64) {
    let last = page.segments.last().unwrap().k - 1;
    let served: Vec<_> = rows(page, (first, last)).collect();
    let whole = usize::try_from(last - first + 1).unwrap() * page.tracks.len();
    assert_eq!(served.len(), whole);
    for row in &served {
        assert!(["A", "B"].contains(&row.pipeline.as_deref().unwrap()), "{row:?}");
    }
    let by_b = served.iter().filter(|row| row.pipeline.as_deref() == Some("B")).count();
    println!("{whole} segments, {by_b} of them from B");
}

/// The inputs of A and B are the same wherever A's picture moved.
fn check_inputs(page: &SegmentsPage) {
    let mut compared = 0;
    for row in &page.segments {
        let [a, b] = &row.copies[..] else { panic!("{row:?}") };
        let both = [a, b].iter().all(|copy| copy.state == CopyState::OnTime);
        if let (true, Some(a), Some(b)) = (both, &a.input_hash, &b.input_hash) {
            assert_eq!(a, b, "{row:?}");
            compared += 1;
        }
    }
    println!("{compared} input hashes are equal");
    assert!(compared > 60, "{compared}");
    let all = &page.inputs[0];
    assert!(all.compared > 60 && all.equal < all.compared, "a frozen input differs: {all:?}");
}

fn check_viewers(ledger: &CrowdLedger) {
    assert_eq!(ledger.entries.len(), VIEWERS, "sessions");
    let mut statuses = BTreeSet::new();
    for entry in &ledger.entries {
        assert!(entry.stalls.is_empty(), "{} stalled: {:?}", entry.sid, entry.stalls);
        assert!(entry.startup_ms.is_some(), "{} did not start", entry.sid);
        statuses.extend(entry.requests.iter().map(|request| request.status));
    }
    assert_eq!(statuses, BTreeSet::from([200]), "every segment was there");
    println!("{VIEWERS} sessions without a stall");
}
