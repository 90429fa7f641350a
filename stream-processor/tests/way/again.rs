//! A session that plays again long after its end is a new playback, even if its first records are
//! lost.

use proptest::prelude::*;
use tallylight_schemas::rows::Cuboid;

use crate::world::{Beacon, Item, World, served, story};

/// A playback that ends, and records of the next one from `at` on, without its first. If the player
/// numbers its records, the second playback's begin at `numbers`.
fn twice(at: i64, numbers: Option<u64>) -> (Vec<Beacon>, Vec<Beacon>) {
    let first = story(&[(0, "s"), (500, "p"), (5_000, "e"), (6_000, "")]);
    let second =
        [(0, ""), (400, "p"), (900, "s"), (1_300, ""), (2_000, "p"), (9_000, "r"), (30_000, "q")];
    let second = story(&second.map(|(after, sta)| (at + after, sta)));
    let count = |beacon: Beacon, from| Beacon {
        sn: beacon.sn + from,
        unnumbered: numbers.is_none(),
        ..beacon
    };
    let first = first.into_iter().map(|beacon| count(beacon, 0));
    let second = second.into_iter().map(|beacon| count(beacon, numbers.unwrap_or(50)));
    (first.collect(), second.collect())
}

/// Feeds items at their log times, until all sessions are over but not yet forgotten.
fn arriving(mut arrivals: Vec<(i64, Item)>) -> World {
    arrivals.sort_by_key(|(log, _)| *log);
    let mut world = World::default();
    for (log, item) in &arrivals {
        world.tick_to(*log);
        world.entry(*log, std::slice::from_ref(item));
    }
    world.tick_to(500_000);
    world
}

#[test]
fn a_playback_whose_beginning_is_lost_is_still_a_new_one() {
    for numbers in [Some(1), Some(4), None] {
        let (first, second) = twice(140_000, numbers);
        let mut world = World::default();
        world.beacons(&first);
        world.beacons(&second);
        let all: Vec<Item> = [first, second].concat().into_iter().map(Item::Beacon).collect();
        world.entry(171_000, &all);
        assert_eq!(world.state.tally().duplicate, 11, "{numbers:?}");
        let rows = world.sessions();
        let seen: Vec<_> = rows.iter().map(|row| (row.epoch, row.events, row.playing_ms)).collect();
        // The record before the first that plays is still counted in the first playback.
        assert_eq!(seen, [(0, 5, 4_500), (1, 6, 7_500)], "{numbers:?}");
        assert_eq!((rows[0].lost_events, rows[1].lost_events), (0, 0));
    }
}

#[test]
fn records_soon_after_the_end_belong_to_the_playback() {
    let (first, second) = twice(120_000, None);
    let mut world = World::default();
    world.beacons(&first);
    world.beacons(&second[..3]);
    // So is a record that is too late to be counted.
    let late = Beacon { ts: 130_000, sta: Some("p"), delay: 200_000, ..first[0].clone() };
    world.beacons(&[late]);
    let row = world.session();
    assert_eq!((row.epoch, row.playing_ms, row.late_events), (0, 4_500, 1));
}

#[test]
fn a_beginning_that_comes_too_late_counts_no_record_twice() {
    let first = story(&[(0, "s"), (1_000, "p"), (50_000, "q")]);
    let second = story(&[(60_000, "s"), (61_000, "p"), (64_000, ""), (67_000, ""), (70_000, "q")]);
    let mut world = World::default();
    world.beacons(&first);
    world.beacons(&second[1..]);
    // Everything before 70 s is final by then.
    world.beacons(&[Beacon { delay: 130_000, ..second[0].clone() }]);
    world.tick_to(400_000);
    let (rows, panes) = (world.sessions(), world.book.sum(Cuboid::Content));
    assert_eq!((rows.iter().map(|row| row.events).sum::<u64>(), panes.events), (7, 7));
}

#[test]
fn records_of_the_playback_before_the_last_are_told_apart_after_that_is_forgotten() {
    let played = |at: i64, records: i64| {
        let sta = |n: i64| match n {
            0 => "s",
            _ if n + 1 == records => "e",
            _ => "p",
        };
        let states: Vec<_> = (0..records).map(|n| (at + n * 1_000, sta(n))).collect();
        story(&states)
    };
    let mut first = played(0, 21);
    let never_sent = first.remove(3);
    let mut world = World::default();
    world.beacons(&first);
    // The first is a tombstone by then, and the third begins while the second is kept whole.
    world.beacons(&played(800_000, 6));
    world.beacons(&story(&[(1_000_000, "s")]));
    assert_eq!(world.sessions().iter().map(|row| row.epoch).collect::<Vec<_>>(), [1, 2]);
    world.tick_to(1_550_000);
    assert_eq!(world.session().epoch, 2);
    let fates = |world: &World| (world.state.tally().duplicate, world.state.tally().late);
    assert_eq!(fates(&world), (0, 0));
    let late = |beacon: &Beacon| Beacon { delay: 1_550_000 - beacon.ts, ..beacon.clone() };
    // Its number 12 was not sent in the second playback, and number 3 was.
    let sent = first.iter().find(|beacon| beacon.sn == 12).unwrap();
    world.beacons(&[late(sent)]);
    assert_eq!(fates(&world), (1, 0));
    world.beacons(&[late(&never_sent)]);
    assert_eq!(fates(&world), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_within_the_horizon_gives_the_same_two_playbacks(
        numbers in prop_oneof![Just(Some(0)), Just(Some(1)), Just(None)],
        delays in prop::collection::vec(prop_oneof![Just(0_i64), 0_i64..3_000, 0_i64..40_000], 14),
        again in prop::collection::vec((any::<prop::sample::Index>(), 0_i64..100_000), 0..8),
        clock in prop_oneof![Just(0_i64), Just(45_000), Just(-30_000)],
    ) {
        let (first, mut second) = twice(140_000, numbers);
        if numbers == Some(0) {
            // The beginning is not lost; it arrives as delayed as any record.
            second.remove(0);
            second.remove(0);
            second.iter_mut().for_each(|beacon| beacon.sn -= 2);
        }
        let mut all: Vec<Item> = [first, second].concat().into_iter().map(Item::Beacon).collect();
        for (seq, at) in [(0, 700), (1, 140_500), (2, 141_100)] {
            all.push(Item::Served(served("one", seq, at, ["e1", "e2"][usize::from(seq == 2)], "A")));
        }
        let off = |item: &Item| match item {
            Item::Beacon(beacon) => Item::Beacon(Beacon {
                ts: beacon.ts + clock, delay: 100 - clock, ..beacon.clone()
            }),
            served => served.clone(),
        };
        let arrive = |delays: &[i64]| -> Vec<(i64, Item)> {
            let one = |(item, delay): (&Item, &i64)| (item.at() + 100 + delay, off(item));
            all.iter().zip(delays).map(one).collect()
        };
        let baseline = arriving(arrive(&[0; 14]));
        let mut arrivals = arrive(&delays);
        let repeated: Vec<(i64, Item)> = again.iter().map(|(which, delay)| {
            let (log, item) = &arrivals[which.index(arrivals.len())];
            (log + delay, item.clone())
        }).collect();
        arrivals.extend(repeated);
        let disturbed = arriving(arrivals);
        prop_assert_eq!(baseline.sessions().len(), 2);
        prop_assert_eq!(baseline.sessions(), disturbed.sessions());
        prop_assert_eq!(baseline.book.values(), disturbed.book.values());
        prop_assert_eq!(disturbed.state.tally().late, 0);
        prop_assert_eq!(disturbed.state.tally().duplicate, again.len() as u64);
    }
}
