//! The tables of history: their documentation page, their columns, and conversion of rows.

use std::collections::HashSet;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use tallylight_schemas::tables::{Table, conform, markdown};
use tallylight_schemas::{fates, ipc};

use crate::{golden, samples};

#[test]
fn the_page_is_the_definition() {
    golden::check("../../../docs/tables.md", &markdown());
}

/// The table is part of a page that is otherwise written by hand.
#[test]
fn the_table_of_reasons_is_the_definition() {
    const PAGE: &str = "../../../docs/collector.md";
    let (page, table) = (std::fs::read_to_string(golden::path(PAGE)).unwrap(), fates::markdown());
    let (before, rest) = page.split_once(table.lines().next().unwrap()).unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    golden::check(PAGE, &format!("{before}{table}\n{after}"));
}

#[test]
fn names_are_unique_and_every_column_is_described() {
    for table in Table::ALL {
        let mut names = HashSet::new();
        for column in table.columns() {
            assert!(names.insert(column.name), "{}.{} is there twice", table.name(), column.name);
            assert!(column.about.len() > 3, "{}.{}", table.name(), column.name);
        }
        assert!(table.sorted_by().iter().all(|by| names.contains(by)), "{}", table.name());
        assert_eq!(Table::from_name(table.name()), Some(table));
    }
}

#[test]
fn outsiders_find_the_columns_that_they_rely_on() {
    let has = |table: Table, names: &str| {
        for name in names.split(", ") {
            assert!(table.schema().field_with_name(name).is_ok(), "{}.{name}", table.name());
        }
    };
    has(
        Table::Sessions,
        "tenant, sid, epoch, cid, device, os, player, country, asn, edge, pipeline, started_at, \
         first_frame_at, ended_at, outcome, startup_ms, playing_ms, rebuffering_ms, \
         rebuffer_count, seeking_ms, avg_bitrate_kbps, switches, live_latency_ms, error_code, \
         events, lost_events, late_events",
    );
    has(
        Table::Playback,
        "tenant, pane, width_s, cuboid, content, edge, pipeline, rendition, country, device, \
         viewers, attempts, starts, start_failures, exits_before_start, failures, playing_ms, \
         rebuffering_ms, rebuffer_count, startup_sketch, final",
    );
    has(
        Table::Delivery,
        "tenant, pane, width_s, edge, pipeline, track, requests, bytes, errors, hits, \
         ttfb_sketch, held_ms, final",
    );
    has(Table::Fates1s, "pane, tenant, source, fate, reason, events");
    has(Table::Actions, "at, kind, target, share, evidence, forecast, undo_of, outcome, by");
    has(Table::Incidents, "id, opened_at, closed_at, cause, cohort, evidence, owner, state");
    has(Table::PlayerEvents, "tenant, ts, received_at, fate, reason, sid, cid, sta, br, e, sn");
    has(Table::DeadLetters, "tenant, received_at, source, reason, record, log_id, offset, part");
    has(Table::PlayerEvents, "log_id, partition, offset, row");
}

#[test]
fn players_columns_are_kept_and_the_rest_is_unknown() {
    let batch = samples::player_batch();
    let rows = conform(&batch, Table::PlayerEvents).unwrap();
    assert_eq!(rows.num_rows(), batch.num_rows());
    let (from, to) = (batch.column_by_name("ts").unwrap(), rows.column_by_name("ts").unwrap());
    let (from, to) =
        (from.as_primitive::<Int64Type>(), to.as_primitive::<TimestampMicrosecondType>());
    for row in 0..from.len() {
        assert_eq!(from.is_valid(row), to.is_valid(row));
        assert!(from.is_null(row) || from.value(row) * 1_000 == to.value(row));
    }
    assert_eq!(rows.column_by_name("asn").unwrap().null_count(), rows.num_rows());
}

#[test]
fn rows_of_windows_are_flat_and_their_sketches_are_bins() {
    let batch = ipc::to_batch(&[samples::playback().remove(0)]).unwrap();
    let row = samples::playback().remove(0);
    let rows = conform(&batch, Table::Playback).unwrap();
    let int = |name: &str| rows.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(0);
    assert_eq!(int("viewers"), row.measures.viewers);
    assert_eq!(int("bitrate_kbps_ms"), row.measures.bitrate_kbps_ms);
    let pane = rows.column_by_name("pane").unwrap().as_primitive::<TimestampMicrosecondType>();
    assert_eq!(pane.value(0), row.pane);
    let content = rows.column_by_name("content").unwrap().as_string::<i32>();
    assert_eq!(content.is_valid(0).then(|| content.value(0)), row.cell.content.as_deref());
    let sketch = rows.column_by_name("startup_sketch").unwrap().as_list::<i32>().value(0);
    let bins = sketch.as_struct();
    let (bin, count) = (bins.column_by_name("bin").unwrap(), bins.column_by_name("count").unwrap());
    let want = row.startup_sketch.bins();
    assert_eq!(sketch.len(), want.len());
    for (at, one) in want.iter().enumerate() {
        assert_eq!(bin.as_primitive::<Int32Type>().value(at), one.i);
        assert_eq!(count.as_primitive::<Int64Type>().value(at), one.n);
    }
}
