//! Cells that are given to values with more records: no count is lost.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tallylight_schemas::rows::{Cell, Cuboid, Measures, PlaybackRow};
use tallylight_schemas::sketch::Sketch;
use tallylight_stream_processor::Limits;

use crate::snapshot::read_back;
use crate::world::{Beacon, Item, T0, World};

const CONTENTS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// A viewer: the content watched first and later, the start, and the reports, each with the time
/// since the one before, a state, and a delay.
type Viewer = (usize, usize, i64, Vec<(i64, usize, i64)>);

fn viewers() -> impl Strategy<Value = Vec<Viewer>> {
    let report = (0_i64..600, 0_usize..4, prop_oneof![9 => 0_i64..300, 1 => 300_i64..40_000]);
    // Some start after others have been gone for so long that their cells are free.
    let began = prop_oneof![0_i64..60_000, 0_i64..60_000, 110_000_i64..200_000];
    let viewer = (0_usize..12, 0_usize..12, began, prop::collection::vec(report, 1..120));
    prop::collection::vec(viewer, 4..40)
}

fn reports(viewers: &[Viewer]) -> Vec<Beacon> {
    let mut all = Vec::new();
    for (number, (first, then, began, reports)) in viewers.iter().enumerate() {
        let mut ts = *began;
        for (sn, (after, state, delay)) in reports.iter().enumerate() {
            ts += after;
            let content = if sn < 60 { first } else { then };
            all.push(Beacon {
                sid: format!("sid-{number}"),
                ts,
                sn: sn as u64,
                e: if sn == 0 { "ps" } else { "t" },
                sta: Some(["p", "p", "r", "a"][*state]),
                ltc: Some(1_000 + after),
                br: Some(300 + 100 * (sn as i64 / 40)),
                cid: Some(CONTENTS[*content]),
                device: Some(CONTENTS[(*content + number) % 12]),
                delay: *delay,
                ..Beacon::default()
            });
        }
    }
    all.sort_by_key(|beacon| beacon.ts + beacon.delay);
    all
}

fn take(world: &mut World, beacon: &Beacon) {
    let log = beacon.ts + beacon.delay;
    world.tick_to(log);
    world.entry(log, &[Item::Beacon(beacon.clone())]);
}

fn world(cells: usize, reports: &[Beacon]) -> World {
    let mut world = World::with(Limits { cells, ..Limits::default() });
    for beacon in reports {
        take(&mut world, beacon);
        let size = world.state.size();
        assert!(size.cells <= Cuboid::ALL.len() * (cells + cells.max(2) / 2 + 1), "{size:?}");
    }
    world.tick_to(900_000);
    world
}

