use super::*;
use proptest::prelude::*;

const TIMES: Times = Times { due_us: 1_000_000, slate_us: 2_000_000 };
const NONE: &[&str] = &[];

fn copy(pipeline: &str, quality: Quality, arrived_us: i64) -> Candidate<'_> {
    Candidate { pipeline, quality, arrived_us }
}

/// A, then B, with the flags of those that `masked` and `missing` name.
fn both<'a>(masked: &[&str], missing: &[&str]) -> [Pipeline<'a>; 2] {
    ["A", "B"].map(|name| Pipeline {
        name,
        masked: masked.contains(&name),
        missing: missing.contains(&name),
    })
}

fn at<'a>(candidates: &[Candidate<'a>], pipelines: &[Pipeline<'_>], now_us: i64) -> Choice<'a> {
    choose(candidates, pipelines, TIMES, now_us)
}

use Choice::{Open, Slate};
use Quality::{Defective, Sound, Unusable};
const A: Choice<'_> = Choice::Pipeline("A");
const B: Choice<'_> = Choice::Pipeline("B");

#[test]
fn the_preferred_is_taken_at_once_and_the_other_after_its_grace() {
    let calm = both(NONE, NONE);
    assert_eq!(at(&[], &calm, 0), Open(2_000_000));
    assert_eq!(at(&[copy("A", Sound, 10)], &calm, 10), A);
    let other = [copy("B", Sound, 10)];
    assert_eq!(at(&other, &calm, 10), Open(150_010));
    assert_eq!(at(&other, &calm, 150_010), B);
    // The preferred arrived within the grace.
    assert_eq!(at(&[copy("B", Sound, 10), copy("A", Sound, 100_000)], &calm, 100_000), A);
    // Never past due.
    let late = [copy("B", Sound, 950_000)];
    assert_eq!((at(&late, &calm, 999_999), at(&late, &calm, 1_000_000)), (Open(1_000_000), B));
    assert_eq!(at(&[copy("B", Sound, 1_500_000)], &calm, 1_500_000), B);
}

#[test]
fn the_other_is_taken_at_once_when_the_preferred_is_known_bad() {
    let other = copy("B", Sound, 10);
    for (masked, missing) in [(&["A"][..], NONE), (NONE, &["A"][..])] {
        assert_eq!(at(&[other], &both(masked, missing), 10), B);
    }
    for quality in [Defective, Unusable] {
        assert_eq!(at(&[copy("A", quality, 5), other], &both(NONE, NONE), 10), B);
    }
    // Missing before, but it arrived now: it is served.
    assert_eq!(at(&[copy("A", Sound, 20)], &both(NONE, &["A"]), 20), A);
}

#[test]
fn a_defective_copy_is_the_last_resort_and_a_masked_one_is_never_served() {
    let frozen = copy("A", Defective, 10);
    assert_eq!(at(&[frozen], &both(NONE, NONE), 10), Open(1_000_000), "B may still come");
    assert_eq!(at(&[frozen], &both(NONE, NONE), 1_000_000), A);
    assert_eq!(at(&[frozen], &both(NONE, &["B"]), 10), A);
    assert_eq!(at(&[frozen, copy("B", Defective, 20)], &both(NONE, NONE), 20), A);
    assert_eq!(at(&[frozen, copy("B", Unusable, 20)], &both(NONE, NONE), 20), A);
    assert_eq!(at(&[frozen], &both(&["A"], NONE), 1_999_999), Open(2_000_000));
    assert_eq!(at(&[frozen], &both(&["A"], NONE), 2_000_000), Slate);
    assert_eq!(at(&[copy("A", Unusable, 10)], &both(NONE, NONE), 2_000_000), Slate);
}

#[test]
fn a_copy_that_arrives_at_slate_time_is_too_late() {
    let copy = [copy("A", Sound, 2_000_000)];
    assert_eq!(at(&copy, &both(NONE, NONE), 2_000_000), Slate);
    assert_eq!(at(&[], &both(NONE, NONE), 2_000_000), Slate);
}

fn quality() -> impl Strategy<Value = Quality> {
    prop::sample::select(vec![Sound, Sound, Sound, Defective, Unusable])
}

proptest! {
    /// Runs through time as the origin does: at each arrival and at each moment that an open
    /// choice names. The first decision is final.
    #[test]
    fn decisions_in_time(
        a in prop::option::of((0_i64..2_500_000, quality())),
        b in prop::option::of((0_i64..2_500_000, quality())),
        masked in prop::collection::vec(prop::sample::select(vec!["A", "B"]), 0..2),
        missing in prop::collection::vec(prop::sample::select(vec!["A", "B"]), 0..3),
    ) {
        let pipelines = both(&masked, &missing);
        let copies: Vec<Candidate<'_>> = [("A", a), ("B", b)].into_iter()
            .filter_map(|(name, it)| it.map(|(arrived, quality)| copy(name, quality, arrived))).collect();
        let mut moments: Vec<i64> = copies.iter().map(|c| c.arrived_us).chain([0, TIMES.slate_us]).collect();
        let mut decided = None;
        while let Some(now) = moments.iter().copied().min() {
            moments.retain(|moment| *moment != now);
            let here: Vec<_> = copies.iter().copied().filter(|c| c.arrived_us <= now).collect();
            match choose(&here, &pipelines, TIMES, now) {
                Open(until) => {
                    prop_assert!(until > now && until <= TIMES.slate_us);
                    // It is exactly that moment and not one before it.
                    prop_assert!(matches!(choose(&here, &pipelines, TIMES, until - 1), Open(u) if u == until));
                    prop_assert!(!matches!(choose(&here, &pipelines, TIMES, until), Open(_)));
                    moments.push(until);
                }
                made => { decided = Some((now, made)); break; }
            }
        }
        let (when, made) = decided.expect("decided by slate time");
        prop_assert!(when <= TIMES.slate_us);
        let usable: Vec<_> = copies.iter().filter(|c| c.arrived_us < TIMES.slate_us
            && c.quality != Unusable && !masked.contains(&c.pipeline)).collect();
        match made {
            Slate => prop_assert!(usable.is_empty() && when == TIMES.slate_us),
            Choice::Pipeline(name) => {
                let chosen = usable.iter().find(|c| c.pipeline == name).expect("usable");
                prop_assert!(chosen.arrived_us <= when);
                let sound: Vec<_> = usable.iter().filter(|c| c.quality == Sound && c.arrived_us <= when).collect();
                prop_assert!(chosen.quality == Sound || sound.is_empty());
                if let Some(first) = sound.iter().map(|c| c.arrived_us).min() {
                    prop_assert!(when - first <= GRACE_US);
                    prop_assert!(when <= TIMES.due_us.max(first), "never past due");
                }
                // A better-ranked sound copy that has arrived is never ignored.
                prop_assert!(name == "A" || sound.iter().all(|c| c.pipeline != "A"));
            }
            Open(_) => unreachable!(),
        }
    }
}
