//! Repairs history for late facts: the rows of windows and sessions that they change are replaced,
//! table by table, each in one commit (ADR 23).

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int32Type;
use serde::{Deserialize, Serialize};
use tallylight_schemas::ipc::Stored;
use tallylight_schemas::rows::{DeliveryRow, PlaybackRow};
use tallylight_schemas::tables::Table;
use tallylight_store::history::{History, HistoryError, Repair, hour_of};

use super::columns;
use super::difference::{
    self, Difference, LONGEST_RUN_US, PaneKey, Wanted, add, pane_key, quiet_us, times,
};
use super::expect::batch;
use super::lateness::Moments;
use super::replay::SessionKey;
use super::{CHECKED, deliveries, final_rows};
use crate::pure::limits::Limits;
use crate::pure::rollup::Roll;
use crate::pure::watermark::HORIZON_MS;

/// The result of a repair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaired {
    /// Playbacks that changed.
    pub sessions: u64,
    /// Rows of panes that changed.
    pub panes: u64,
    /// Files written.
    pub files: u64,
    /// Sids whose late facts were not used: so late that a clock may be wrong, too many, or it is
    /// not known what was counted of them.
    pub left_out: u64,
    /// Rows that were not written, as the caps have removed their hours, or are about to.
    pub rows_left_out: u64,
}

/// Repairs everything that was read before `now_us` (log time, of which everything is in files).
/// Sessions that are not over by then wait for the next repair.
pub async fn repair(
    history: &History,
    limits: &Limits,
    now_us: i64,
) -> Result<Repaired, HistoryError> {
    let now_s = u64::try_from(now_us.div_euclid(1_000_000)).unwrap_or(0);
    let now_us = i64::try_from(now_s).unwrap_or(0) * 1_000_000;
    let moments = Moments::of(history, now_us).await?;
    let since = moments.first();
    let mut done = Repaired::default();
    if since >= now_us {
        return Ok(done);
    }
    let from = since - quiet_us(limits) - LONGEST_RUN_US;
    let sids = &difference::suspects(history, from, now_us).await?;
    // Panes without late reports since then have not changed.
    let panes_from = deliveries::oldest(history, &(since..now_us)).await?.unwrap_or(i64::MAX);
    let asked = Wanted { sids, at: &moments.all, since: Some(since), from, panes_from };
    let all = difference::differences(history, limits, &asked).await?;
    let now = &all[moments.last];
    for (table, at) in CHECKED.into_iter().zip(moments.repaired) {
        let mut change = Change::new(table, &all[at], now)?;
        if table == Table::Playback {
            done.panes = change.panes.len() as u64;
        }
        if table == Table::Sessions {
            done.sessions = now.sessions.len() as u64;
        }
        let before_s = u64::try_from(moments.all[at].div_euclid(1_000_000)).unwrap_or(0);
        let mended = history.repair(table, (before_s, now_s), &mut change).await?;
        done.files += mended.files as u64;
        done.rows_left_out += mended.left_out as u64;
    }
    done.left_out = now.left_out;
    if done.left_out > 0 || done.rows_left_out > 0 {
        tracing::warn!(?done, "a repair left out what is not to be believed, or not kept");
    }
    Ok(done)
}

/// The change of one table.
struct Change {
    table: Table,
    panes: BTreeMap<PaneKey<PlaybackRow>, PlaybackRow>,
    delivery: BTreeMap<PaneKey<DeliveryRow>, DeliveryRow>,
    /// The starts of changed panes, Unix µs.
    starts: BTreeSet<i64>,
    gone: BTreeMap<SessionKey, (i64, i64)>,
    /// New rows of sessions or spans, by the hour of their folder.
    new: BTreeMap<i64, RecordBatch>,
}

impl Change {
    fn new(table: Table, before: &Difference, now: &Difference) -> Result<Self, HistoryError> {
        let (panes, delivery) = (BTreeMap::new(), BTreeMap::new());
        let (starts, gone) = (BTreeSet::new(), BTreeMap::new());
        let mut change = Self { table, panes, delivery, starts, gone, new: BTreeMap::new() };
        match table.kin() {
            Table::Playback => change.of_playback(before, now),
            Table::Delivery => change.of_delivery(before, now),
            _ => change.of_sessions(before, now)?,
        }
        Ok(change)
    }

