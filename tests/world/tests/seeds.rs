//! Fifty seeds in short (`TALLYLIGHT_SEEDS` for any number), and one of them twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use tallylight_sim::{VIEWERS, run};

/// Seeds of this part of four, which run beside each other.
fn seeds(part: u64) {
    let seeds = std::env::var("TALLYLIGHT_SEEDS").map_or(50, |seeds| seeds.parse().unwrap());
    for seed in (0..seeds).filter(|seed| seed % 2 == part) {
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
fn a_seed_is_a_run_to_the_byte() {
    let (one, other) = (run(7, VIEWERS), run(7, VIEWERS));
    assert_eq!(one.trace.hash(), other.trace.hash());
    assert_eq!(one.trace, other.trace);
}
