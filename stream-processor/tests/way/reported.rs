//! Requests reported by edges and access logs: they are the sessions of players that send nothing
//! else, and change nothing in the sessions of other players.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tallylight_schemas::rows::{Cuboid, Measures};
use tallylight_schemas::session::Outcome;

use crate::script::sessions;
use crate::sums::in_order;
use crate::world::{Beacon, Item, T0, World, served, story};

/// A request at `ts` as `source` reports it. Its digest identifies it.
fn reported(source: &'static str, ts: i64) -> Beacon {
    let plain = story(&[(0, "")])[0].clone();
    let (request, unnumbered, reported_by) = (true, true, Some(source));
    let sn = (ts + 1_000_000).unsigned_abs();
    Beacon { request, unnumbered, reported_by, ts, sn, delay: 0, ot: Some("v"), ..plain }
}

/// Feeds each item at its log time.
fn fed(mut items: Vec<(i64, Item)>) -> World {
    items.sort_by_key(|(log, _)| *log);
    let mut world = World::default();
    for (log, item) in items {
        world.tick_to(log);
        world.entry(log, &[item]);
    }
    world
}

fn at(log: i64, beacon: Beacon) -> (i64, Item) {
    (log, Item::Beacon(beacon))
}

fn sums(mut world: World) -> Measures {
    world.tick_to(500_000);
    world.book.sum(Cuboid::Content)
}

/// The requests of an older player: a start, a rebuffer, and more playing.
fn older(source: &'static str) -> Vec<Beacon> {
    let urgent = |ts| Beacon { su: Some(true), ..reported(source, ts) };
    let starved = Beacon { bs: Some(true), ..urgent(8_000) };
    vec![
        urgent(0),
        reported(source, 2_000),
        starved,
        reported(source, 9_500),
        reported(source, 12_000),
    ]
}

#[test]
fn a_player_that_reports_only_to_its_cdn_has_a_session_at_the_times_of_its_requests() {
    // Reported about a second and more after they were served, in any order.
    let late = older("edge").into_iter().zip([1_400, 900, 2_000, 1_200, 1_000]);
    let world = fed(late.map(|(beacon, late)| at(beacon.ts + late, beacon)).collect());
    let row = world.session();
    assert_eq!((row.derived, row.outcome, row.events), (true, Outcome::Playing, 5));
    assert_eq!((row.started_at, row.startup_ms), (Some(T0 * 1_000), Some(2_000)));
    assert_eq!((row.rebuffer_count, row.rebuffering_ms, row.playing_ms), (1, 1_500, 8_500));
    assert_eq!((row.lost_events, row.last_seen), (0, (T0 + 12_000) * 1_000));
}

#[test]
fn an_edge_and_a_log_report_one_request() {
    // The log has a slightly different time for it.
    let logged = older("otlp").into_iter().map(|one| Beacon { ts: one.ts + 7, ..one });
    let both = [older("edge"), logged.collect()].concat();
    let log = |beacon: &Beacon| if beacon.reported_by == Some("edge") { 500 } else { 40_000 };
    let world = fed(both.iter().map(|one| at(one.ts + log(one), one.clone())).collect());
    let once = fed(older("edge").into_iter().map(|one| at(one.ts + 500, one)).collect());
    assert_eq!(world.session(), once.session());
    assert_eq!(world.state.tally().duplicate, 5);
    // Repeated when it is too late to be accepted, it changes nothing.
    let mut again = world;
    again.tick_to(60_000);
    again.entry(200_000, &[Item::Beacon(older("otlp").remove(1))]);
    let tally = again.state.tally();
    assert_eq!((tally.accepted, tally.duplicate + tally.late), (5, 6));
}

#[test]
fn a_numbered_request_is_identified_by_its_text_whatever_its_source() {
    let numbered = |reported_by, digest| {
        let plain = story(&[(0, "")])[0].clone();
        let ot = Some("v");
        Beacon { request: true, ts: 1_000, sn: digest, reported_by, ot, delay: 0, ..plain }
    };
    let mut world = World::default();
    let all = [(None, 7), (Some("edge"), 7), (Some("otlp"), 7), (Some("edge"), 8)];
    all.into_iter().for_each(|(reported_by, digest)| {
        world.entry(1_500, &[Item::Beacon(numbered(reported_by, digest))]);
    });
    assert_eq!((world.state.tally().accepted, world.state.tally().duplicate), (2, 2));
}

