//! The live store against a model: in whatever order and however often rows are applied, the sums
//! are those of the newest versions only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::metrics;
use tallylight_schemas::rows::{
    Cell, Cuboid, DeliveryRow, FatesRow, Measures, PlaybackRow, ProgressRow, TopicRows,
};
use tallylight_schemas::sketch::Sketch;
use tallylight_store::live::{Changes, Cursor, LiveStore, Retention, Tables};

const SECOND: i64 = 1_000_000;

/// (partition, pane, content, version). A row's values are a function of it, as they are a function
/// of the log in production.
type Id = (u16, i64, u8, u64);

fn value((partition, pane, content, version): Id) -> i64 {
    i64::from(partition) * 7 + pane * 13 + i64::from(content) * 17 + version as i64 * 1_000
}

fn content(n: u8) -> Option<String> {
    Some(format!("show-{n}"))
}

fn sketch(value: i64) -> Sketch {
    let mut sketch = Sketch::default();
    sketch.add(value, 1 + value % 3);
    sketch
}

fn playback(id: Id) -> PlaybackRow {
    let (partition, pane, n, version) = id;
    PlaybackRow {
        tenant: "demo".into(),
        partition,
        pane: pane * SECOND,
        width_s: 1,
        cuboid: Cuboid::Content,
        cell: Cell { content: content(n), ..Cell::default() },
        measures: Measures { viewers: value(id), playing_ms: 1, ..Measures::default() },
        startup_sketch: sketch(value(id)),
        latency_sketch: Sketch::default(),
        r#final: false,
        version,
        metrics_version: metrics::VERSION,
    }
}

fn delivery(id: Id) -> DeliveryRow {
    let (partition, pane, n, version) = id;
    DeliveryRow {
        tenant: "demo".into(),
        partition,
        pane: pane * SECOND,
        width_s: 1,
        service: "edge".into(),
        edge: Some(format!("e{n}")),
        pipeline: None,
        stream: "demo".into(),
        track: "v-360".into(),
        k: Some(u64::from(n)),
        action: "get".into(),
        requests: value(id),
        bytes: 2,
        errors: 0,
        ok: 2,
        redirects: 0,
        server_errors: 0,
        hits: 1,
        held_ms: 3,
        ttfb_sketch: sketch(value(id)),
        held_sketch: sketch(value(id)),
        r#final: false,
        version,
    }
}

fn fates(id: Id) -> FatesRow {
    let (partition, pane, _, version) = id;
    FatesRow {
        pane: pane * SECOND,
        partition,
        tenant: "demo".into(),
        source: "cmcd".into(),
        fate: Fate::Accepted,
        reason: Reason::None,
        events: u64::try_from(value(id)).unwrap(),
        version,
        door: None,
    }
}

fn reached(partition: u16, partitions: u16, s: i64) -> TopicRows {
    let progress = ProgressRow {
        partition,
        partitions,
        offset: s.unsigned_abs(),
        log_time: s * SECOND,
        final_up_to: (s - 120) * SECOND,
        sessions: 0,
        lost_events: 0,
        lost_entries: 0,
    };
    TopicRows { progress: vec![progress], ..TopicRows::default() }
}

fn rows(ids: &[Id]) -> TopicRows {
    TopicRows {
        playback: ids.iter().copied().map(playback).collect(),
        delivery: ids.iter().copied().map(delivery).collect(),
        fates: ids.iter().copied().map(|id| fates((id.0, id.1, 0, id.3))).collect(),
        ..TopicRows::default()
    }
}

fn store(max_rows: usize) -> LiveStore {
    LiveStore::new(Retention { max_rows, ..Retention::default() })
}

