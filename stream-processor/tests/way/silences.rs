//! Silences of a session after which more records arrive.

use tallylight_schemas::rows::Cuboid;

use crate::world::{Beacon, Item, T0, World, story};

/// A viewer with this clock offset whose session ends by silence 75 s after its record of 10 s, and
/// who is heard again at 95 s.
fn heard_again(off: i64) -> World {
    let all = story(&[(0, "s"), (500, "p"), (10_000, ""), (95_000, ""), (97_000, "q")]);
    let mut world = World::default();
    for (n, beacon) in all.into_iter().enumerate() {
        // Each arrives a bit faster than all before, so that the clock is corrected each time.
        let delay = off + 50 - 10 * n as i64;
        world.tick_to(beacon.ts + 50);
        let beacon = Beacon { ts: beacon.ts - off, delay, ..beacon };
        world.entry(beacon.ts + beacon.delay, &[Item::Beacon(beacon)]);
    }
    world
}

#[test]
fn a_clock_that_is_corrected_leaves_a_silence_where_it_is() {
    for off in [0, 30_000] {
        let mut world = heard_again(off);
        let row = world.session();
        assert_eq!((row.playing_ms + 5) / 100, 115, "a clock off by {off}");
        world.tick_to(400_000);
        let sums = world.book.sum(Cuboid::Content);
        assert_eq!((sums.attempts, sums.ends), (1, 2), "a clock off by {off}");
        assert_eq!((sums.playing_ms + 5) / 100, 115, "a clock off by {off}");
    }
}

#[test]
fn a_silence_in_a_rebuffer_neither_prolongs_nor_splits_it() {
    let at = |ts: i64| (T0 + ts) * 1_000;
    let mut world = World::default();
    world.beacons(&story(&[(0, "s"), (1_000, "p"), (10_000, "r"), (200_000, "p")]));
    let row = world.session();
    assert_eq!((row.rebuffer_count, row.rebuffers), (1, vec![(at(10_000), 0)]));
    // It continues after the silence: its length leaves the silence out, also while it lasts.
    let mut world = World::default();
    world.beacons(&story(&[(0, "s"), (1_000, "p"), (10_000, "r"), (12_000, "r"), (200_000, "r")]));
    assert_eq!(world.session().rebuffers, [(at(10_000), 2_000)]);
    let more = story(&[(203_000, ""), (204_000, "p"), (205_000, "r"), (205_500, "")]);
    let more: Vec<Beacon> = more.into_iter().map(|one| Beacon { sn: one.sn + 5, ..one }).collect();
    world.beacons(&more[..1]);
    assert_eq!(world.session().rebuffers, [(at(10_000), 5_000)]);
    world.beacons(&more[1..]);
    let row = world.session();
    assert_eq!(row.rebuffers, [(at(10_000), 6_000), (at(205_000), 500)]);
    assert_eq!((row.rebuffer_count, row.rebuffering_ms), (2, 6_500));
}

/// A viewer who is heard at 10 s, falls silent, and then sends records in this order, each with its
/// time and delay in ms. Returns the playing time and the number of ends.
fn after_silence(heard: &[(i64, i64)]) -> (i64, i64) {
    let mut world = World::default();
    world.beacons(&story(&[(0, "s"), (500, "p"), (10_000, "")]));
    for (n, (ts, delay)) in heard.iter().enumerate() {
        let one = Beacon { sn: 3 + n as u64, delay: *delay, ..story(&[(*ts, "")])[0].clone() };
        world.tick_to(ts + delay);
        world.entry(ts + delay, &[Item::Beacon(one)]);
    }
    let playing = world.session().playing_ms;
    world.tick_to(600_000);
    let sums = world.book.sum(Cuboid::Content);
    assert_eq!(sums.playing_ms, playing);
    (playing, sums.ends)
}

#[test]
fn a_late_record_in_a_silence_moves_it_ends_it_or_leaves_it() {
    // The silence, and the end of the session.
    assert_eq!(after_silence(&[(90_000, 0)]), (9_500, 2));
    // It is near enough to both neighbors.
    assert_eq!(after_silence(&[(90_000, 0), (80_000, 10_500)]), (89_500, 1));
    // To one alone: the viewer began again a bit earlier, or was heard a bit longer.
    assert_eq!(after_silence(&[(90_000, 0), (89_000, 1_500)]), (10_500, 2));
    assert_eq!(after_silence(&[(90_000, 0), (11_000, 79_500)]), (10_500, 2));
    // To neither: there are two silences, also if the first one is final.
    assert_eq!(after_silence(&[(170_000, 0), (88_000, 83_000)]), (9_500, 3));
    assert_eq!(after_silence(&[(200_000, 0), (100_000, 101_000)]), (9_500, 3));
    // Meanwhile the session ended by silence again.
    assert_eq!(after_silence(&[(95_000, 0), (90_000, 81_000)]), (14_500, 2));
}
