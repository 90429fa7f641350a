//! The rows that an hour of each table should have: those of the replay, with differences applied.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use tallylight_schemas::ipc::{self, Stored};
use tallylight_schemas::rows::{DeliveryRow, PlaybackRow};
use tallylight_schemas::session::{SessionRow, SpanRow};
use tallylight_schemas::tables::{Table, conform};
use tallylight_store::history::HistoryError;

use super::columns;
use super::difference::{Difference, PaneKey, add, pane_key};
use super::replay::Ends;
use crate::pure::rollup::{Roll, Wide};

/// Structs as rows of their table.
pub(super) fn batch<T: Stored>(table: Table, rows: &[T]) -> Result<RecordBatch, HistoryError> {
    if rows.is_empty() {
        return Ok(RecordBatch::new_empty(table.schema()));
    }
    let batch = ipc::to_batch(rows).map_err(|error| HistoryError::Data(error.to_string()))?;
    Ok(conform(&batch, table)?)
}

/// The rows of a table, not of wider panes, in a range of event time (Unix µs).
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

fn playback(ends: &Ends, difference: &Difference, range: &Range<i64>) -> Vec<PlaybackRow> {
    let mut sums: BTreeMap<PaneKey<PlaybackRow>, PlaybackRow> = BTreeMap::new();
    for row in ends.playback.iter().chain(difference.playback.values()) {
        if range.contains(&row.pane) {
            add(sums.entry(pane_key(row)), row, 1);
        }
    }
    sums.into_values().filter(|row| !row.is_nothing()).collect()
}

/// Rows of a table of wider panes, summed up piece by piece.
pub(super) enum Sums {
    Playback(Wide<PlaybackRow>),
    Delivery(Wide<DeliveryRow>),
}

impl Sums {
    /// Two empty ones for a table; `None` if its panes are not rolled up.
    pub(super) fn both(table: Table) -> Option<[Self; 2]> {
        let (_, width_s) = table.rolled()?;
        Some(match table.kin() {
            Table::Playback => [(); 2].map(|()| Self::Playback(Wide::new(width_s))),
            _ => [(); 2].map(|()| Self::Delivery(Wide::new(width_s))),
        })
    }

    /// Adds the rows expected in a range of event time (Unix µs).
    pub(super) fn add(&mut self, ends: &Ends, difference: &Difference, range: &Range<i64>) {
        match self {
            Self::Playback(sums) => {
                playback(ends, difference, range).iter().for_each(|row| sums.add(row));
            }
            Self::Delivery(sums) => {
                delivery(ends, difference, range).iter().for_each(|row| sums.add(row));
            }
        }
    }

    /// Takes out the rows of panes that end at or before `end`, Unix µs.
    pub(super) fn take(&mut self, table: Table, end: i64) -> Result<RecordBatch, HistoryError> {
        match self {
            Self::Playback(sums) => batch(table, &sums.take(end)),
            Self::Delivery(sums) => batch(table, &sums.take(end)),
        }
    }
}

/// Merges rows into the wider panes of a table.
fn widened<R: Roll>(table: Table, rows: &[R]) -> Vec<R> {
    let width_s = table.rolled().map_or(1, |(_, width_s)| width_s);
    let mut wide = Wide::new(width_s);
    rows.iter().for_each(|row| wide.add(row));
    wide.take(i64::MAX)
}

/// Rows of a table of wider panes, with those of one pane and key merged.
pub(super) fn joined(table: Table, kept: &[RecordBatch]) -> Result<RecordBatch, HistoryError> {
    let kept = kept.iter().map(|rows| Ok(conform(rows, table)?));
    let kept: Vec<RecordBatch> = kept.collect::<Result<_, HistoryError>>()?;
    let kept = concat_batches(&table.schema(), &kept)?;
    match table.kin() {
        Table::Playback => batch(table, &widened(table, &columns::playback(&kept)?)),
        _ => batch(table, &widened(table, &columns::delivery(&kept)?)),
    }
}

fn delivery(ends: &Ends, difference: &Difference, range: &Range<i64>) -> Vec<DeliveryRow> {
    let mut sums: BTreeMap<PaneKey<DeliveryRow>, DeliveryRow> = BTreeMap::new();
    for row in ends.delivery.iter().chain(&difference.delivery) {
        if range.contains(&row.pane) {
            let sum = sums.entry(pane_key(row));
            sum.and_modify(|sum| sum.merge(row, 1)).or_insert_with(|| row.clone());
        }
    }
    sums.into_values().collect()
}

/// Rows of history, summed over the shards.
pub(super) fn summed(
    table: Table,
    kept: Vec<RecordBatch>,
) -> Result<Vec<RecordBatch>, HistoryError> {
    let (mut ends, all) = (Ends::default(), i64::MIN..i64::MAX);
    for rows in &kept {
        match table {
            Table::Playback => ends.playback.extend(columns::playback(rows)?),
            Table::Delivery => ends.delivery.extend(columns::delivery(rows)?),
            _ => return Ok(kept),
        }
    }
    Ok(vec![rows(table, &ends, &Difference::default(), &all)?])
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
