//! The rules of the session state machine, one test each.

use tallylight_schemas::rows::{Cuboid, Measures};
use tallylight_schemas::session::Outcome;

use crate::world::{Beacon, Item, T0, World, play, served, story};

fn sums(world: &mut World) -> Measures {
    world.tick_to(400_000);
    world.book.sum(Cuboid::Content)
}

#[test]
fn a_plain_playback() {
    let mut world = play(&[(1_000, "s"), (1_800, "p"), (9_800, "r"), (10_300, "p"), (20_000, "q")]);
    let row = world.session();
    assert_eq!(row.outcome, Outcome::Played);
    assert_eq!((row.startup_ms, row.playing_ms, row.rebuffering_ms), (Some(800), 17_700, 500));
    assert_eq!(row.rebuffers, [((T0 + 9_800) * 1_000, 500)]);
    assert_eq!(
        (row.started_at, row.ended_at),
        (Some((T0 + 1_000) * 1_000), Some((T0 + 20_000) * 1_000))
    );
    let sums = sums(&mut world);
    assert_eq!((sums.attempts, sums.starts, sums.ends, sums.rebuffer_count), (1, 1, 1, 1));
    assert_eq!((sums.starting_ms, sums.playing_ms, sums.rebuffering_ms), (800, 17_700, 500));
}

#[test]
fn waiting_in_startup_and_in_seeks_is_not_a_rebuffer() {
    let row = play(&[
        (0, "s"),
        (100, "w"),
        (200, "r"),
        (300, "k"),
        (900, "p"),
        (5_000, "k"),
        (5_100, "r"),
        (5_200, "w"),
        (6_000, "p"),
        (7_000, "w"),
        (7_400, "p"),
        (8_000, "e"),
    ])
    .session();
    assert_eq!((row.rebuffer_count, row.rebuffering_ms, row.seeking_ms), (1, 400, 1_000));
    assert_eq!(row.startup_ms, Some(900));
}

#[test]
fn a_preload_is_not_an_attempt_and_startup_counts_from_s() {
    let mut world = play(&[(0, ""), (10, "d"), (5_000, "s"), (5_600, "p"), (6_000, "q")]);
    assert_eq!(world.session().startup_ms, Some(600));
    assert_eq!(sums(&mut world).starting_ms, 600);
    let mut preload = play(&[(0, "d"), (1_000, "d"), (5_000, "q")]);
    let sums = sums(&mut preload);
    assert_eq!((sums.attempts, sums.exits_before_start, sums.ends, sums.events), (0, 0, 0, 3));
}

#[test]
fn without_s_the_attempt_is_the_first_record_and_never_a_startup_of_zero() {
    assert_eq!(play(&[(100, ""), (700, "p")]).session().startup_ms, Some(600));
    let row = play(&[(700, "p"), (900, "q")]).session();
    assert_eq!((row.startup_ms, row.outcome), (None, Outcome::Played));
}

#[test]
fn a_record_without_a_state_begins_no_attempt_of_a_paused_or_preloading_player() {
    for held in ["d", "a"] {
        let row = play(&[(0, held), (30_000, ""), (60_000, "p"), (61_000, "q")]).session();
        assert_eq!((row.started_at, row.startup_ms), (Some((T0 + 60_000) * 1_000), None), "{held}");
    }
}

#[test]
fn exits_are_distinct_from_failures() {
    let mut quick = play(&[(0, "s"), (900, "q")]);
    assert_eq!(quick.session().outcome, Outcome::ExitBeforeStart);
    assert_eq!(sums(&mut quick).exits_before_start, 0);
    let mut patient = play(&[(0, "s"), (1_000, "q")]);
    assert_eq!(sums(&mut patient).exits_before_start, 1);
    for story in
        [&[(0, "s"), (2_000, "f")][..], &[(0, "s"), (100, "!"), (2_000, "q")][..], &[(0, "f")][..]]
    {
        let mut failed = play(story);
        assert_eq!(failed.session().outcome, Outcome::StartFailed, "{story:?}");
        let sums = sums(&mut failed);
        assert_eq!(
            (sums.start_failures, sums.exits_before_start, sums.failures, sums.ends),
            (1, 0, 0, 1)
        );
    }
    let mut later = play(&[(0, "s"), (500, "p"), (600, "!"), (3_000, "f"), (3_000, "!")]);
    assert_eq!(later.session().outcome, Outcome::Failed);
    assert_eq!((sums(&mut later).failures, sums(&mut later).start_failures), (1, 0));
}

