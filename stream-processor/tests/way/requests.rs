//! Sessions of players that never state a playback state: derived from their requests.

use tallylight_schemas::rows::{Cuboid, Measures};
use tallylight_schemas::session::{Outcome, SessionRow};

use crate::world::{Beacon, T0, World, story};

/// A request at `ts` of an older player.
fn request(ts: i64) -> Beacon {
    let plain = story(&[(0, "")])[0].clone();
    let ot = Some("v");
    Beacon { request: true, delay: 0, ts, sn: ts.unsigned_abs(), sta: None, ot, ..plain }
}

fn urgent(ts: i64) -> Beacon {
    Beacon { su: Some(true), ..request(ts) }
}

fn starved(ts: i64) -> Beacon {
    Beacon { bs: Some(true), ..urgent(ts) }
}

fn of(beacons: &[Beacon]) -> (SessionRow, Measures) {
    let mut world = World::default();
    world.beacons(beacons);
    let row = world.session();
    world.tick_to(400_000);
    (row, world.book.sum(Cuboid::Content))
}

#[test]
fn requests_alone_show_a_start_a_rebuffer_and_a_bitrate() {
    let manifest = Beacon { ot: Some("m"), ..urgent(0) };
    let audio = Beacon { ot: Some("a"), br: Some(128), ..request(2_500) };
    let video = |beacon: Beacon| Beacon { br: Some(3_000), ..beacon };
    let (row, sums) = of(&[
        manifest,
        video(urgent(100)),
        video(request(2_000)),
        audio,
        video(starved(8_000)),
        video(urgent(8_500)),
        video(request(9_500)),
        video(request(12_000)),
    ]);
    assert!(row.derived);
    assert_eq!((row.outcome, row.started_at), (Outcome::Playing, Some(T0 * 1_000)));
    assert_eq!((row.startup_ms, row.rebuffer_count), (Some(2_000), 1));
    assert_eq!((row.playing_ms, row.rebuffering_ms), (8_500, 1_500));
    // The audio's bitrate is not a switch.
    assert_eq!((row.avg_bitrate_kbps, row.switches), (Some(3_000), 0));
    assert_eq!((sums.attempts, sums.starts, sums.rebuffer_count, sums.ends), (1, 1, 1, 1));
}

#[test]
fn a_player_without_urgent_requests_has_no_startup_time() {
    let manifest = Beacon { ot: Some("m"), ..request(0) };
    let (row, sums) = of(&[manifest, request(40), request(2_000)]);
    assert_eq!((row.startup_ms, row.derived), (None, true));
    assert_eq!((sums.attempts, sums.starts, sums.starting_ms, sums.playing_ms), (1, 1, 0, 1_960));
}

#[test]
fn a_paused_player_or_one_that_requests_only_manifests_does_not_play() {
    let still = Beacon { pr: Some(0.0), ..request(4_000) };
    let (row, sums) = of(&[request(0), still, request(9_000)]);
    assert_eq!((row.playing_ms, row.state.as_deref()), (4_000, Some("p")));
    assert_eq!((sums.playing_ms, sums.rebuffer_count), (4_000, 0));
    let manifest = |ts| Beacon { ot: Some("m"), ..request(ts) };
    let (row, sums) = of(&[manifest(0), manifest(2_000)]);
    assert_eq!((row.derived, row.started_at, sums.attempts, sums.events), (false, None, 0, 2));
}

#[test]
fn reported_states_replace_derived_ones() {
    let mut world = World::default();
    world.beacons(&[urgent(0), request(900), starved(3_000)]);
    assert!(world.session().derived);
    world.beacons(&story(&[(200, "s"), (700, "p"), (4_000, "p")]));
    let row = world.session();
    assert_eq!((row.derived, row.startup_ms, row.rebuffer_count), (false, Some(500), 0));
    assert_eq!(row.playing_ms, 3_300);
}

#[test]
fn a_state_stated_later_ends_the_derivation() {
    let named = |ts, sta| Beacon { sta: Some(sta), ..request(ts) };
    let (row, _) = of(&[urgent(0), named(900, "p"), urgent(2_000), starved(3_000), request(4_000)]);
    assert_eq!((row.derived, row.rebuffer_count, row.playing_ms), (false, 0, 3_100));
    // The first report arrives when the requests can no longer be reordered.
    let mut world = World::default();
    world.beacons(&[urgent(0), request(900)]);
    world.beacons(&(1..10).map(|n| request(n * 20_000)).collect::<Vec<_>>());
    let report = Beacon { sn: 9, ..story(&[(181_000, "p")])[0].clone() };
    world.beacons(&[report]);
    assert!(!world.session().derived);
}

#[test]
fn a_request_long_after_a_playback_with_a_fast_clock_is_not_part_of_it() {
    let ahead = 3_600_000;
    let mut world = World::default();
    let reports = story(&[(0, "s"), (500, "p"), (5_000, "q")]).into_iter();
    let reports = reports.map(|one| Beacon { ts: one.ts + ahead, delay: 10 - ahead, ..one });
    world.beacons(&reports.collect::<Vec<_>>());
    world.tick_to(700_000);
    assert_eq!((world.state.size().sessions, world.state.size().tombstones), (0, 1));
    // Requests have the time at which they arrived, by the collector's clock.
    world.beacons(&[urgent(701_000), request(702_000)]);
    let row = world.session();
    assert_eq!((row.epoch, row.events, row.startup_ms), (1, 2, Some(1_000)));
    assert_eq!((world.state.tally().late, world.state.tally().duplicate), (0, 0));
}
