//! What published QoE formulas need of a session: waits, seeks and time in the background.

use crate::world::{World, play, story};

#[test]
fn waits_seeks_and_the_background_are_kept_for_formulas() {
    let row = play(&[(0, "s"), (6_000, "q")]).session();
    assert_eq!((row.waited_ms, row.starting_ms, row.startup_ms), (Some(6_000), 6_000, None));
    let row = play(&[(0, "s"), (2_000, "f")]).session();
    assert_eq!((row.waited_ms, row.starting_ms), (Some(2_000), 2_000));
    assert_eq!(play(&[(700, "p"), (900, "q")]).session().waited_ms, None);
    assert_eq!(play(&[(0, "d"), (900, "q")]).session().waited_ms, None);

    // Hidden from 10 s, in the middle of a rebuffer, to 14 s; then a seek; paused while hidden.
    let mut beacons = story(&[
        (0, "s"),
        (1_000, "p"),
        (9_000, "r"),
        (10_000, "r"),
        (12_000, "p"),
        (14_000, "p"),
        (15_000, "k"),
        (15_500, "r"),
        (16_000, "p"),
        (17_000, "a"),
        (20_000, "p"),
        (21_000, "q"),
    ]);
    for (at, hidden) in [(3, Some(true)), (4, Some(true)), (5, Some(false)), (9, Some(true))] {
        beacons[at].bg = hidden;
    }
    beacons[0].br = Some(600);
    let mut world = World::default();
    world.beacons(&beacons);
    let row = world.session();
    assert_eq!((row.waited_ms, row.starting_ms, row.playing_ms), (Some(1_000), 1_000, 13_000));
    assert_eq!((row.rebuffering_ms, row.seeking_ms, row.seek_count), (3_000, 1_000, 1));
    assert_eq!((row.background_ms, row.background_rebuffering_ms), (4_000, 2_000));
    assert_eq!((row.bitrate_ms, row.bitrate_kbps_ms), (13_000, 7_800_000));
}