/// The sums of all cells of a cuboid, pane by pane.
fn sum_of_cells(world: &World) -> BTreeMap<(Cuboid, i64), (Measures, Sketch, Sketch)> {
    let mut sums: BTreeMap<_, (Measures, Sketch, Sketch)> = BTreeMap::new();
    for ((cuboid, _, pane), (measures, startup, latency)) in world.book.values() {
        let sum = sums.entry((cuboid, pane)).or_default();
        sum.0.add(&measures, 1);
        sum.1.merge(&startup, 1);
        sum.2.merge(&latency, 1);
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn sums_of_panes_do_not_depend_on_which_values_have_cells(viewers in viewers(), cells in 1_usize..6) {
        let reports = reports(&viewers);
        let (few, all) = (world(cells, &reports), world(1_000, &reports));
        prop_assert_eq!(sum_of_cells(&few), sum_of_cells(&all));
        let negative = few.book.values().into_values().find(|(measures, ..)| {
            Measures::NAMES.iter().any(|name| measures.get(name) < Some(0))
        });
        prop_assert_eq!(negative, None);
        prop_assert_eq!(few.state.size().cells, 0);
        prop_assert_eq!(few.state.size().panes, 0);
    }

    #[test]
    fn contests_continue_after_a_snapshot_and_while_it_is_written(
        viewers in viewers(),
        half in 0_usize..1_000,
    ) {
        let reports = reports(&viewers);
        let half = half % reports.len();
        let baseline = world(2, &reports);
        let mut world = World::with(Limits { cells: 2, ..Limits::default() });
        reports[..half].iter().for_each(|beacon| take(&mut world, beacon));
        let mut again = world.clone();
        let (rest, mut sessions) = (world.state.begin_copy(Vec::new()), None);
        for beacon in &reports[half..] {
            take(&mut world, beacon);
            sessions = sessions.or_else(|| world.state.go_on_copying(&mut 1));
        }
        let sessions = sessions.or_else(|| world.state.go_on_copying(&mut { usize::MAX }));
        again.state = read_back(&rest, sessions.unwrap().unwrap());
        reports[half..].iter().for_each(|beacon| take(&mut again, beacon));
        world.tick_to(900_000);
        again.tick_to(900_000);
        prop_assert_eq!(&world.book, &baseline.book);
        prop_assert_eq!(again.book, baseline.book);
    }
}

fn report(sid: &str, content: &'static str, sn: u64, ts: i64) -> Item {
    Item::Beacon(Beacon {
        sid: sid.to_owned(),
        ts,
        sn,
        e: "t",
        sta: Some("p"),
        cid: Some(content),
        delay: 10,
        ..Beacon::default()
    })
}

#[test]
fn a_value_that_comes_after_a_flood_has_a_cell_within_two_contests() {
    let mut world = World::with(Limits { cells: 4, ..Limits::default() });
    for (at, content) in CONTENTS[..11].iter().enumerate() {
        let ts = at as i64 * 50;
        world.entry(ts + 10, &[report(&format!("flood-{at}"), content, 0, ts)]);
    }
    for second in 1..60_i64 {
        let ts = second * 1_000;
        let fans = (0..3).map(|n| report(&format!("fan-{n}"), "l", second as u64, ts));
        // The others report once more, so that they count as present all the time.
        let more = CONTENTS[..11].iter().enumerate().filter(|_| second == 40);
        let more = more.map(|(at, content)| report(&format!("flood-{at}"), content, 1, ts));
        world.entry(ts + 10, &fans.chain(more).collect::<Vec<_>>());
    }
    world.tick_to(900_000);
    let viewers = |content: &str, pane: i64| {
        let row = world.book.playback.iter().find(|((cuboid, cell, at), _)| {
            (*cuboid, *at) == (Cuboid::Content, pane) && cell.content.as_deref() == Some(content)
        });
        row.map(|(_, row)| row.measures.viewers)
    };
    assert_eq!(viewers("l", 9_000), None, "first come, first served");
    // T0 is at a whole minute: contests are at 10 s and 20 s.
    assert_eq!(T0 % 10_000, 0);
    for second in 21..59 {
        assert_eq!(viewers("l", second * 1_000), Some(3), "second {second}");
    }
    // One of the first four lost its cell, and its viewer is counted in `__other__` since.
    let named = |pane| CONTENTS[..11].iter().filter(|c| viewers(c, pane) == Some(1)).count();
    assert_eq!((named(5_000), named(30_000)), (4, 3));
    assert_eq!((viewers("__other__", 5_000), viewers("__other__", 30_000)), (Some(10), Some(8)));
}

#[test]
fn a_value_that_won_a_cell_keeps_it_between_its_reports() {
    let mut world = World::with(Limits { cells: 4, ..Limits::default() });
    for second in 0..70_i64 {
        let ts = second * 1_000;
        let new: &'static str = Box::leak(format!("new-{second}").into_boxed_str());
        let mut items = vec![report(&format!("flood-{second}"), new, 0, ts)];
        // Twenty fans report together, every ten seconds.
        if second % 10 == 3 {
            let sn = second as u64 / 10;
            items.extend((0..20).map(|n| report(&format!("fan-{n}"), "l", sn, ts)));
        }
        world.entry(ts + 10, &items);
    }
    world.tick_to(900_000);
    let viewers = |pane: i64| {
        let row = world.book.playback.iter().find(|((cuboid, cell, at), _)| {
            (*cuboid, *at) == (Cuboid::Content, pane) && cell.content.as_deref() == Some("l")
        });
        row.map(|(_, row)| row.measures.viewers)
    };
    for second in 34..62 {
        assert_eq!(viewers(second * 1_000), Some(20), "second {second}");
    }
}

#[test]
fn a_client_cannot_claim_the_rest_cell() {
    let mut world = World::with(Limits { cells: 2, ..Limits::default() });
    world.entry(10, &[report("odd", "__other__", 0, 0)]);
    for (at, content) in CONTENTS[..6].iter().enumerate() {
        world.entry(20, &[report(&format!("flood-{at}"), content, 0, 0)]);
    }
    for second in 1..60_i64 {
        let ts = second * 1_000;
        let fans = (0..3).map(|n| report(&format!("fan-{n}"), "l", second as u64, ts));
        world.entry(ts + 10, &fans.collect::<Vec<_>>());
    }
    world.tick_to(900_000);
    let named = |((cuboid, cell, pane), row): (&(Cuboid, Cell, i64), &PlaybackRow)| {
        let is_it = (*cuboid, *pane) == (Cuboid::Content, 50_000);
        (is_it && cell.content.as_deref() == Some("l")).then_some(row.measures.viewers)
    };
    assert_eq!(world.book.playback.iter().find_map(named), Some(3));
}