    fn of_playback(&mut self, before: &Difference, now: &Difference) {
        for (rows, sign) in [(&before.playback, -1), (&now.playback, 1)] {
            for row in rows.values() {
                // What is added to a pane is added to the wider ones around it.
                let row = self.table.rolled().map_or_else(|| row.clone(), |(_, s)| row.widened(s));
                add(self.panes.entry(pane_key(&row)), &row, sign);
            }
        }
        self.panes.retain(|_, row| !row.is_nothing());
        self.starts.extend(self.panes.values().map(|row| row.pane));
    }

    fn of_delivery(&mut self, before: &Difference, now: &Difference) {
        for (rows, sign) in [(&before.delivery, -1), (&now.delivery, 1)] {
            for row in rows {
                let row = self.table.rolled().map_or_else(|| row.clone(), |(_, s)| row.widened(s));
                let sum = self.delivery.entry(pane_key(&row)).or_insert_with(|| {
                    let mut nothing = row.clone();
                    nothing.merge(&row, -1);
                    nothing
                });
                sum.merge(&row, sign);
            }
        }
        self.delivery.retain(|_, row| !row.is_nothing());
        self.starts.extend(self.delivery.values().map(|row| row.pane));
    }

    fn of_sessions(&mut self, before: &Difference, now: &Difference) -> Result<(), HistoryError> {
        self.gone = now.gone.clone();
        self.gone.extend(times(&before.sessions, &before.spans));
        let hour = |us: i64| hour_of(us + HORIZON_MS * 1_000);
        self.new = if self.table == Table::Sessions {
            by_hour(self.table, now.sessions.values().cloned(), |row| hour(row.last_seen))?
        } else {
            by_hour(self.table, now.spans.values().flatten().cloned(), |row| hour(row.to))?
        };
        Ok(())
    }

    /// Rows of windows with the changes added to them.
    fn added<R: Roll + Stored>(
        &self,
        rows: Vec<R>,
        waiting: &mut BTreeMap<PaneKey<R>, R>,
        add: impl Fn(&mut R, &R),
    ) -> Result<Option<RecordBatch>, HistoryError> {
        let mut changed = false;
        let mut out = Vec::with_capacity(rows.len());
        for mut row in rows {
            if let Some(more) = waiting.remove(&pane_key(&row)) {
                add(&mut row, &more);
                changed = true;
            }
            if !row.is_nothing() {
                out.push(row);
            }
        }
        if changed { batch(self.table, &out).map(Some) } else { Ok(None) }
    }
}

/// Final rows of a table, by the hour of their folder: each row as a batch of its own would take
/// far more memory.
fn by_hour<T: Stored>(
    table: Table,
    rows: impl Iterator<Item = T>,
    hour: impl Fn(&T) -> i64,
) -> Result<BTreeMap<i64, RecordBatch>, HistoryError> {
    let mut hours: BTreeMap<i64, Vec<T>> = BTreeMap::new();
    for row in rows {
        hours.entry(hour(&row)).or_default().push(row);
    }
    hours.into_iter().map(|(hour, rows)| Ok((hour, final_rows(table, &rows)?))).collect()
}

/// Which rows of sessions or spans stay.
fn staying(
    rows: &RecordBatch,
    gone: &BTreeMap<SessionKey, (i64, i64)>,
) -> Result<BooleanArray, HistoryError> {
    let missing = || HistoryError::Data("a file of sessions does not name them".to_owned());
    let column = |name: &str| rows.column_by_name(name).ok_or_else(missing);
    let text = |name: &str| column(name)?.as_string_opt::<i32>().ok_or_else(missing);
    let (tenants, sids): (&StringArray, &StringArray) = (text("tenant")?, text("sid")?);
    let epochs = column("epoch")?.as_primitive_opt::<Int32Type>().ok_or_else(missing)?;
    let stays = |row: usize| {
        let epoch = u32::try_from(epochs.value(row)).unwrap_or(0);
        !gone.contains_key(&(tenants.value(row).to_owned(), sids.value(row).to_owned(), epoch))
    };
    Ok((0..rows.num_rows()).map(|row| Some(stays(row))).collect())
}