#[test]
fn derived_viewers_are_counted_among_all() {
    let reports = story(&[(0, "s"), (500, "p"), (12_000, "p")]);
    let other = reports.into_iter().map(|one| Beacon { sid: "two".into(), ..one });
    let requests = older("edge").into_iter().map(|one| Beacon { delay: 500, ..one });
    let items = other.chain(requests).map(|one| at(one.ts + one.delay, one)).collect();
    let mut world = fed(items);
    world.tick_to(30_000);
    let seen: BTreeMap<i64, (i64, i64)> = world
        .book
        .playback
        .iter()
        .filter(|((cuboid, ..), _)| *cuboid == Cuboid::Content)
        .map(|((.., pane), row)| (*pane, (row.measures.viewers, row.measures.derived_viewers)))
        .collect();
    assert_eq!((seen[&0], seen[&6_000], seen[&8_000]), ((2, 1), (2, 1), (2, 1)));
    // Once a session has a stated state, it is no longer derived.
    world.beacons(&story(&[(31_000, "p")]));
    assert!(!world.sessions()[0].derived);
    world.tick_to(40_000);
    let now = |((cuboid, _, pane), _): &(&crate::world::Key, _)| {
        *cuboid == Cuboid::Content && *pane == 31_000
    };
    let row = world.book.playback.iter().find(now).unwrap().1;
    assert_eq!((row.measures.viewers, row.measures.derived_viewers), (2, 0));
}

#[test]
fn reported_requests_change_neither_wrong_clocks_nor_consecutive_playbacks() {
    for off in [-600_000, 0, 600_000] {
        let clock = |one: Beacon| Beacon { ts: one.ts + off, delay: one.delay - off, ..one };
        let first = story(&[(1_000, "s"), (1_500, "p"), (6_000, "")]);
        let second = story(&[(21_000, "s"), (21_700, "p"), (25_000, ""), (31_000, "q")]);
        let reports = [first, second].concat();
        let mut plain: Vec<_> =
            reports.into_iter().map(|one| at(one.ts + 10, clock(one))).collect();
        // The beginning of the second playback goes through another collector.
        plain[3].0 += 5_000;
        let mut with = plain.clone();
        // The first requests are reported before the player sends anything.
        for ts in [300, 900, 1_600, 5_000, 21_100, 22_000, 26_000, 30_500] {
            with.push(at(ts + 60, reported("edge", ts)));
            with.push((ts + 70, Item::Served(served("one", ts.unsigned_abs(), ts, "e1", "A"))));
        }
        plain.extend(with.iter().filter(|(_, item)| matches!(item, Item::Served(_))).cloned());
        let (mut plain, mut with) = (fed(plain), fed(with));
        [&mut plain, &mut with].into_iter().for_each(|world| world.tick_to(400_000));
        assert_eq!(with.sessions(), plain.sessions(), "{off}");
        assert_eq!(with.sessions().len(), 2);
        let events = |world: World| Measures { events: 0, ..sums(world) };
        assert_eq!(events(with), events(plain), "{off}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The session of a player that sends events follows exactly from these.
    #[test]
    fn requests_of_players_that_send_events_are_only_counted(
        items in sessions(20),
        more in prop::collection::vec((any::<prop::sample::Index>(), 0_i64..2_000, 0..4_usize), 1..40),
    ) {
        let plain = in_order(&items);
        let newest = |sid: &str| {
            let own = items.iter().filter(|item| matches!(item, Item::Beacon(one) if one.sid == sid));
            own.map(Item::at).max().unwrap()
        };
        let mut with: Vec<(i64, Item)> =
            items.iter().map(|item| (item.at() + 100, item.clone())).collect();
        let mut requests = std::collections::BTreeSet::new();
        for (near, before, what) in more {
            let Item::Beacon(one) = near.get(&items) else { continue };
            // A request after all events of its player would prolong the session.
            let ts = (one.ts - before).min(newest(&one.sid));
            let all = [(None, None), (Some(true), None), (Some(true), Some(true)), (None, Some(true))];
            let (su, bs) = all[what];
            let request = Beacon { sid: one.sid.clone(), su, bs, br: Some(999), ..reported("edge", ts) };
            requests.insert((one.sid.clone(), ts));
            with.push((ts.max(0) + 150 + before / 4, Item::Beacon(request)));
        }
        let mut with = fed(with);
        with.tick_to(500_000);
        prop_assert_eq!(with.sessions(), plain.sessions());
        let measures = |world: &World| world.book.values().into_iter().filter_map(|(key, value)| {
            let measures = Measures { events: 0, ..value.0 };
            let used = measures != Measures::default() || !value.1.is_empty() || !value.2.is_empty();
            used.then_some((key, (measures, value.1, value.2)))
        }).collect::<BTreeMap<_, _>>();
        prop_assert_eq!(measures(&with), measures(&plain));
        let events = |world: &World| world.book.sum(Cuboid::Content).events;
        prop_assert_eq!(events(&with) - events(&plain), requests.len() as i64);
    }
}
