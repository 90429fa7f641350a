//! Merging is associative and commutative for every mergeable type, so partitions, panes and
//! engines may add in any order.

use proptest::prelude::*;
use tallylight_schemas::rows::{DeliveryRow, Measures, PlaybackRow};
use tallylight_schemas::sketch::{Bin, Sketch};

use crate::samples;

fn sketch() -> impl Strategy<Value = Sketch> {
    prop::collection::vec((0..100_000_i64, 1..4_i64), 0..40).prop_map(|values| {
        let mut sketch = Sketch::default();
        values.into_iter().for_each(|(value, n)| sketch.add(value, n));
        sketch
    })
}

fn playback() -> impl Strategy<Value = PlaybackRow> {
    let values = prop::collection::vec(0..1_000_000_i64, Measures::NAMES.len());
    (values, sketch(), sketch()).prop_map(|(values, startup_sketch, latency_sketch)| {
        let mut measures = Measures::default();
        Measures::NAMES.iter().zip(values).for_each(|(name, value)| measures.set(name, value));
        let row = samples::playback().remove(0);
        PlaybackRow { measures, startup_sketch, latency_sketch, ..row }
    })
}

fn delivery() -> impl Strategy<Value = DeliveryRow> {
    let numbers = prop::collection::vec(0..1_000_000_i64, 8);
    (numbers, sketch(), sketch()).prop_map(|(n, ttfb_sketch, held_sketch)| {
        let row = samples::delivery_rows().remove(0);
        let (requests, bytes, errors, hits) = (n[0], n[1], n[2], n[3]);
        let (held_ms, ok, redirects, server_errors) = (n[4], n[5], n[6], n[7]);
        let answers = DeliveryRow { ok, redirects, server_errors, errors, ..row };
        DeliveryRow { requests, bytes, hits, held_ms, ttfb_sketch, held_sketch, ..answers }
    })
}

/// a + (b + c) = (a + b) + c, a + b = b + a, and (a + b) − b = a.
fn check<T: Clone + PartialEq + std::fmt::Debug>(
    [a, b, c]: [&T; 3],
    merge: impl Fn(&mut T, &T, i64),
) -> Result<(), TestCaseError> {
    let sum = |a: &T, b: &T| {
        let mut sum = a.clone();
        merge(&mut sum, b, 1);
        sum
    };
    prop_assert_eq!(sum(a, &sum(b, c)), sum(&sum(a, b), c));
    prop_assert_eq!(sum(a, b), sum(b, a));
    let mut back = sum(a, b);
    merge(&mut back, b, -1);
    prop_assert_eq!(&back, a);
    Ok(())
}

/// A log of an older release may hold numbers that the collector no longer accepts.
#[test]
fn sums_saturate() {
    let row = samples::delivery_rows().remove(0);
    let full = DeliveryRow { bytes: i64::MAX, held_ms: i64::MAX, requests: i64::MIN, ..row };
    let (mut twice, mut without) = (full.clone(), full.clone());
    twice.merge(&full, 1);
    assert_eq!((twice.bytes, twice.held_ms, twice.requests), (i64::MAX, i64::MAX, i64::MIN));
    without.merge(&full, -1);
    assert_eq!((without.bytes, without.held_ms), (0, 0));

    let mut sums = Measures::default();
    sums.set("playing_ms", i64::MAX);
    let more = sums;
    sums.add(&more, 1);
    assert_eq!(sums.get("playing_ms"), Some(i64::MAX));

    let bins = [3, 4].map(|i| Bin { i, n: i64::MAX });
    let mut sketch: Sketch = bins.into_iter().collect();
    sketch.merge(&sketch.clone(), 1);
    assert_eq!(sketch.count(), i64::MAX);
    assert!(sketch.quantile(0.99).is_some());
}

proptest! {
    #[test]
    fn sketches_merge_in_any_order(a in sketch(), b in sketch(), c in sketch()) {
        check([&a, &b, &c], Sketch::merge)?;
    }

    #[test]
    fn rows_merge_in_any_order(a in playback(), b in playback(), c in playback()) {
        check([&a, &b, &c], PlaybackRow::merge)?;
    }

    #[test]
    fn reports_merge_in_any_order(a in delivery(), b in delivery(), c in delivery()) {
        check([&a, &b, &c], DeliveryRow::merge)?;
    }

    #[test]
    fn a_merged_sketch_is_that_of_all_values(
        parts in prop::collection::vec(prop::collection::vec(0..1_000_000_i64, 0..30), 0..6),
    ) {
        let (mut whole, mut merged) = (Sketch::default(), Sketch::default());
        for part in &parts {
            let mut one = Sketch::default();
            for value in part {
                one.add(*value, 1);
                whole.add(*value, 1);
            }
            merged.merge(&one, 1);
        }
        prop_assert_eq!(whole, merged);
    }
}
