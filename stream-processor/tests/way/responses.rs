//! `rr`: stamped with when the request began, while all else it says of its player was so when the
//! response had come.

use tallylight_schemas::rows::Cuboid;

use crate::world::{Beacon, World, story};

/// A report of a response that came `took` ms after its request, by a player in state `sta`.
fn response(ts: i64, sn: u64, took: i64, sta: &'static str) -> Beacon {
    let said = story(&[(ts, sta)])[0].clone();
    Beacon { e: "rr", sn, delay: took, ..said }
}

#[test]
fn what_a_response_says_of_its_player_is_not_of_when_the_request_began() {
    let mut world = World::default();
    let all = story(&[(0, "s"), (2_000, "p"), (12_000, ""), (14_000, "r"), (16_050, "p")]);
    world.beacons(&all[..2]);
    // Asked for before the first frame, as by then by what it plays.
    let early = Beacon { br: Some(2_000), ..response(400, 5, 2_100, "p") };
    let slow = Beacon { bg: Some(true), ltc: Some(9_000), ..response(10_000, 6, 6_020, "r") };
    world.beacons(&[early]);
    world.beacons(&all[2..4]);
    world.beacons(&[slow]);
    world.beacons(&all[4..]);
    world.beacons(&[Beacon { sn: 7, ..story(&[(20_000, "q")])[0].clone() }]);
    world.beacons(&[response(19_000, 8, 1_500, "q")]);
    let row = world.session();
    assert_eq!((row.startup_ms, row.rebuffer_count, row.rebuffering_ms), (Some(2_000), 1, 2_050));
    assert_eq!((row.switches, row.background_ms, row.live_latency_ms), (0, 0, None));
    assert_eq!(row.ended_at.map(|us| us / 1_000), Some(crate::world::T0 + 20_000));
    assert_eq!((row.events, row.lost_events), (9, 0));
    world.tick_to(400_000);
    let sums = world.book.sum(Cuboid::Content);
    assert_eq!((sums.events, sums.rebuffering_ms, sums.starting_ms), (9, 2_050, 2_000));
}

#[test]
fn who_reports_responses_alone_is_known_by_its_requests() {
    let request = |ts: i64, sn: u64, sta| Beacon {
        request: true,
        ts,
        sn,
        sta: Some(sta),
        ..story(&[(0, "")])[0].clone()
    };
    let mut world = World::default();
    world.beacons(&[request(0, 0, "s"), request(400, 1, "p")]);
    world.beacons(&[response(100, 0, 350, "p")]);
    world.beacons(&[request(5_000, 2, "p")]);
    let row = world.session();
    assert_eq!((row.startup_ms, row.playing_ms, row.events), (Some(400), 4_600, 4));
}
