//! Fifty seeds by default (`WORLD_SEEDS` for any number), and one of them twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use tallylight_sim::{VIEWERS, run, run_with_loss};

fn seeds_asked() -> u64 {
    std::env::var("WORLD_SEEDS").map_or(50, |seeds| seeds.parse().unwrap())
}

/// The seeds of one of two halves, which run in parallel.
fn seeds(part: u64) {
    for seed in (0..seeds_asked()).filter(|seed| seed % 2 == part) {
        let run = run(seed, VIEWERS);
        assert!(run.problems.is_empty(), "{}", run.report(VIEWERS));
    }
}

#[test]
fn even_seeds_hold() {
    seeds(0);
}

#[test]
fn odd_seeds_hold() {
    seeds(1);
}

#[test]
fn entries_that_the_log_drops_are_reported() {
    for seed in 0..seeds_asked() / 10 {
        let run = run_with_loss(seed, VIEWERS);
        assert!(run.problems.is_empty(), "{}", run.report(VIEWERS));
    }
}

#[test]
fn a_seed_is_a_run_to_the_byte() {
    let (one, other) = (run(7, VIEWERS), run(7, VIEWERS));
    assert_eq!(one.trace.hash(), other.trace.hash());
    assert_eq!(one.trace, other.trace);
}
