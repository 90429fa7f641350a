//! A session that plays again long after its end is a new playback, even if its first records are
//! lost.

use proptest::prelude::*;
use tallylight_schemas::rows::Cuboid;
use tallylight_stream_processor::Limits;

use crate::world::{Beacon, Item, T0, World, served, story};

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

/// Reports of a page that stays open after its playback ended: one every 30 s from `from` on.
fn after_the_end(end: &'static str, from: i64, reports: i64) -> Vec<Beacon> {
    let report = |n: i64| Beacon {
        sn: 100 + (from / 30_000 + n) as u64,
        e: "t",
        ..story(&[(from + n * 30_000, end)]).remove(0)
    };
    (0..reports).map(report).collect()
}

#[test]
fn a_page_that_goes_on_reporting_its_end_opens_nothing() {
    for (end, closed) in [("e", 5_000), ("f", 5_000), ("q", 5_000), ("f", 0)] {
        let mut world = World::with(Limits { closed, ..Limits::default() });
        world.beacons(&story(&[(0, "s"), (1_000, "p"), (20_000, end)]));
        world.beacons(&after_the_end(end, 30_000, 19));
        let rows = world.sessions();
        let known: Vec<_> =
            rows.iter().map(|row| (row.epoch, row.playing_ms, row.events)).collect();
        assert_eq!(known, if closed > 0 { vec![(0, 19_000, 22)] } else { Vec::new() }, "{end}");
        // It is forgotten meanwhile, and the last ones are of a page that wakes up.
        world.beacons(&after_the_end(end, 600_000, 50));
        let again = after_the_end(end, 9_000_000, 3);
        world.beacons(&again);
        let repeated = Beacon { delay: 60_000, ..again[0].clone() };
        world.beacons(&[repeated]);
        assert_eq!(world.sessions(), [], "{end} {closed}");
        let tally = world.state.tally();
        assert_eq!((tally.accepted, tally.late, tally.duplicate), (75, 0, 1), "{end} {closed}");
        let panes = world.book.sum(Cuboid::Content);
        assert_eq!((panes.attempts, panes.start_failures, panes.ends), (1, 0, 1));
        // What it plays then is another playback, also if its first records are overtaken by the
        // others.
        let next = [(0, "s"), (1, ""), (2, "q")]
            .map(|(sn, sta)| Beacon { sn, ..story(&[(9_100_000 + sn as i64, sta)]).remove(0) });
        next.iter().rev().for_each(|beacon| world.beacons(std::slice::from_ref(beacon)));
        let row = world.session();
        assert_eq!((row.epoch, row.events, row.started_at), (1, 3, Some((T0 + 9_100_000) * 1_000)));
    }
}

#[test]
fn a_playback_begins_though_its_end_came_first_and_was_taken_for_a_repetition() {
    let mut world = World::default();
    world.beacons(&story(&[(0, "s"), (1_000, "p"), (5_000, "q")]));
    let all = story(&[
        (900_000, "s"),
        (901_000, "p"),
        (905_000, "r"),
        (906_000, "p"),
        (919_900, ""),
        (920_000, "q"),
    ]);
    let (before, end) = all.split_at(5);
    world.beacons(end);
    assert_eq!(world.sessions(), []);
    let arrived =
        |beacon: &Beacon| Item::Beacon(Beacon { delay: 921_000 - beacon.ts, ..beacon.clone() });
    world.entry(921_000, &before.iter().map(arrived).collect::<Vec<_>>());
    let row = world.session();
    let known = (row.epoch, row.startup_ms, row.playing_ms, row.rebuffer_count, row.events);
    assert_eq!(known, (1, Some(1_000), 17_900, 1, 5));
    // Its end is sent again.
    world.entry(922_000, &end.iter().map(arrived).collect::<Vec<_>>());
    let row = world.session();
    assert_eq!((row.playing_ms, row.ended_at), (18_000, Some((T0 + 920_000) * 1_000)));
    let tally = world.state.tally();
    assert_eq!((tally.accepted, tally.duplicate, tally.late), (10, 0, 0));
}

#[test]
fn a_record_of_the_playback_before_the_last_two_is_counted_in_neither() {
    let first = story(&[(0, "s"), (1_000, "p"), (9_000, "a")]);
    let mut world = World::default();
    world.beacons(&first);
    world.beacons(&story(&[(20_000, "s"), (24_000, "p")]));
    world.beacons(&story(&[(40_000, "s"), (41_000, "p")]));
    let rows = world.sessions();
    assert_eq!(
        rows.iter().map(|row| row.startup_ms).collect::<Vec<_>>(),
        [1_000, 4_000, 1_000].map(Some)
    );
    world.beacons(&[Beacon { delay: 50_000, ..first[1].clone() }]);
    assert_eq!(world.sessions(), rows);
    assert_eq!(world.state.tally().late, 1);
}

#[test]
fn a_playback_whose_records_all_came_too_late_was_last_seen_when_it_began() {
    let mut world = World::default();
    world.beacons(&story(&[(0, "s"), (5_000, "p")]));
    // Both wait for the network; the viewer went on to something else meanwhile.
    let begins = |ts| Item::Beacon(story(&[(ts, "s")]).remove(0));
    world.entry(150_010, &[begins(10_000), begins(150_000)]);
    let rows = world.sessions();
    let of =
        |at: usize| (rows[at].epoch, rows[at].events, rows[at].late_events, rows[at].last_seen);
    assert_eq!(of(1), (1, 0, 1, (T0 + 10_000) * 1_000));
    assert_eq!(of(2), (2, 1, 0, (T0 + 150_000) * 1_000));
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