impl Repair for Change {
    fn concerns(&self, range: Option<(i64, i64)>) -> bool {
        let Some((least, greatest)) = range else {
            return !self.starts.is_empty() || !self.gone.is_empty();
        };
        self.starts.range(least..=greatest).next().is_some()
            || self.gone.values().any(|(from, to)| *from <= greatest && least <= *to)
    }

    fn edit(&mut self, rows: &RecordBatch) -> Result<Option<RecordBatch>, HistoryError> {
        match self.table.kin() {
            Table::Playback => {
                let mut waiting = std::mem::take(&mut self.panes);
                let rows = columns::playback(rows)?;
                let edited = self.added(rows, &mut waiting, |sum, row| sum.merge(row, 1));
                self.panes = waiting;
                edited
            }
            Table::Delivery => {
                let mut waiting = std::mem::take(&mut self.delivery);
                let rows = columns::delivery(rows)?;
                let edited = self.added(rows, &mut waiting, |sum, row| sum.merge(row, 1));
                self.delivery = waiting;
                edited
            }
            _ => {
                let stays = staying(rows, &self.gone)?;
                let all = stays.true_count() == rows.num_rows();
                Ok(if all { None } else { Some(filter_record_batch(rows, &stays)?) })
            }
        }
    }

    fn rest(&mut self) -> Result<BTreeMap<i64, RecordBatch>, HistoryError> {
        let hour = |pane: i64, width_s: u32| {
            hour_of(pane + (i64::from(width_s) * 1_000 + HORIZON_MS) * 1_000)
        };
        match self.table.kin() {
            Table::Playback => {
                let rows = std::mem::take(&mut self.panes).into_values();
                by_hour(self.table, rows, |row| hour(row.pane, row.width_s))
            }
            Table::Delivery => {
                let rows = std::mem::take(&mut self.delivery).into_values();
                by_hour(self.table, rows, |row| hour(row.pane, row.width_s))
            }
            _ => Ok(std::mem::take(&mut self.new)),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::compute::concat_batches;
    use tallylight_schemas::rows::{Cell, Cuboid, Measures};
    use tallylight_schemas::session::SessionRow;

    use super::*;

    #[test]
    fn rows_that_no_file_had_are_in_one_batch_for_each_hour() {
        let second = |n: i64| PlaybackRow {
            tenant: "demo".into(),
            partition: 0,
            pane: n * 1_000_000,
            width_s: 1,
            cuboid: Cuboid::Content,
            cell: Cell::default(),
            measures: Measures { events: n + 1, ..Measures::default() },
            startup_sketch: Default::default(),
            latency_sketch: Default::default(),
            r#final: true,
            version: 0,
            metrics_version: 1,
        };
        let panes: Vec<PlaybackRow> = (0..7_200).map(second).collect();
        let viewer = |n: i64| SessionRow { last_seen: n * 1_000_000, ..SessionRow::default() };
        let keyed = |n: i64| ((String::new(), format!("{n:04}"), 0), viewer(n));
        let now = Difference {
            playback: panes.iter().map(|row| (pane_key(row), row.clone())).collect(),
            sessions: (0..7_200).map(keyed).collect(),
            ..Difference::default()
        };
        let sessions: Vec<SessionRow> = now.sessions.values().cloned().collect();
        // A pane is written when it is final, two minutes after its end.
        let wanted = [
            (final_rows(Table::Playback, &panes), [3_479_usize, 3_600, 121]),
            (final_rows(Table::Sessions, &sessions), [3_480_usize, 3_600, 120]),
        ];
        for (table, (all, counts)) in [Table::Playback, Table::Sessions].into_iter().zip(wanted) {
            let change = Change::new(table, &Difference::default(), &now);
            let hours = change.unwrap().rest().unwrap();
            assert!(hours.keys().copied().eq(0..3_i64));
            assert!(hours.values().map(RecordBatch::num_rows).eq(counts), "{}", table.name());
            assert_eq!(concat_batches(&table.schema(), hours.values()).unwrap(), all.unwrap());
        }
    }
}
