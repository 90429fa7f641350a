//! What is reported of a session with missing records: the first ones, some in the middle, or those
//! during a silence.

use tallylight_schemas::rows::{Cuboid, Measures};
use tallylight_schemas::session::{Outcome, SessionRow};

use crate::world::{Beacon, T0, World, story};

fn sums(world: &mut World) -> Measures {
    world.tick_to(600_000);
    world.book.sum(Cuboid::Content)
}

/// A session whose records before number `first` are lost.
fn from(first: u64, states: &[(i64, &'static str)]) -> (SessionRow, Measures) {
    let mut world = World::default();
    let numbered = |beacon: Beacon| Beacon { sn: beacon.sn + first, ..beacon };
    world.beacons(&story(states).into_iter().map(numbered).collect::<Vec<_>>());
    // A session that did not end is silent for too long.
    world.tick_to(states.last().unwrap().0 + 80_000);
    (world.session(), sums(&mut world))
}

#[test]
fn without_the_first_records_no_startup_is_invented() {
    for first in ["", "w", "k", "a", "r"] {
        let (row, sums) = from(2, &[(0, first), (8_000, "p"), (9_000, "q")]);
        assert_eq!((row.startup_ms, row.waited_ms), (None, None), "{first}");
        assert_eq!((row.outcome, sums.attempts, sums.starts), (Outcome::Played, 1, 1), "{first}");
    }
    // An `s` states when it began, whatever is lost before it.
    let (row, _) = from(2, &[(0, ""), (1_000, "s"), (1_700, "p"), (9_000, "q")]);
    assert_eq!(row.startup_ms, Some(700));
    // So does record 0; and if a player does not number its records, the first is taken as such.
    let (row, _) = from(0, &[(0, "r"), (8_000, "p"), (9_000, "q")]);
    assert_eq!((row.startup_ms, row.rebuffer_count), (Some(8_000), 0));
    let unnumbered = |beacon: Beacon| Beacon { unnumbered: true, ..beacon };
    let mut world = World::default();
    let of_old = story(&[(0, "w"), (600, "p"), (9_000, "q")]);
    world.beacons(&of_old.into_iter().map(unnumbered).collect::<Vec<_>>());
    assert_eq!(world.session().startup_ms, Some(600));
}

#[test]
fn a_session_first_seen_while_it_rebuffers_has_played_before() {
    let (row, sums) = from(2, &[(0, "r"), (8_000, "p"), (9_000, "q")]);
    assert_eq!((row.rebuffer_count, row.rebuffering_ms, row.starting_ms), (1, 8_000, 0));
    assert_eq!((row.first_frame_at, row.playing_ms), (Some(T0 * 1_000), 1_000));
    assert_eq!((sums.rebuffer_count, sums.exits_before_start), (1, 0));
    // Waiting in a seek, or in what may be a startup, is not a rebuffer.
    for story in [&[(0, "k"), (500, "r"), (8_000, "p")][..], &[(0, "w"), (500, "r"), (8_000, "p")]]
    {
        assert_eq!(from(2, story).0.rebuffer_count, 0, "{story:?}");
    }
    // The first records arrive late.
    let mut all = story(&[(0, "s"), (500, "w"), (1_000, "r"), (8_000, "p"), (9_000, "")]);
    let mut world = World::default();
    all[0].delay = 9_500;
    all[1].delay = 9_500;
    world.beacons(&all[2..]);
    assert_eq!(world.session().rebuffer_count, 1);
    world.beacons(&all[..2]);
    let row = world.session();
    assert_eq!((row.startup_ms, row.rebuffer_count), (Some(8_000), 0));
}

#[test]
fn an_attempt_counts_one_exit_however_often_it_falls_silent() {
    let silences = [(0, "s"), (5_000, ""), (120_000, "s"), (125_000, ""), (240_000, "w")];
    let (row, sums) = from(0, &silences);
    assert_eq!(row.outcome, Outcome::ExitBeforeStart);
    assert_eq!((sums.attempts, sums.exits_before_start, sums.start_failures), (1, 1, 0));
    let (row, sums) = from(0, &[(0, "s"), (5_000, "!"), (120_000, "s"), (125_000, "f")]);
    assert_eq!(row.outcome, Outcome::StartFailed);
    assert_eq!((sums.attempts, sums.exits_before_start, sums.start_failures), (1, 0, 1));
    // The end that a silence counted is not taken back, nor counted again.
    let (_, sums) = from(0, &[(0, "s"), (5_000, ""), (120_000, "f")]);
    assert_eq!((sums.attempts, sums.exits_before_start, sums.start_failures), (1, 1, 0));
    let (row, sums) = from(0, &[(0, "s"), (5_000, ""), (120_000, "p"), (125_000, "q")]);
    assert_eq!((row.outcome, row.startup_ms, row.waited_ms), (Outcome::Played, None, None));
    assert_eq!((sums.attempts, sums.exits_before_start, sums.starts), (1, 1, 1));
}

#[test]
fn a_silence_is_in_no_startup_and_in_no_wait() {
    let startups = |world: &World| {
        let rows = world.book.playback.iter().filter(|((of, ..), _)| *of == Cuboid::Content);
        rows.map(|(_, row)| row.startup_sketch.count()).sum::<i64>()
    };
    for first in ["s", "w", ""] {
        let mut world = World::default();
        world.beacons(&story(&[(0, first), (5_000, ""), (480_000, "p"), (485_000, "q")]));
        let row = world.session();
        assert_eq!((row.startup_ms, row.waited_ms), (None, None), "{first}");
        assert_eq!((row.first_frame_at, row.playing_ms), (Some((T0 + 480_000) * 1_000), 5_000));
        world.tick_to(700_000);
        assert_eq!(startups(&world), 0, "{first}");
    }
    // An attempt that begins after the silence has its full startup time.
    let mut world = World::default();
    world.beacons(&story(&[(0, ""), (5_000, ""), (480_000, "s"), (480_700, "p")]));
    assert_eq!(world.session().startup_ms, Some(700));
    world.tick_to(700_000);
    assert_eq!(startups(&world), 1);
    // The wait of an exit leaves the silence out; a wait under a second is not an exit.
    let (row, sums) = from(0, &[(0, "s"), (5_000, ""), (240_000, "w"), (242_000, "q")]);
    assert_eq!((row.startup_ms, row.waited_ms, row.starting_ms), (None, Some(7_000), 7_000));
    assert_eq!(sums.exits_before_start, 1);
    let (row, sums) = from(0, &[(0, "s"), (400, ""), (240_000, "w"), (240_200, "q")]);
    assert_eq!((row.waited_ms, sums.exits_before_start), (Some(600), 0));
}

#[test]
fn a_request_derives_no_startup_from_before_a_silence() {
    let request = |ts, urgent| Beacon {
        request: true,
        unnumbered: true,
        ot: Some("v"),
        su: Some(urgent),
        ..story(&[(ts, "")])[0].clone()
    };
    let mut world = World::default();
    world.beacons(&[request(0, true), request(700, true), request(480_000, false)]);
    let row = world.session();
    assert_eq!((row.derived, row.startup_ms, row.first_frame_at.is_some()), (true, None, true));
}

#[test]
fn a_number_far_from_the_others_is_a_new_start_and_not_a_billion_losses() {
    let plain = story(&[(0, "s")])[0].clone();
    let numbered = |sns: &[u64]| {
        let mut world = World::default();
        let record = |(n, sn): (i64, &u64)| Beacon { sn: *sn, ts: n * 1_000, ..plain.clone() };
        world.beacons(&(0..).zip(sns).map(record).collect::<Vec<_>>());
        let lost = world.session().lost_events;
        (lost, sums(&mut world).lost_events)
    };
    assert_eq!(numbered(&[0, 999_999_999_999_999]), (0, 0));
    assert_eq!(numbered(&[0, 10_001]), (10_000, 10_000));
    assert_eq!(numbered(&[0, 10_002]), (0, 0));
    // Losses after such a jump are counted, and earlier losses stay counted.
    assert_eq!(numbered(&[0, 3, 999_999_999_999_999, 4, 5, 8]), (4, 4));
    assert_eq!(numbered(&[999_999_999_999_999, 1, 2]), (0, 0));
}

#[test]
fn a_repeated_record_is_recognized_after_a_jump_of_the_numbers() {
    let all = story(&[(0, "s"), (500, "p"), (1_000, ""), (2_000, "")]);
    let far = Beacon { sn: 5_000_000, ..all[2].clone() };
    let all = [all[0].clone(), all[1].clone(), far.clone(), Beacon { sn: 2, ..all[3].clone() }];
    let mut world = World::default();
    world.beacons(&all);
    world.beacons(&[Beacon { delay: 3_000, ..far }]);
    assert_eq!((world.session().events, world.state.tally().duplicate), (4, 1));
}

#[test]
fn a_first_frame_that_a_lost_record_may_have_reported_has_no_known_time() {
    let started = |shows: &'static str, lost: bool| {
        let states = [(0, "s"), (1_000, "p"), (30_000, "p"), (35_000, "p"), (40_000, "q")];
        let mut records = story(&states);
        (records[2].e, records[3].e) = (shows, "t");
        let first_frame = records.remove(1);
        let mut world = World::default();
        world.beacons(&records[..2]);
        if !lost {
            // It was under way for longer.
            world.beacons(&[Beacon { delay: 35_000, ..first_frame }]);
        }
        world.beacons(&records[2..]);
        let row = world.session();
        (row.startup_ms, row.lost_events, sums(&mut world).starts)
    };
    assert_eq!(started("t", true), (None, 1, 1));
    assert_eq!(started("t", false), (Some(1_000), 0, 1));
    // The report of the change has its time, whatever is missing before it.
    assert_eq!(started("ps", true), (Some(30_000), 1, 1));
}
