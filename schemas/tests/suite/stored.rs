//! Stored bytes: round trips of every type, and bytes of every earlier version.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StructArray};
use arrow::datatypes::{Field, Schema};
use tallylight_schemas::cmcd::Mode;
use tallylight_schemas::fates::FateCount;
use tallylight_schemas::ipc::{
    Stored, TenantDelivery, decode, decode_all, encode, encode_all, to_batch,
};
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::rows::{Cell, PlaybackRow};
use tallylight_schemas::session::SessionRow;
use tallylight_schemas::sketch::Sketch;

use crate::golden;
use crate::infra::{dead_letters, infra_metrics};
use crate::samples::{
    deliveries, delivery_rows, door_fates, fates_rows, playback, player_batch, progress, sessions,
};
use crate::steered::{actions, incidents};

fn check<T: Stored + PartialEq + Clone + std::fmt::Debug>(name: &str, items: &[T]) {
    check_since(name, items, |_| {});
}

/// As [`check`], for a type that gained fields: `old` resets those that version 1 did not have.
fn check_since<T: Stored + PartialEq + Clone + std::fmt::Debug>(
    name: &str,
    items: &[T],
    old: impl Fn(&mut T),
) {
    assert_eq!(
        decode_all::<T>(&encode_all(items).unwrap()).unwrap(),
        items,
        "round trip of {name}"
    );
    assert_eq!(decode_all::<T>(&encode_all::<T>(&[]).unwrap()).unwrap(), [], "no {name}");
    check_version(name, 1, items, old);
}

/// Checks the bytes of a version; `old` resets the fields that it did not have.
fn check_version<T: Stored + PartialEq + Clone + std::fmt::Debug>(
    name: &str,
    version: u32,
    items: &[T],
    old: impl Fn(&mut T),
) {
    let file = format!("stored/{name}.v{version}.arrows");
    let stored = golden::stored(&file, || encode_all(items).unwrap());
    let mut then = items.to_vec();
    then.iter_mut().for_each(old);
    assert_eq!(decode_all::<T>(&stored).unwrap(), then, "{name} of version {version}");
}

#[test]
fn every_stored_type_comes_back_and_version_1_stays_readable() {
    let without_lateness = |one: &mut TenantDelivery| {
        (one.event.late_us, one.event.defect) = (None, None);
    };
    check_since("delivery", &deliveries(), |one| {
        one.event.reserved_kbps = None;
        one.event.capacity_kbps = None;
        one.event.sessions = None;
        without_lateness(one);
    });
    check_version("delivery", 2, &deliveries(), |_| {});
    check("door_fates", &door_fates());
    let without_client = |cell: &mut Cell| {
        (cell.player, cell.os, cell.asn) = (None, None, None);
    };
    let without_derived = |row: &mut PlaybackRow| {
        (row.measures.derived_viewers, row.metrics_version) = (0, 2);
    };
    check_since("playback", &playback(), |row| {
        without_derived(row);
        (row.measures.adaptation_failures, row.metrics_version) = (0, 1);
        without_client(&mut row.cell);
    });
    check_version("playback", 2, &playback(), |row| {
        without_derived(row);
        without_client(&mut row.cell);
    });
    check_version("playback", 3, &playback(), without_derived);
    check_version("playback", 4, &playback(), |_| {});
    check_since("delivery_rows", &delivery_rows(), |row| {
        (row.stream, row.k, row.held_sketch) = (String::new(), None, Sketch::default());
        (row.ok, row.redirects, row.server_errors) = (0, 0, 0);
    });
    check_version("delivery_rows", 2, &delivery_rows(), |_| {});
    check_since("fates_rows", &fates_rows(), |row| row.door = None);
    check("progress", &progress());
    let without_counters = |row: &mut SessionRow| {
        (row.switches_up, row.switches_down) = (0, 0);
        (row.least_latency_ms, row.greatest_latency_ms, row.dropped_frames) = (None, None, None);
        (row.repaired_rebuffers, row.repaired_rebuffering_ms) = (0, 0);
    };
    let without_waits = |row: &mut SessionRow| {
        (row.waited_ms, row.starting_ms, row.seek_count) = (None, 0, 0);
        (row.background_ms, row.background_rebuffering_ms) = (0, 0);
        (row.bitrate_ms, row.bitrate_kbps_ms) = (0, 0);
        row.derived = false;
        without_counters(row);
    };
    check_since("session", &sessions(), |row| {
        (row.player, row.os, row.asn) = (None, None, None);
        without_waits(row);
    });
    check_version("session", 2, &sessions(), without_waits);
    check_version("session", 3, &sessions(), |row| {
        row.derived = false;
        without_counters(row);
    });
    check_version("session", 4, &sessions(), without_counters);
    check_version("session", 5, &sessions(), |_| {});
    check_since("actions", &actions(), |row| row.taken_at = None);
    check_version("actions", 2, &actions(), |_| {});
    check_since("incidents", &incidents(), |row| {
        (row.well_since, row.closes_at) = (None, None);
        (row.no_action, row.no_action_until) = (None, None);
    });
    check_version("incidents", 2, &incidents(), |_| {});
    check("infra_metrics", &infra_metrics());
    check("dead_letters", &dead_letters());
}

