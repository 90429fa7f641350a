//! If there are more values than cells, the times of the contests decide which values have a cell
//! (ADR 28). Contests follow log time, which is also moved by entries that are not in history. The
//! sum over all cells of a pane does not depend on them, so a pane with a row for the rest is
//! checked as one row.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use tallylight_schemas::rows::{Cuboid, PlaybackRow};
use tallylight_schemas::tables::{Table, conform};
use tallylight_store::history::HistoryError;

use super::{columns, expect};
use crate::pure::limits::OTHER;
use crate::pure::window::other_cell;

/// A pane by tenant, cuboid and start.
type Pane = (String, Cuboid, i64);

/// The rows of a table: as they are, and both ways as they should be.
pub(super) struct Sides {
    pub(super) kept: RecordBatch,
    pub(super) counted: RecordBatch,
    pub(super) truth: RecordBatch,
}

impl Sides {
    pub(super) fn new(
        table: Table,
        kept: &[RecordBatch],
        counted: RecordBatch,
        truth: RecordBatch,
    ) -> Result<Self, HistoryError> {
        let kept = kept.iter().map(|batch| conform(batch, table)).collect::<Result<Vec<_>, _>>()?;
        let kept = concat_batches(&table.schema(), &kept)?;
        Ok(Self { kept, counted, truth })
    }

    /// With one row for each pane in which not every value has a cell.
    pub(super) fn by_pane_where_contested(self, table: Table) -> Result<Self, HistoryError> {
        let Self { kept, counted, truth } = self;
        if table.kin() != Table::Playback || ![&kept, &counted, &truth].into_iter().any(has_rest) {
            return Ok(Self { kept, counted, truth });
        }
        let [kept, counted, truth] = [&kept, &counted, &truth].map(columns::playback);
        let all = [kept?, counted?, truth?];
        let rest = all.iter().flatten().filter(|row| is_rest(row));
        let panes: BTreeSet<Pane> = rest.map(pane).collect();
        let [kept, counted, truth] = all.map(|rows| expect::batch(table, &folded(rows, &panes)));
        Ok(Self { kept: kept?, counted: counted?, truth: truth? })
    }
}

fn pane(row: &PlaybackRow) -> Pane {
    (row.tenant.clone(), row.cuboid, row.pane)
}

/// Whether there may be a row for the rest; every cuboid has one of these columns.
fn has_rest(rows: &RecordBatch) -> bool {
    ["content", "edge", "player"].into_iter().any(|name| {
        let texts: Option<&StringArray> =
            rows.column_by_name(name).and_then(|column| column.as_string_opt());
        texts.is_some_and(|texts| texts.iter().flatten().any(|text| text == OTHER))
    })
}

fn is_rest(row: &PlaybackRow) -> bool {
    row.cell == other_cell(row.cuboid)
}

/// The rows of these panes, merged into one for each.
fn folded(rows: Vec<PlaybackRow>, panes: &BTreeSet<Pane>) -> Vec<PlaybackRow> {
    let (contested, mut out): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| panes.contains(&pane(row)));
    let mut sums: BTreeMap<Pane, PlaybackRow> = BTreeMap::new();
    for mut row in contested {
        row.cell = other_cell(row.cuboid);
        let sum = sums.entry(pane(&row));
        sum.and_modify(|sum| sum.merge(&row, 1)).or_insert(row);
    }
    out.extend(sums.into_values());
    out
}
