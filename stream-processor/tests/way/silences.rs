//! Silences that are no longer the last that is known of a session.

use tallylight_schemas::rows::Cuboid;

use crate::world::{Beacon, Item, T0, World, story};

/// A viewer of that clock who is given up 75 s after its record of 10 s, and is heard again at 95 s.
fn heard_again(off: i64) -> World {
    let all = story(&[(0, "s"), (500, "p"), (10_000, ""), (95_000, ""), (97_000, "q")]);
    let mut world = World::default();
    for (n, beacon) in all.into_iter().enumerate() {
        // Each came a bit faster than all before, so that the clock is corrected each time.
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
fn a_silence_in_a_rebuffer_makes_it_no_longer_and_no_two() {
    let at = |ts: i64| (T0 + ts) * 1_000;
    let mut world = World::default();
    world.beacons(&story(&[(0, "s"), (1_000, "p"), (10_000, "r"), (200_000, "p")]));
    let row = world.session();
    assert_eq!((row.rebuffer_count, row.rebuffers), (1, vec![(at(10_000), 0)]));
    // It goes on after the silence: what was seen of it is its length, also while it lasts.
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

/// A viewer who is heard at 10 s, is given up, and says what stands here at so many ms, which comes so
/// many ms later: in that order.
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
fn what_comes_late_into_a_silence_moves_it_ends_it_or_leaves_it() {
    // The last end is that of the session.
    assert_eq!(after_silence(&[(90_000, 0)]), (9_500, 2));
    // It is near enough to both neighbours.
    assert_eq!(after_silence(&[(90_000, 0), (80_000, 10_500)]), (89_500, 1));
    // To one alone: it was heard only just before, or a bit longer.
    assert_eq!(after_silence(&[(90_000, 0), (89_000, 1_500)]), (10_500, 2));
    assert_eq!(after_silence(&[(90_000, 0), (11_000, 79_500)]), (10_500, 2));
    // To none: that is two silences, also where the first one is final.
    assert_eq!(after_silence(&[(170_000, 0), (88_000, 83_000)]), (9_500, 3));
    assert_eq!(after_silence(&[(200_000, 0), (100_000, 101_000)]), (9_500, 3));
    // It was given up again meanwhile.
    assert_eq!(after_silence(&[(95_000, 0), (90_000, 81_000)]), (14_500, 2));
}