#[test]
fn player_events_of_version_1_stay_readable() {
    let now = player_batch();
    let old = golden::stored("stored/player.v1.arrows", || encode(&now).unwrap());
    let old = decode(&old).unwrap();
    let (old, now) = (PlayerRows::new(&old).unwrap(), PlayerRows::new(&now).unwrap());
    assert_eq!(old.len(), 2);
    for row in 0..2 {
        // Digests may differ between versions; everything else must not. Version 1 had no column
        // for the source.
        let (old, now) = (old.get(row), now.get(row));
        assert_eq!(
            (old.source, now.source),
            [("cmcd_query", "cmcd_query"), ("cmcd", "events")][row]
        );
        let (digest, source) = (now.digest, now.source);
        assert_eq!(tallylight_schemas::player::PlayerEvent { digest, source, ..old }, now);
    }
    let first = old.get(0);
    assert_eq!((first.br_kbps, first.ltc_ms, first.country), (Some(600), Some(5_230), Some("DE")));
    assert_eq!((first.ec.as_deref(), first.mode), (Some("first"), Mode::Request));
    assert_eq!((old.get(1).ltc_ms, old.get(1).v, old.get(1).sn), (Some(900), 1, None));
}

/// A batch as the next version may write it: the same columns and more.
fn newer(batch: &RecordBatch) -> RecordBatch {
    let extra: ArrayRef = Arc::new(Int64Array::from(vec![Some(1); batch.num_rows()]));
    let field = Arc::new(Field::new("from_the_future", extra.data_type().clone(), true));
    let grow = |column: &ArrayRef| -> ArrayRef {
        let Some(group) = column.as_any().downcast_ref::<StructArray>() else {
            return column.clone();
        };
        let fields = group.fields().iter().cloned().chain([field.clone()]).collect();
        let columns = group.columns().iter().cloned().chain([extra.clone()]).collect();
        Arc::new(StructArray::new(fields, columns, group.nulls().cloned()))
    };
    let columns: Vec<ArrayRef> = batch.columns().iter().map(grow).chain([extra.clone()]).collect();
    let names = batch.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
    let fields: Vec<Field> = names
        .into_iter()
        .chain(["from_the_future".into()])
        .zip(&columns)
        .map(|(name, column)| Field::new(name, column.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

#[test]
fn columns_added_by_a_newer_version_are_ignored() {
    fn check<T: Stored + PartialEq + std::fmt::Debug>(items: &[T]) {
        let bytes = encode(&newer(&to_batch(items).unwrap())).unwrap();
        assert_eq!(decode_all::<T>(&bytes).unwrap(), items);
    }
    check(&deliveries());
    check(&door_fates());
    check(&playback());
    check(&delivery_rows());
    check(&fates_rows());
    check(&progress());
    let batch = player_batch();
    let (now, newer) = (PlayerRows::new(&batch).unwrap(), PlayerRows::new(&newer(&batch)).unwrap());
    assert_eq!(now.get(0), newer.get(0));
}

#[test]
fn columns_that_an_older_version_did_not_have_are_unknown() {
    let all = deliveries();
    let batch = to_batch(&all).unwrap();
    let event = batch.column_by_name("event").unwrap();
    let event = event.as_any().downcast_ref::<StructArray>().unwrap();
    let (fields, columns): (Vec<_>, Vec<_>) = std::iter::zip(event.fields(), event.columns())
        .filter(|(field, _)| field.name() != "cid")
        .map(|(field, column)| (field.clone(), column.clone()))
        .unzip();
    let event: ArrayRef = Arc::new(StructArray::new(fields.into(), columns, None));
    let mut columns = batch.columns().to_vec();
    let at = batch.schema().index_of("event").unwrap();
    let mut fields: Vec<Field> =
        batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields[at] = Field::new("event", event.data_type().clone(), false);
    columns[at] = event;
    let old = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let got: Vec<TenantDelivery> = decode_all(&encode(&old).unwrap()).unwrap();
    assert_eq!(
        (got[0].event.cid.clone(), got[0].event.sid.clone()),
        (None, all[0].event.sid.clone())
    );
}

#[test]
fn columns_of_wrong_types_are_an_error_and_missing_ones_are_unknown() {
    let batch = player_batch();
    for at in 0..batch.num_columns() {
        let mut without = batch.clone();
        without.remove_column(at);
        PlayerRows::new(&without).unwrap().get(0);
        let field = batch.schema().field(at).clone();
        let wrong: ArrayRef = Arc::new(arrow::array::Date32Array::from(vec![1, 2]));
        let of = Schema::new(vec![Field::new(field.name(), wrong.data_type().clone(), true)]);
        let wrong = RecordBatch::try_new(Arc::new(of), vec![wrong]).unwrap();
        let read = ["tenant", "mode", "sid", "ts", "br", "ec", "custom", "bg", "digest"];
        assert!(
            PlayerRows::new(&wrong).is_err() || !read.contains(&field.name().as_str()),
            "{} may be anything",
            field.name()
        );
    }
    let empty = RecordBatch::new_empty(Arc::new(Schema::empty()));
    assert!(PlayerRows::new(&empty).unwrap().is_empty());
    assert_eq!(PlayerRows::new(&empty).unwrap().get(9).sid, "");
}

#[test]
fn damaged_bytes_are_an_error() {
    let bytes = encode(&player_batch()).unwrap();
    for cut in 0..bytes.len() {
        if let Ok(batch) = decode(&bytes[..cut]) {
            PlayerRows::new(&batch).unwrap().get(0);
        }
    }
    assert!(decode(&[]).is_err());
    assert!(decode_all::<FateCount>(&bytes).is_err());
}
