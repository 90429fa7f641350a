//! `rr` events: their time is the start of the request, but the player's state in them is that of
//! when the response had arrived.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tallylight_schemas::rows::Cuboid;

use crate::world::{Beacon, World, story};

/// A report of a response `took` ms after its request, by a player in state `sta`.
fn response(ts: i64, sn: u64, took: i64, sta: &'static str) -> Beacon {
    let plain = story(&[(ts, sta)])[0].clone();
    Beacon { e: "rr", sn, delay: took, ..plain }
}

#[test]
fn a_responses_player_state_is_not_that_of_the_requests_start() {
    let mut world = World::default();
    let all = story(&[(0, "s"), (2_000, "p"), (12_000, ""), (14_000, "r"), (16_050, "p")]);
    world.beacons(&all[..2]);
    // Requested before the first frame, reported after it.
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
fn a_player_that_reports_only_responses_is_followed_by_its_requests() {
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

/// The records of a player that also reports its responses, given the start and duration of each
/// request (ms): in the order of sending, and numbered.
pub fn with_responses(others: Vec<Beacon>, requests: &[(i64, i64)]) -> Vec<Beacon> {
    let mut records: Vec<(i64, Beacon)> = others.into_iter().map(|one| (one.ts, one)).collect();
    records.extend(requests.iter().map(|(ts, took)| (ts + took, response(*ts, 0, took + 10, "p"))));
    records.sort_by_key(|(at, _)| *at);
    let number = |(sn, (_, one)): (usize, (i64, Beacon))| Beacon { sn: sn as u64, ..one };
    records.into_iter().enumerate().map(number).collect()
}

/// The same for a player that reports every `every` ms while it plays, until after the last
/// response.
fn playing(every: i64, requests: &[(i64, i64)]) -> Vec<Beacon> {
    let end = requests.iter().map(|(ts, took)| ts + took).max().unwrap_or(0) + 1_000;
    let times = (0..).map(|n| n * every).take_while(|ts| *ts < end).chain([end]);
    let states = ["s", "p"].into_iter().chain(std::iter::repeat(""));
    let states: Vec<(i64, &str)> = times.zip(states).collect();
    with_responses(story(&states), requests)
}

/// The lost records that each pane of one cuboid counts, without zeros.
fn lost_by_pane(world: &mut World) -> Vec<i64> {
    world.tick_to(300_000);
    let rows = world.book.playback.iter().filter(|((of, ..), _)| *of == Cuboid::Content);
    rows.map(|(_, row)| row.measures.lost_events).filter(|lost| *lost != 0).collect()
}

#[test]
fn responses_that_overtake_each_other_are_not_losses() {
    let mut world = World::default();
    world.beacons(&playing(100, &[(800, 900), (1_100, 300)]));
    assert_eq!(world.session().lost_events, 0);
    assert!(lost_by_pane(&mut world).is_empty());
    // The first response belongs to a request from before the first report.
    let mut world = World::default();
    let all = playing(1_000, &[(200, 4_000), (300, 100)]);
    let earlier = |one: Beacon| {
        let by = if one.e == "rr" { 500 } else { 0 };
        Beacon { ts: one.ts - by, delay: one.delay + by, ..one }
    };
    world.beacons(&all.into_iter().map(earlier).collect::<Vec<_>>());
    assert_eq!((world.session().startup_ms, world.session().lost_events), (Some(1_000), 0));
    assert!(lost_by_pane(&mut world).is_empty());
}

#[test]
fn a_response_that_overtakes_all_others_hides_none() {
    // The first request of all is answered last.
    let mut requests: Vec<_> = (0..67).map(|n| (1_000 + n * 100, 50)).collect();
    requests.push((500, 20_000));
    let mut world = World::default();
    world.beacons(&with_responses(Vec::new(), &requests));
    assert_eq!((world.session().events, world.session().lost_events), (68, 0));
    assert!(lost_by_pane(&mut world).is_empty());
}

#[test]
fn losses_between_responses_are_counted_once_numbers_are_far_ahead() {
    let requests: Vec<_> = (0..100).map(|n| (n * 500, 1_300 - n % 3 * 600)).collect();
    let all = with_responses(Vec::new(), &requests);
    let mut world = World::default();
    let lost = [10, 11, 30];
    world.beacons(&all.iter().filter(|one| !lost.contains(&one.sn)).cloned().collect::<Vec<_>>());
    assert_eq!(world.session().lost_events, 3);
    assert!(lost_by_pane(&mut world.clone()).into_iter().all(|lost| lost > 0));
    // When they arrive late, each is taken off the count once.
    let late = |sn: &u64| Beacon { delay: 60_000, ..all[*sn as usize].clone() };
    for _ in 0..2 {
        let late: Vec<Beacon> = lost.iter().map(late).collect();
        world.entry(70_000, &late.into_iter().map(crate::world::Item::Beacon).collect::<Vec<_>>());
    }
    assert_eq!((world.session().lost_events, world.state.tally().duplicate), (0, 3));
    assert!(lost_by_pane(&mut world).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn panes_count_exactly_the_lost_records(
        requests in prop::collection::vec((0_i64..30_000, 0_i64..3_000), 0..30),
        every in 100_i64..3_000,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let all = playing(every, &requests);
        let last = all.len() - 1;
        let lost: BTreeSet<usize> = lost.iter().map(|at| 1 + at.index(last)).collect();
        let arrived = all.iter().filter(|one| {
            let sn = one.sn as usize;
            sn == last || !lost.contains(&sn)
        });
        let mut world = World::default();
        world.beacons(&arrived.cloned().collect::<Vec<_>>());
        let missing = lost.iter().filter(|sn| **sn != last).count();
        prop_assert_eq!(world.session().lost_events, missing as u64);
        let panes = lost_by_pane(&mut world);
        prop_assert!(panes.iter().all(|lost| *lost > 0), "{panes:?}");
        prop_assert_eq!(panes.iter().sum::<i64>(), missing as i64);
    }
}
