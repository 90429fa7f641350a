//! Order of arrival, repetition and replay do not change results.

use proptest::prelude::*;

use crate::script::sessions;
use crate::sums::in_order;
use crate::world::{Beacon, Book, Item, World, served, story};

/// Items with the log time at which each is appended: up to 40 s late.
pub fn delayed() -> impl Strategy<Value = (Vec<Item>, Vec<(i64, Item)>)> {
    sessions(20)
        .prop_flat_map(|items| {
            let n = items.len();
            (
                Just(items),
                prop::collection::vec(prop_oneof![Just(0_i64), 0_i64..3_000, 0_i64..40_000], n),
            )
        })
        .prop_map(|(items, delays)| {
            let mut arrivals: Vec<(i64, Item)> = items
                .iter()
                .zip(delays)
                .map(|(item, delay)| (item.at() + 100 + delay, item.clone()))
                .collect();
            arrivals.sort_by_key(|(log, _)| *log);
            (items, arrivals)
        })
}

fn arriving(arrivals: &[(i64, Item)]) -> World {
    let mut world = World::default();
    for (log, item) in arrivals {
        world.tick_to(*log);
        world.entry(*log, std::slice::from_ref(item));
    }
    world.tick_to(500_000);
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_within_the_horizon_gives_the_same_results((items, arrivals) in delayed()) {
        let (baseline, disturbed) = (in_order(&items), arriving(&arrivals));
        prop_assert_eq!(baseline.book.values(), disturbed.book.values());
        prop_assert_eq!(baseline.sessions(), disturbed.sessions());
    }

    #[test]
    fn duplicates_anywhere_change_nothing((_, arrivals) in delayed(), again in prop::collection::vec((any::<prop::sample::Index>(), 0_i64..300_000), 1..20)) {
        let plain = arriving(&arrivals);
        let mut doubled = arrivals.clone();
        for (which, delay) in again {
            let (log, item) = arrivals[which.index(arrivals.len())].clone();
            doubled.push((log + delay, item));
        }
        let repeated = (doubled.len() - arrivals.len()) as u64;
        doubled.sort_by_key(|(log, _)| *log);
        let world = arriving(&doubled);
        prop_assert_eq!(plain.book.values(), world.book.values());
        prop_assert_eq!(plain.sessions(), world.sessions());
        prop_assert_eq!(world.state.tally().duplicate, repeated);
        prop_assert_eq!(world.state.tally().late, 0);
    }

    #[test]
    fn a_crash_anywhere_gives_the_same_rows((_, arrivals) in delayed(), crash in any::<prop::sample::Index>()) {
        let entries = entries(&arrivals);
        let whole = run(&entries, Book::default(), 0);
        let first = run(&entries[..crash.index(entries.len())], Book::default(), 0);
        // The reader keeps its rows; the second run omits what the first one wrote.
        let second = run(&entries, first.book, first.covered);
        prop_assert_eq!(&second.book.playback, &whole.book.playback);
        prop_assert_eq!(&second.book.delivery, &whole.book.delivery);
        prop_assert_eq!(&second.book.fates, &whole.book.fates);
        prop_assert_eq!(second.sessions(), whole.sessions());
    }

    #[test]
    fn clocks_that_are_off_are_corrected_alike_in_any_order(
        (items, arrivals) in delayed(),
        clocks in prop::collection::vec(prop_oneof![Just(0_i64), Just(-30_000), Just(45_000), -4_000_i64..4_000], 3),
        network in prop::collection::vec(0_i64..1_500, 128),
    ) {
        let off = |item: &Item| match item {
            Item::Beacon(beacon) => {
                let session = beacon.sid.trim_start_matches('s').parse::<usize>().unwrap();
                let clock = clocks[session];
                let delay = 100 - clock + network[beacon.sn as usize];
                Item::Beacon(Beacon { ts: beacon.ts + clock, delay, ..beacon.clone() })
            }
            served => served.clone(),
        };
        let baseline: Vec<(i64, Item)> = items.iter().map(|item| (item.at() + 2_000, off(item))).collect();
        let disturbed: Vec<(i64, Item)> = arrivals.iter().map(|(log, item)| (log + 1_900, off(item))).collect();
        let (baseline, disturbed) = (arriving(&baseline), arriving(&disturbed));
        prop_assert_eq!(baseline.book.values(), disturbed.book.values());
        prop_assert_eq!(baseline.sessions(), disturbed.sessions());
    }
}