/// Sums as plain maps, to compare: (table, pane, key) → value.
fn flat(tables: &Tables) -> BTreeMap<(u8, i64, String), (i64, Sketch)> {
    let playback = tables.playback.iter().map(|row| {
        let key = row.key.cell.content.clone().unwrap();
        ((0, row.pane, key), (row.sum.measures.viewers, row.sum.startup.clone()))
    });
    let delivery = tables.delivery.iter().map(|row| {
        let key = row.key.edge.clone().unwrap();
        ((1, row.pane, key), (row.sum.requests, row.sum.ttfb.clone()))
    });
    let fates = tables.fates.iter().map(|row| {
        let sum = i64::try_from(row.sum.events).unwrap();
        ((2, row.pane, row.key.source.clone()), (sum, Sketch::default()))
    });
    playback.chain(delivery).chain(fates).collect()
}

fn model(ids: &[Id]) -> BTreeMap<(u8, i64, String), (i64, Sketch)> {
    let mut newest: BTreeMap<(u16, i64, u8), u64> = BTreeMap::new();
    for (partition, pane, n, version) in ids {
        let held = newest.entry((*partition, *pane, *n)).or_insert(*version);
        *held = (*held).max(*version);
    }
    let mut sums = BTreeMap::new();
    let mut add = |key, value, sketch: &Sketch| {
        let sum: &mut (i64, Sketch) = sums.entry(key).or_default();
        sum.0 += value;
        sum.1.merge(sketch, 1);
    };
    for ((partition, pane, n), version) in &newest {
        let value = value((*partition, *pane, *n, *version));
        let us = pane * SECOND;
        add((0, us, content(*n).unwrap()), value, &sketch(value));
        add((1, us, format!("e{n}")), value, &sketch(value));
        if *n == 0 {
            add((2, us, "cmcd".into()), value, &Sketch::default());
        }
    }
    sums
}

fn ids() -> impl Strategy<Value = Vec<Id>> {
    prop::collection::vec((0_u16..4, 0_i64..6, 0_u8..3, 0_u64..5), 1..120)
}

proptest! {
    #[test]
    fn any_order_and_repetition_gives_the_sums_of_the_newest_versions(
        ids in ids(), order in any::<u64>(), chunk in 1_usize..9,
    ) {
        let fates_ids: Vec<Id> = ids.iter().map(|id| (id.0, id.1, 0, id.3)).collect();
        let all: Vec<Id> = ids.iter().chain(&fates_ids).copied().collect();
        let mut shuffled = all.clone();
        shuffled.sort_by_key(|id| value(*id).wrapping_mul(order as i64 | 1));
        let (mut once, mut again) = (store(10_000), store(10_000));
        for part in all.chunks(chunk) {
            once.apply(rows(part), &mut Changes::default());
        }
        for part in shuffled.chunks(chunk).chain(all.chunks(3)) {
            again.apply(rows(part), &mut Changes::default());
        }
        let expected = model(&all);
        prop_assert_eq!(&flat(&once.since(i64::MIN)), &expected);
        prop_assert_eq!(&flat(&again.since(i64::MIN)), &expected);
    }

    #[test]
    fn the_changes_are_exactly_what_a_reader_lacks(ids in ids(), chunk in 1_usize..9) {
        let mut store = store(10_000);
        let mut seen = BTreeMap::new();
        for part in ids.chunks(chunk) {
            let mut changes = Changes::default();
            store.apply(rows(part), &mut changes);
            seen.extend(flat(&store.read(&changes)));
            prop_assert_eq!(&seen, &flat(&store.since(i64::MIN)));
        }
    }

    #[test]
    fn parts_contain_every_row_once(ids in ids(), since in 0_i64..4, most in 1_usize..9) {
        let mut store = store(10_000);
        store.apply(rows(&ids), &mut Changes::default());
        let whole = store.since(since * SECOND);
        let (mut parts, mut rest) = (Tables::default(), Some(Cursor::since(since * SECOND)));
        while let Some(from) = rest {
            let (part, next) = store.part(from, most);
            let rows = part.playback.len() + part.delivery.len() + part.fates.len();
            prop_assert!(next.is_none() || rows >= most, "{} rows and more to come", rows);
            parts.playback.extend(part.playback);
            parts.delivery.extend(part.delivery);
            parts.fates.extend(part.fates);
            rest = next;
        }
        let count = |all: &Tables| (all.playback.len(), all.delivery.len(), all.fates.len());
        prop_assert_eq!(count(&parts), count(&whole));
        prop_assert_eq!(flat(&parts), flat(&whole));
    }

    #[test]
    fn the_cap_keeps_the_newest_panes_whatever_the_order(mut ids in ids(), cap in 1_usize..40) {
        let mut forth = store(cap);
        for id in &ids {
            forth.apply(rows(&[*id]), &mut Changes::default());
            prop_assert!(forth.rows() <= 3 * cap);
        }
        ids.reverse();
        let mut back = store(cap);
        back.apply(rows(&ids), &mut Changes::default());
        prop_assert_eq!(flat(&forth.since(i64::MIN)), flat(&back.since(i64::MIN)));
        let panes: BTreeSet<i64> = forth.since(i64::MIN).playback.iter().map(|r| r.pane).collect();
        let newest: BTreeSet<i64> = ids.iter().map(|id| id.1 * SECOND).collect();
        prop_assert!(newest.iter().rev().zip(panes.iter().rev()).all(|(a, b)| a == b));
    }
}