#[test]
fn silence_ends_a_session_where_it_was_last_seen_and_a_record_in_time_reverts_that() {
    let mut world = play(&[(0, "s"), (500, "p"), (10_000, "")]);
    world.tick_to(80_000);
    assert_eq!(world.state.open_sessions(), 1);
    world.tick_to(85_500);
    let row = world.session();
    assert_eq!((world.state.open_sessions(), row.outcome), (0, Outcome::Played));
    assert_eq!((row.ended_at, row.playing_ms), (Some((T0 + 10_000) * 1_000), 9_500));
    let held = Beacon { ts: 60_000, delay: 26_000, sn: 3, ..story(&[(0, "")])[0].clone() };
    world.beacons(&[held]);
    let row = world.session();
    assert_eq!((row.outcome, row.playing_ms, row.ended_at), (Outcome::Playing, 59_500, None));
    let sums = sums(&mut world);
    assert_eq!((sums.playing_ms, sums.ends), (59_500, 1));
}

#[test]
fn sn_zero_later_is_a_new_epoch_and_a_repeated_one_is_not() {
    let first = story(&[(0, "s"), (500, "p"), (5_000, "")]);
    let second: Vec<Beacon> = story(&[(20_000, "s"), (20_700, "p"), (30_000, "q")]);
    let mut world = World::default();
    world.beacons(&first);
    world.beacons(&second);
    let straggler = Beacon { ts: 6_000, sn: 3, delay: 25_000, sta: Some("q"), ..first[0].clone() };
    let retries = [&first[..], &second[..]].concat();
    world.entry(31_000, &retries.into_iter().map(Item::Beacon).collect::<Vec<_>>());
    world.beacons(&[straggler]);
    let rows = world.sessions();
    assert_eq!(
        rows.iter().map(|row| (row.epoch, row.events)).collect::<Vec<_>>(),
        [(0, 4), (1, 3)]
    );
    assert_eq!((rows[0].playing_ms, rows[1].playing_ms), (5_500, 9_300));
    assert_eq!(world.state.tally().duplicate, 6);
    assert_eq!(sums(&mut world).attempts, 2);
}

#[test]
fn a_clock_that_is_off_is_corrected_and_a_small_delay_is_not() {
    for (off, start) in [(0, 1_000), (-60_000, 1_020), (45_000, 1_020), (1_500, 1_000)] {
        let mut world = World::default();
        for beacon in story(&[(1_000, "s"), (1_500, "p"), (9_000, "q")]) {
            let wrong = Beacon { ts: beacon.ts - off, delay: off + 20, ..beacon.clone() };
            let shift = if off == 1_500 { -1_500 } else { 0 };
            let beacon = if shift == 0 { wrong } else { Beacon { delay: 1_500, ..beacon } };
            world.tick_to(beacon.ts + beacon.delay);
            world.entry(beacon.ts + beacon.delay, &[Item::Beacon(beacon)]);
        }
        let row = world.session();
        assert_eq!(row.started_at, Some((T0 + start) * 1_000), "clock off by {off}");
        assert_eq!((row.startup_ms, row.playing_ms), (Some(500), 7_500));
    }
}

#[test]
fn records_older_than_the_horizon_are_late_and_change_nothing() {
    let mut world = play(&[(0, "s"), (500, "p"), (200_000, "p")]);
    let before = world.session();
    let old = Beacon {
        ts: 1_000,
        delay: 199_500,
        sn: 9,
        sta: Some("q"),
        ..story(&[(0, "q")])[0].clone()
    };
    world.beacons(&[old.clone(), old]);
    let after = world.session();
    assert_eq!(
        (after.late_events, after.events, after.playing_ms),
        (1, before.events, before.playing_ms)
    );
    assert_eq!((world.state.tally().late, world.state.tally().duplicate), (1, 1));
}

#[test]
fn requests_only_prove_presence_once_events_come() {
    let request = |ts: i64, sn: u64, sta| Beacon {
        request: true,
        ts,
        sn,
        sta,
        br: Some(100),
        ..story(&[(0, "")])[0].clone()
    };
    let mut world = World::default();
    world.beacons(&[request(0, 0, Some("s")), request(400, 1, Some("p"))]);
    assert_eq!(world.session().startup_ms, Some(400));
    world.beacons(&[
        Beacon { br: Some(600), ..story(&[(450, "s")])[0].clone() },
        request(900, 2, Some("p")),
    ]);
    let row = world.session();
    assert_eq!((row.startup_ms, row.first_frame_at, row.events), (None, None, 4));
}

#[test]
fn edges_set_the_edge_of_a_session_even_before_it_opens() {
    let mut world = World::default();
    world.entry(900, &[Item::Served(served("one", 0, 850, "e1", "A"))]);
    assert!(world.sessions().is_empty());
    world.beacons(&story(&[(1_000, "s"), (2_000, "p")]));
    assert_eq!(world.session().edge.as_deref(), Some("e1"));
    world.entry(5_000, &[Item::Served(served("one", 1, 4_500, "e1", "slate"))]);
    world.beacons(&[Beacon { sn: 2, ..story(&[(6_000, "q")])[0].clone() }]);
    world.tick_to(400_000);
    let mut by_pipeline = std::collections::BTreeMap::<_, i64>::new();
    for ((cuboid, cell, _), row) in &world.book.playback {
        if *cuboid == Cuboid::Delivery {
            *by_pipeline.entry(cell.pipeline.clone().unwrap_or_default()).or_default() +=
                row.measures.playing_ms;
        }
    }
    assert_eq!(
        by_pipeline.into_iter().collect::<Vec<_>>(),
        [("A".into(), 2_500), ("slate".into(), 1_500)]
    );
}