/// A log of arrivals and the ticks between and after them.
fn entries(arrivals: &[(i64, Item)]) -> Vec<(i64, Vec<Item>)> {
    let mut entries: Vec<(i64, Vec<Item>)> = Vec::new();
    let end = (500_000, None);
    for (log, item) in arrivals.iter().map(|(log, item)| (*log, Some(item))).chain([end]) {
        let mut at = entries.last().map_or(0, |(at, _)| *at) + 250;
        while at < log {
            entries.push((at, Vec::new()));
            at += 250;
        }
        entries.push((log, item.cloned().into_iter().collect()));
    }
    entries
}

/// One run of the processor over `entries`, for a reader that has `book` already.
fn run(entries: &[(i64, Vec<Item>)], book: Book, covered: u64) -> World {
    let mut world = World { book, covered, ..World::default() };
    for (log, items) in entries {
        world.entry(*log, items);
    }
    world
}

#[test]
fn skew_found_late_moves_earlier_records() {
    let beacon = |ts: i64, sn: u64, sta, delay| Beacon {
        sid: "one".into(),
        ts,
        sn,
        e: "ps",
        sta: Some(sta),
        delay,
        ..Beacon::default()
    };
    // A clock 30 s behind; the first two reports were also delayed by 9 s and 4 s.
    let slow = [
        beacon(-30_000, 0, "s", 39_000),
        beacon(-25_000, 1, "p", 34_000),
        beacon(-20_000, 2, "r", 30_000),
    ];
    let mut world = World::default();
    for beacon in slow {
        world.tick_to(beacon.ts + beacon.delay);
        world.entry(beacon.ts + beacon.delay, &[Item::Beacon(beacon)]);
    }
    let row = world.session();
    assert_eq!(row.started_at, Some((crate::world::T0) * 1_000));
    assert_eq!((row.startup_ms, row.playing_ms), (Some(5_000), 5_000));
    world.tick_to(400_000);
    let sum = world.book.sum(tallylight_schemas::rows::Cuboid::Content);
    assert_eq!((sum.starting_ms, sum.playing_ms), (5_000, 5_000));
}

#[test]
fn a_playback_whose_beginning_was_overtaken_is_still_one() {
    for off in [0, 45_000] {
        let clock = |beacon: Beacon| Beacon { ts: beacon.ts + off, delay: 10 - off, ..beacon };
        let reports = |states| story(states).into_iter().map(clock).collect::<Vec<Beacon>>();
        let first = reports(&[(0, "s"), (500, "p"), (5_000, "")]);
        let mut second = reports(&[(20_000, "s"), (20_700, "p"), (24_000, ""), (30_000, "q")]);
        let (mut baseline, mut disturbed) = (World::default(), World::default());
        baseline.beacons(&first);
        disturbed.beacons(&first);
        baseline.beacons(&second);
        // The beginning goes through another collector and arrives after the third record.
        let mut beginning = second.remove(0);
        beginning.delay += 5_000;
        second.insert(2, beginning.clone());
        disturbed.beacons(&second);
        // Once more, after all have arrived.
        disturbed.beacons(&[Beacon { delay: beginning.delay + 10_000, ..beginning }]);
        assert_eq!(disturbed.state.tally().duplicate, 1);
        assert_eq!(disturbed.sessions(), baseline.sessions());
        assert_eq!(disturbed.sessions().len(), 2);
        [&mut disturbed, &mut baseline].into_iter().for_each(|world| world.tick_to(400_000));
        assert_eq!(disturbed.book.values(), baseline.book.values());
    }
}

#[test]
fn an_edge_that_is_faster_than_the_player_reports_the_new_playback() {
    let first = story(&[(0, "s"), (500, "p"), (5_000, "q")]);
    let second = story(&[(20_000, "s"), (20_700, "p"), (24_000, ""), (30_000, "q")]);
    let report = Item::Served(served("one", 0, 20_300, "e1", "A"));
    let (mut baseline, mut disturbed) = (World::default(), World::default());
    baseline.beacons(&first);
    disturbed.beacons(&first);
    baseline.beacons(&second[..1]);
    baseline.entry(20_400, std::slice::from_ref(&report));
    baseline.beacons(&second[1..]);
    disturbed.entry(20_400, &[report]);
    let late = second.into_iter().map(|beacon| Beacon { delay: 1_500, ..beacon });
    disturbed.beacons(&late.collect::<Vec<_>>());
    [&mut disturbed, &mut baseline].into_iter().for_each(|world| world.tick_to(400_000));
    assert_eq!(disturbed.sessions(), baseline.sessions());
    assert_eq!(disturbed.sessions().len(), 2);
    assert_eq!(disturbed.book.values(), baseline.book.values());
}
