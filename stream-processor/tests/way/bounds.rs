//! The state stays within its limits for any input.

use std::collections::BTreeMap;

use tallylight_schemas::rows::{Cuboid, DeliveryRow};
use tallylight_schemas::session::SessionRow;
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::pure::input::PlayerInput;
use tallylight_stream_processor::pure::partition::PartitionState;

use crate::world::{Beacon, Item, T0, World, served};

#[test]
fn a_flood_of_names_stays_within_the_limits() {
    let limits = Limits {
        cells: 20,
        delivery_keys: 10,
        sessions: 100,
        closed: 50,
        tombstones: 80,
        recent: 8,
        seen: 8,
        pending: 30,
        reporters: 4,
        ..Limits::default()
    };
    let mut world = World::with(limits);
    let names: Vec<&'static str> =
        (0..500).map(|i| &*Box::leak(format!("name-{i}").into_boxed_str())).collect();
    for i in 0..3_000_i64 {
        let name = names[i as usize % names.len()];
        let beacon = Beacon {
            sid: format!("sid-{}", i % 1_000),
            ts: i * 40,
            sn: (i / 1_000) as u64,
            e: "ps",
            sta: Some(["s", "p", "r", "q"][(i / 250) as usize % 4]),
            cid: Some(name),
            device: Some(name),
            br: Some(i),
            delay: 20,
            ..Beacon::default()
        };
        let unknown = served(&format!("other-{i}"), i as u64, i * 40, name, name);
        world.entry(i * 40 + 20, &[Item::Beacon(beacon), Item::Served(unknown)]);
        let size = world.state.size();
        assert!(size.sessions <= 150 + 1, "{size:?}");
        assert!(size.facts <= size.sessions * 8, "{size:?}");
        assert!(size.tombstones <= 80 && size.pending <= 30, "{size:?}");
        assert!(size.cells <= 6 * 21 && size.panes <= 126 * 125, "{size:?}");
        assert!(size.delivery_panes <= 125 && size.delivery_keys <= 125 * 11, "{size:?}");
    }
    assert!(
        world.book.playback.keys().any(|(_, cell, _)| cell.content.as_deref() == Some("__other__"))
    );
    world.tick_to(1_500_000);
    let size = world.state.size();
    assert_eq!(
        (size.sessions, size.cells, size.panes, size.delivery_panes),
        (0, 0, 0, 0),
        "{size:?}"
    );
    let sum = world.book.sum(Cuboid::Content);
    assert_eq!(
        sum.events as u64,
        world.state.tally().accepted - 3_000,
        "each record is in one cell"
    );
}

#[test]
fn segments_are_merged_before_any_other_dimension() {
    let limits = Limits { delivery_keys: 80, ..Limits::default() };
    let mut world = World::with(limits);
    for k in 0..100 {
        let mut one = served("one", k, 1_000, "e1", "A");
        one.event.k = Some(k);
        one.event.status = if k % 4 == 0 { 503 } else { 206 };
        world.entry(1_010, &[Item::Served(one)]);
    }
    let mut wrong = served("one", 101, 1_000, "e3", "B");
    wrong.event.status = 404;
    let mut other = World::default();
    other.entry(1_010, &[Item::Served(wrong)]);
    other.tick_to(10_000);
    assert!(other.book.delivery.iter().all(|row| row.k.is_none()), "there is no such segment");
    let mut late = served("one", 100, 1_000, "e2", "B");
    late.event.status = 304;
    world.entry(1_010, &[Item::Served(late)]);
    world.tick_to(10_000);
    let newest = world.book.delivery.iter().map(|row| (row.key(), row));
    let newest: BTreeMap<_, _> = newest.collect();
    let of = |edge: &str| -> Vec<&DeliveryRow> {
        newest.values().copied().filter(|row| row.edge.as_deref() == Some(edge)).collect()
    };
    let (e1, e2) = (of("e1"), of("e2"));
    assert_eq!((e1.len(), e2.len()), (11, 1), "ten segments, and the rest");
    let sum = |of: fn(&DeliveryRow) -> i64| e1.iter().map(|row| of(row)).sum::<i64>();
    assert_eq!((sum(|row| row.requests), sum(|row| row.ok)), (100, 75));
    assert_eq!((sum(|row| row.errors), sum(|row| row.server_errors)), (25, 25));
    assert_eq!(sum(|row| row.held_sketch.count()), 100);
    assert_eq!((e2[0].k, e2[0].redirects, e2[0].ok), (None, 1, 0));
}