#[test]
fn a_batch_that_was_held_back_is_not_a_slow_clock() {
    let batch = story(&[(0, "s"), (400, "p"), (30_000, "r"), (31_000, "p"), (50_000, "")]);
    let late = |b: &Beacon| Item::Beacon(Beacon { delay: 50_100 - b.ts, ..b.clone() });
    let mut world = World::default();
    world.tick_to(50_100);
    world.entry(50_100, &batch.iter().map(late).collect::<Vec<_>>());
    let row = world.session();
    assert_eq!(row.started_at, Some(T0 * 1_000));
    assert_eq!((row.startup_ms, row.playing_ms, row.rebuffering_ms), (Some(400), 48_600, 1_000));
    // Records of such a batch that are too old are late; they are not shifted in time.
    let batch = story(&[(0, "s"), (400, "p"), (150_000, "p"), (200_000, "")]);
    let late = |b: &Beacon| Item::Beacon(Beacon { delay: 200_100 - b.ts, ..b.clone() });
    let mut world = World::default();
    world.tick_to(200_100);
    world.entry(200_100, &batch.iter().map(late).collect::<Vec<_>>());
    assert_eq!((world.state.tally().late, world.session().playing_ms), (2, 50_000));
}

#[test]
fn a_long_pause_of_the_player_outlives_its_cell() {
    let mut states = vec![(0, "s"), (500, "p"), (5_000, "a")];
    states.extend((1..10).map(|i| (5_000 + i * 30_000, "")));
    states.extend([(290_000, "p"), (295_000, "q")]);
    let mut world = play(&states);
    assert_eq!(world.session().playing_ms, 9_500);
    assert_eq!(sums(&mut world).playing_ms, 9_500);
    world.tick_to(800_000);
    assert_eq!(world.book.sum(Cuboid::Content).playing_ms, 9_500);
    let viewers = world.book.playback.iter().filter(|((c, ..), _)| *c == Cuboid::Content);
    let last = viewers.map(|((.., pane), row)| (*pane, row.measures.viewers)).max();
    assert_eq!(last, Some((295_000, 0)));
}

#[test]
fn after_a_long_silence_the_time_in_between_does_not_count() {
    let mut world = play(&[(0, "s"), (500, "p"), (10_000, ""), (100_000, ""), (101_000, "q")]);
    let row = world.session();
    assert_eq!((row.playing_ms, row.outcome, row.epoch), (10_500, Outcome::Played, 0));
    let sums = sums(&mut world);
    assert_eq!((sums.playing_ms, sums.attempts, sums.ends), (10_500, 1, 2));
}

#[test]
fn a_retry_long_after_the_end_opens_nothing() {
    let beacons = story(&[(0, "s"), (500, "p"), (5_000, "q")]);
    let mut world = World::default();
    world.beacons(&beacons);
    world.tick_to(700_000);
    assert_eq!((world.state.size().sessions, world.state.size().tombstones), (0, 1));
    world.entry(700_000, &beacons.iter().cloned().map(Item::Beacon).collect::<Vec<_>>());
    assert_eq!((world.state.tally().duplicate, world.state.size().sessions), (3, 0));
    let again = Beacon { ts: 700_000, sn: 0, ..beacons[0].clone() };
    world.beacons(&[again]);
    assert_eq!(world.session().epoch, 1);
}

#[test]
fn missing_numbers_are_counted_until_they_arrive() {
    let all = story(&[(0, "s"), (500, "p"), (1_000, ""), (2_000, ""), (3_000, "")]);
    let mut world = World::default();
    for sn in [0, 1, 4] {
        world.beacons(&[all[sn].clone()]);
    }
    assert_eq!(world.session().lost_events, 2);
    world.beacons(&[Beacon { delay: 5_000, ..all[2].clone() }]);
    assert_eq!(world.session().lost_events, 1);
    assert_eq!(sums(&mut world.clone()).lost_events, 1);
    // A repeated number fills no gap, and does not reduce the losses of other sessions.
    world.beacons(&[Beacon { delay: 6_000, ..all[3].clone() }]);
    world.beacons(&[Beacon { ts: 3_500, sn: 2, ..all[4].clone() }]);
    assert_eq!((world.session().lost_events, sums(&mut world).lost_events), (0, 0));
}
