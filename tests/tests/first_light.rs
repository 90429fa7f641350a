//! `make run` on a built tree: how soon a chart moves, and how soon a beacon is a pixel.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tallylight_tests::browser;
use tallylight_tests::world::World;

/// From `up` to the first moving chart.
const FIRST_CHART: Duration = Duration::from_secs(20);
/// From beacon to pixel, 95th percentile.
const BEACON_TO_PIXEL_MS: u64 = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_moves_within_twenty_seconds_and_a_beacon_is_a_pixel_within_two() {
    #[allow(clippy::disallowed_methods, reason = "compared with the browser's Date.now()")]
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let world = World::start_by_script().await;
    let seen = browser::run("first_chart.mjs", &[&world.dashboard()], FIRST_CHART * 3).await;
    let took = Duration::from_millis(seen["at"].as_u64().unwrap()) - began;
    println!("make run to first moving chart: {took:?}");
    assert!(took < FIRST_CHART, "the first moving chart took {took:?}");
    assert_eq!(seen["problems"].as_array().unwrap().len(), 0, "{}", seen["problems"]);

    let args = [&world.dashboard(), &world.collector(), "30"];
    let measured =
        browser::run("markers.mjs", &args.map(|a| a as &str), Duration::from_secs(240)).await;
    let mut delays: Vec<u64> =
        measured["delays"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap()).collect();
    delays.sort_unstable();
    assert!(delays.len() >= 30);
    let p95 = delays[delays.len() * 95 / 100];
    println!(
        "beacon to pixel: p50 {} ms, p95 {p95} ms, {} markers",
        delays[delays.len() / 2],
        delays.len()
    );
    assert!(p95 < BEACON_TO_PIXEL_MS, "p95 {p95} ms of {delays:?}");
}