#[test]
fn when_all_viewers_leave_at_once_late_records_still_find_their_sessions() {
    let mut world = World::with(Limits { closed: 50, sessions: 1_000, ..Limits::default() });
    let of = |name: usize, which: &[usize]| {
        let all = crate::world::story(&[(0, "s"), (500, "p"), (1_500, "p"), (2_000, "e")]);
        let beacon = |at: &usize| Beacon { sid: format!("sid-{name}"), ..all[*at].clone() };
        which.iter().map(beacon).map(Item::Beacon).collect::<Vec<_>>()
    };
    let each = |which: &[usize]| (0..500).flat_map(|name| of(name, which)).collect::<Vec<_>>();
    world.entry(2_100, &each(&[0, 1, 3]));
    world.entry(60_000, &each(&[2]));
    assert_eq!((world.state.tally().accepted, world.state.tally().late), (2_000, 0));
    assert_eq!(world.state.size().sessions, 500);
    // After the horizon no record is accepted any more, so no more than `closed` are kept.
    world.tick_to(200_000);
    assert_eq!(world.state.size().sessions, 50);
    assert_eq!(world.book.sum(Cuboid::Content).ends, 500);
}

#[test]
fn of_too_many_sessions_the_one_silent_longest_ends() {
    let mut state =
        PartitionState::new(0, 1, Limits { sessions: 50, closed: 0, ..Limits::default() });
    feed(&mut state, "steady", "word", "s", 1);
    for n in 2..500 {
        feed(&mut state, "steady", "word", "p", n);
        feed(&mut state, &format!("s{n}"), "word", "p", n);
    }
    let steady = state.session_rows("demo", Some("steady"), 2);
    assert_eq!((steady.len(), steady[0].epoch, steady[0].events), (1, 0, 499));
    assert!(state.size().sessions <= 50 + 1, "{:?}", state.size());
}

#[test]
fn a_long_pause_of_the_log_adds_no_playing_time() {
    let mut world = crate::world::play(&[(0, "s"), (500, "p"), (10_000, "")]);
    world.entry(3_600_000, &[]);
    world.tick_to(3_800_000);
    assert_eq!(world.book.sum(Cuboid::Content).playing_ms, 9_500);
    assert!(world.state.size().panes < 400);
}

#[test]
fn rows_changed_by_a_pause_have_a_new_version() {
    let mut world = crate::world::play(&[(0, "s"), (500, "p"), (1_000, "")]);
    world.tick_to(50_000);
    let viewers = |world: &World| {
        let wanted = |cuboid, pane| cuboid == Cuboid::Content && pane == 49_000;
        let mut rows = world.book.playback.iter();
        rows.find(|((cuboid, _, pane), _)| wanted(*cuboid, *pane)).map(|(_, r)| r.measures.viewers)
    };
    assert_eq!(viewers(&world), Some(1));
    // The reader refuses a second row of the same version.
    world.entry(3_600_000, &[]);
    assert_eq!(viewers(&world), Some(0));
}

/// Feeds a record of a viewer whose values all end with `word`.
fn feed(state: &mut PartitionState, sid: &str, word: &str, sta: &str, n: u64) {
    let words = ["c", "l", "d", "o", "p", "e"].map(|of| format!("{of}-{word}"));
    let [cid, country, device, os, player, ec] = words.each_ref().map(|of| Some(of.as_str()));
    let ts = T0 + i64::try_from(n).unwrap();
    let input = PlayerInput {
        tenant: "demo",
        sid,
        received_ms: ts,
        ts: Some(ts),
        sn: Some(n),
        e: Some("ps"),
        sta: Some(sta),
        cid,
        country,
        device,
        os,
        player,
        ec: ec.map(Into::into),
        ..PlayerInput::default()
    };
    state.feed(n, ts * 1_000, &[input]);
}

#[test]
fn a_flood_of_words_takes_none_from_sessions_that_use_them() {
    let mut state =
        PartitionState::new(0, 1, Limits { sessions: 50, closed: 50, ..Limits::default() });
    feed(&mut state, "old", "first", "p", 1);
    state.delivery(&served("old", 1, 1, "e1", "a"));
    state.delivery(&served("later", 2, 1, "e2", "b"));
    feed(&mut state, "old", "said", "p", 2);
    let before = state.session_rows("demo", Some("old"), 1);
    for n in 3..4_000 {
        feed(&mut state, &format!("s{n}"), &format!("{n}"), "q", n);
        // Of 24,000 words, only those of some 50 sessions are kept, and a few more.
        assert!(state.size().words < 2_000, "{:?}", state.size());
    }
    assert_eq!(state.session_rows("demo", Some("old"), 1), before);
    feed(&mut state, "old", "said", "p", 4_000);
    feed(&mut state, "later", "said", "p", 4_000);
    let [old, later] =
        ["old", "later"].map(|sid| state.session_rows("demo", Some(sid), 1).remove(0));
    assert_eq!(old.cid.as_deref(), Some("c-said"));
    let from = |row: &SessionRow| (row.edge.clone().unwrap(), row.pipeline.clone().unwrap());
    assert_eq!((from(&old), from(&later)), (("e1".into(), "a".into()), ("e2".into(), "b".into())));
}