#[test]
fn a_pane_is_partial_until_every_partition_has_passed_its_end() {
    let mut store = store(1_000);
    let mut changes = Changes::default();
    store.apply(rows(&[(0, 100, 0, 1)]), &mut changes);
    assert!(store.read(&changes).playback[0].partial, "no progress is known");
    store.apply(reached(0, 2, 101), &mut changes);
    assert!(store.read(&changes).playback[0].partial, "partition 1 is missing");
    store.apply(reached(1, 2, 100), &mut changes);
    assert!(store.read(&changes).playback[0].partial, "partition 1 is not past the pane");

    let mut changes = Changes::default();
    store.apply(reached(1, 2, 101), &mut changes);
    let read = store.read(&changes);
    assert_eq!(read.playback.len(), 1, "becoming whole is a change");
    assert!(!read.playback[0].partial);
    assert!(!read.playback[0].is_final);
    store.apply(reached(0, 2, 221), &mut changes);
    store.apply(reached(1, 2, 221), &mut changes);
    assert!(store.read(&changes).playback[0].is_final);
}

#[test]
fn rows_age_by_log_time_and_do_not_come_back() {
    let mut store = store(1_000);
    let mut changes = Changes::default();
    let at = |s| reached(0, 1, s);
    store.apply(rows(&[(0, 100, 0, 1), (0, 900, 0, 1)]), &mut changes);
    store.apply(at(1_000), &mut changes);
    let kept = |store: &LiveStore| {
        let all = store.since(i64::MIN);
        (all.playback.len(), all.delivery.len(), all.fates.len())
    };
    assert_eq!(kept(&store), (2, 1, 2), "delivery is kept for 10 minutes");
    store.apply(at(1_901), &mut changes);
    assert_eq!(kept(&store), (1, 0, 1));
    let mut changes = Changes::default();
    store.apply(rows(&[(0, 100, 0, 2)]), &mut changes);
    assert_eq!(kept(&store), (1, 0, 1));
    assert!(changes.is_empty());
    store.apply(at(1_000), &mut changes);
    assert_eq!(store.progress().log_time(), Some(1_901 * SECOND), "progress never goes back");
}

#[test]
fn neither_one_fast_partition_nor_one_that_stopped_decides_the_age_of_rows() {
    let steps = [(0, 1_000), (1, 1_000), (2, 1_000), (3, 1_000), (2, 4_600)];
    // The second time, no partition but the fast one has reported yet.
    for first in [0, 4] {
        let (mut store, mut changes) = (store(1_000), Changes::default());
        for (partition, s) in &steps[first..] {
            store.apply(reached(*partition, 4, *s), &mut changes);
        }
        store.apply(rows(&[(0, 1_001, 0, 1)]), &mut changes);
        assert_eq!((store.rows(), changes.len()), (3, 3), "from step {first}");
        store.apply(reached(0, 4, 2_802), &mut changes);
        assert_eq!(store.rows(), 3);
        store.apply(reached(1, 4, 2_802), &mut changes);
        assert_eq!(store.rows(), 0, "partition 3 has stopped");
    }
}
