//! Rows and sessions against the oracle.

use proptest::prelude::*;
use tallylight_schemas::rows::Cuboid;

use crate::oracle::Oracle;
use crate::script::sessions;
use crate::world::{Item, T0, World};

pub fn in_order(items: &[Item]) -> World {
    let mut world = World::default();
    for item in items {
        world.tick_to(item.at() + 100);
        world.entry(item.at() + 100, std::slice::from_ref(item));
    }
    world.tick_to(500_000);
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn rows_and_sessions_equal_the_oracle(items in sessions(20)) {
        let world = in_order(&items);
        let oracle = Oracle::of(&items);
        let values = world.book.values();
        for (key, value) in &oracle.values {
            prop_assert_eq!(values.get(key), Some(value), "{:?}", key);
        }
        prop_assert_eq!(values.len(), oracle.values.len());
        let rows = world.sessions();
        prop_assert_eq!(rows.len(), oracle.sessions.len());
        for (row, want) in rows.iter().zip(&oracle.sessions) {
            let time = |state| want.times.get(state).copied().unwrap_or(0);
            let micros = |ms: Option<i64>| ms.map(|ms| (T0 + ms) * 1_000);
            prop_assert_eq!(&row.sid, &want.sid);
            prop_assert_eq!(row.started_at, micros(want.started));
            prop_assert_eq!(row.startup_ms, want.startup);
            prop_assert_eq!(row.ended_at, micros(want.ended));
            prop_assert_eq!(row.playing_ms, time("playing"));
            prop_assert_eq!(row.rebuffering_ms, time("rebuffering"));
            prop_assert_eq!(row.seeking_ms, time("seeking"));
            prop_assert_eq!(row.rebuffer_count, want.rebuffers);
            prop_assert_eq!(row.events as i64, want.events);
        }
    }

    #[test]
    fn every_cuboid_sums_to_the_sessions(items in sessions(20)) {
        let world = in_order(&items);
        let rows = world.sessions();
        let total = |of: fn(&tallylight_schemas::session::SessionRow) -> i64| rows.iter().map(of).sum::<i64>();
        for cuboid in Cuboid::ALL {
            let sums = world.book.sum(cuboid);
            prop_assert_eq!(sums.playing_ms, total(|row| row.playing_ms));
            prop_assert_eq!(sums.rebuffering_ms, total(|row| row.rebuffering_ms));
            prop_assert_eq!(sums.seeking_ms, total(|row| row.seeking_ms));
            prop_assert_eq!(sums.events, total(|row| row.events as i64));
            prop_assert_eq!(sums.rebuffer_count, total(|row| row.rebuffer_count));
            prop_assert_eq!(sums.attempts, total(|row| i64::from(row.started_at.is_some())));
        }
    }
}
