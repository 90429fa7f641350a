//! What an hour of each table should hold: what the log says, with differences applied.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::RecordBatch;
use tallylight_schemas::ipc::{self, Stored};
use tallylight_schemas::rows::{DeliveryRow, Measures, PlaybackRow};
use tallylight_schemas::session::{SessionRow, SpanRow};
use tallylight_schemas::tables::{Table, conform};
use tallylight_store::archive::HistoryError;

use super::replay::Ends;
use super::truth::{Difference, PaneKey, add};

/// Structs as rows of their table.
pub(super) fn batch<T: Stored>(table: Table, rows: &[T]) -> Result<RecordBatch, HistoryError> {
    if rows.is_empty() {
        return Ok(RecordBatch::new_empty(table.schema()));
    }
    let batch = ipc::to_batch(rows).map_err(|error| HistoryError::Data(error.to_string()))?;
    Ok(conform(&batch, table)?)
}

/// The rows of a table about a range of event time (Unix µs).
pub(super) fn rows(
    table: Table,
    ends: &Ends,
    difference: &Difference,
    range: &Range<i64>,
) -> Result<RecordBatch, HistoryError> {
    match table {
        Table::Playback => batch(table, &playback(ends, difference, range)),
        Table::Delivery => batch(table, &delivery(ends, difference, range)),
        Table::Sessions => batch(table, &sessions(ends, difference, range)),
        _ => batch(table, &spans(ends, difference, range)),
    }
}

/// Whether a sum says nothing: then it is no row.
pub(super) fn is_nothing(row: &PlaybackRow) -> bool {
    row.measures == Measures::default()
        && row.startup_sketch.is_empty()
        && row.latency_sketch.is_empty()
}

fn playback(ends: &Ends, difference: &Difference, range: &Range<i64>) -> Vec<PlaybackRow> {
    let mut sums: BTreeMap<PaneKey, PlaybackRow> = BTreeMap::new();
    for row in ends.playback.iter().chain(difference.playback.values()) {
        if range.contains(&row.pane) {
            let key = (row.tenant.clone(), row.cuboid, row.pane, row.cell.clone());
            add(sums.entry(key), row, 1);
        }
    }
    sums.into_values().filter(|row| !is_nothing(row)).collect()
}

/// What names a row of delivery.
pub(super) type DeliveryKey = (String, i64, String, Option<String>, Option<String>, String, String);

pub(super) fn delivery_key(row: &DeliveryRow) -> DeliveryKey {
    (
        row.tenant.clone(),
        row.pane,
        row.service.clone(),
        row.edge.clone(),
        row.pipeline.clone(),
        row.track.clone(),
        row.action.clone(),
    )
}

fn delivery(ends: &Ends, difference: &Difference, range: &Range<i64>) -> Vec<DeliveryRow> {
    let mut sums: BTreeMap<DeliveryKey, DeliveryRow> = BTreeMap::new();
    for row in ends.delivery.iter().chain(&difference.delivery) {
        if range.contains(&row.pane) {
            match sums.get_mut(&delivery_key(row)) {
                Some(sum) => sum.merge(row, 1),
                None => {
                    sums.insert(delivery_key(row), row.clone());
                }
            }
        }
    }
    sums.into_values().collect()
}

fn sessions(ends: &Ends, difference: &Difference, range: &Range<i64>) -> Vec<SessionRow> {
    let counted = ends.sessions.iter().filter(|(key, _)| !difference.gone.contains_key(*key));
    let all = counted.map(|(_, row)| row).chain(difference.sessions.values());
    all.filter(|row| row.ended_at.is_some_and(|at| range.contains(&at))).cloned().collect()
}

fn spans(ends: &Ends, difference: &Difference, range: &Range<i64>) -> Vec<SpanRow> {
    let counted = ends.spans.iter().filter(|(key, _)| !difference.gone.contains_key(*key));
    let all = counted.flat_map(|(_, spans)| spans).chain(difference.spans.values().flatten());
    all.filter(|span| range.contains(&span.to)).cloned().collect()
}
