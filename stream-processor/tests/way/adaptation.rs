//! Rebuffers that a player caused by staying on a rung that exceeds its line's throughput.

use tallylight_schemas::rows::Cuboid;

use crate::world::{Beacon, World, story};

/// Adaptation failures of a viewer on 900 kbps with a line of 500; `change` may alter the records.
fn slow_line(change: impl Fn(&mut [Beacon])) -> i64 {
    let mut beacons = story(&[(0, "s"), (500, "p"), (5_000, ""), (8_000, ""), (12_000, "r")]);
    for beacon in &mut beacons {
        (beacon.br, beacon.lb) = (Some(900), Some(200));
        beacon.mtp = Some(if beacon.ts < 5_000 { 4_000 } else { 500 });
    }
    change(&mut beacons);
    let mut world = World::default();
    world.beacons(&beacons);
    assert_eq!(world.session().rebuffer_count, 1);
    world.tick_to(400_000);
    world.book.sum(Cuboid::Content).adaptation_failures
}

#[test]
fn a_rebuffer_on_a_rung_above_the_lines_throughput_is_an_adaptation_failure() {
    assert_eq!(slow_line(|_| {}), 1);
    // It switched down in time, or learned of the line just now, or has no lower rung.
    assert_eq!(slow_line(|b| b[3..].iter_mut().for_each(|b| b.br = Some(600))), 1, "8 s to 12 s");
    assert_eq!(slow_line(|b| b[4].br = Some(600)), 0);
    assert_eq!(slow_line(|b| b[2..4].iter_mut().for_each(|b| b.mtp = None)), 0);
    assert_eq!(slow_line(|b| b[3].mtp = Some(900)), 0, "the line was fast enough in between");
    assert_eq!(slow_line(|b| b.iter_mut().for_each(|b| b.lb = Some(900))), 0);
    assert_eq!(slow_line(|b| b.iter_mut().for_each(|b| b.lb = None)), 0, "its rungs are unknown");
    // Switching up on such a line does not help.
    assert_eq!(slow_line(|b| b[3..].iter_mut().for_each(|b| b.br = Some(1_200))), 1);
}
