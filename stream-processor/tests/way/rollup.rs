//! Minutes and hours equal what the oracle counts from the events; the order and grouping of merges
//! do not change them, nor does a lack of memory.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tallylight_schemas::rows::{Cell, Cuboid, DeliveryRow, Measures, PlaybackRow};
use tallylight_schemas::sketch::Sketch;
use tallylight_stream_processor::pure::rollup::{Rollup, Wide};
use tallylight_stream_processor::pure::settle::Settled;

use crate::oracle::Oracle;
use crate::script::sessions;
use crate::sums::in_order;
use crate::world::{Item, Key, T0, Value};

/// Ms from [`T0`] to 20 s before the next full hour.
const BEFORE_THE_HOUR: i64 = 3_600_000 - (T0 % 3_600_000) - 20_000;

fn shifted(items: Vec<Item>) -> Vec<Item> {
    let shift = |item| match item {
        Item::Beacon(mut beacon) => {
            beacon.ts += BEFORE_THE_HOUR;
            Item::Beacon(beacon)
        }
        Item::Served(mut reported) => {
            reported.event.ts += BEFORE_THE_HOUR * 1_000;
            reported.received_at += BEFORE_THE_HOUR * 1_000;
            Item::Served(reported)
        }
    };
    items.into_iter().map(shift).collect()
}

/// The oracle's values, added up by wider panes; `viewers` is that of the last second.
fn wide(values: &BTreeMap<Key, Value>, width_ms: i64) -> BTreeMap<Key, Value> {
    let mut out: BTreeMap<Key, Value> = BTreeMap::new();
    for ((cuboid, cell, at), (measures, startup, latency)) in values {
        let pane = (T0 + at).div_euclid(width_ms) * width_ms - T0;
        let sum = out.entry((*cuboid, cell.clone(), pane)).or_default();
        let ends = at + i64::from(cuboid.width_s()) * 1_000 == pane + width_ms;
        let viewers = if ends { measures.viewers } else { 0 };
        sum.0.add(&Measures { viewers, ..*measures }, 1);
        sum.1.merge(startup, 1);
        sum.2.merge(latency, 1);
    }
    out.retain(|_, value| *value != Value::default());
    out
}

fn rolled(settled: &[Settled], which: usize) -> BTreeMap<Key, Value> {
    let mut out = BTreeMap::new();
    for row in settled.iter().flat_map(|settled| &settled.playback_wide[which]) {
        let key = (row.cuboid, row.cell.clone(), row.pane / 1_000 - T0);
        let value = (row.measures, row.startup_sketch.clone(), row.latency_sketch.clone());
        assert!(row.r#final && row.width_s == [60, 3_600][which]);
        assert!(out.insert(key, value).is_none(), "a minute or an hour was repeated");
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn minutes_and_hours_equal_the_events(items in sessions(20).prop_map(shifted)) {
        let mut world = in_order(&items);
        world.tick_to(BEFORE_THE_HOUR + 20_000 + 400_000);
        let oracle = Oracle::of(&items);
        prop_assert_eq!(rolled(&world.settled, 0), wide(&oracle.values, 60_000));
        // The hour after the first one is not over yet.
        let mut hours = wide(&oracle.values, 3_600_000);
        hours.retain(|(_, _, pane), _| *pane < BEFORE_THE_HOUR);
        prop_assert_eq!(rolled(&world.settled, 1), hours);
        let requests = |rows: &mut dyn Iterator<Item = &DeliveryRow>| {
            rows.map(|row| (row.requests, row.ttfb_sketch.count())).fold((0, 0), |sum, one| {
                (sum.0 + one.0, sum.1 + one.1)
            })
        };
        let seconds = requests(&mut world.settled.iter().flat_map(|one| &one.delivery));
        let minutes = requests(&mut world.settled.iter().flat_map(|one| &one.delivery_wide[0]));
        prop_assert_eq!(seconds, minutes);
    }
}

fn row() -> impl Strategy<Value = PlaybackRow> {
    let numbers = (0..7_200_i64, 0..2_usize, 0..3_u8, 0..9_i64);
    let times = prop::collection::vec(1..20_000_i64, 0..3);
    (numbers, times).prop_map(|((second, cuboid, cell, viewers), times)| {
        let cuboid = [Cuboid::Content, Cuboid::Rendition][cuboid];
        let width_us = cuboid.width_us();
        let mut sketch = Sketch::default();
        times.iter().for_each(|ms| sketch.add(*ms, 1));
        PlaybackRow {
            tenant: "demo".into(),
            partition: 0,
            pane: (second * 1_000_000).div_euclid(width_us) * width_us,
            width_s: cuboid.width_s(),
            cuboid,
            cell: Cell { content: Some(cell.to_string()), ..Cell::default() },
            measures: Measures { viewers, playing_ms: 1 + 7 * viewers, ..Measures::default() },
            startup_sketch: sketch.clone(),
            latency_sketch: sketch,
            r#final: true,
            version: 1,
            metrics_version: 1,
        }
    })
}

fn merged(rows: impl IntoIterator<Item = PlaybackRow>, width_s: u32) -> Vec<PlaybackRow> {
    let mut wide = Wide::new(width_s);
    rows.into_iter().for_each(|row| wide.add(&row));
    wide.take(i64::MAX)
}

proptest! {
    #[test]
    fn order_grouping_and_room_change_nothing(
        rows in prop::collection::vec(row(), 0..80),
        shuffled in any::<prop::sample::Index>(),
        room in 0..20_usize,
    ) {
        let direct = merged(rows.clone(), 3_600);
        let mut turned = rows.clone();
        turned.reverse();
        if !turned.is_empty() {
            let at = shuffled.index(turned.len());
            turned.rotate_left(at);
        }
        prop_assert_eq!(&merged(turned.clone(), 3_600), &direct);
        prop_assert_eq!(&merged(merged(turned, 60), 3_600), &direct);
        // Parts of panes, emitted when there was no room, add up to the whole.
        let mut rollup = Rollup::with(room);
        let mut parts = Vec::new();
        for row in &rows {
            parts.extend(rollup.take(std::slice::from_ref(row), i64::MIN).into_iter().nth(1).unwrap());
        }
        parts.extend(rollup.take(&[], i64::MAX).into_iter().nth(1).unwrap());
        prop_assert_eq!(&merged(parts, 3_600), &direct);
    }
}
