//! Repairs history for late facts: the rows of windows and sessions that they change are replaced,
//! table by table, each in one commit (ADR 23).

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::{concat_batches, filter_record_batch};
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
    new: RecordBatch,
    new_hours: Vec<i64>,
}

impl Change {
    fn new(table: Table, before: &Difference, now: &Difference) -> Result<Self, HistoryError> {
        let none = RecordBatch::new_empty(table.schema());
        let (panes, delivery) = (BTreeMap::new(), BTreeMap::new());
        let (starts, gone) = (BTreeSet::new(), BTreeMap::new());
        let mut change =
            Self { table, panes, delivery, starts, gone, new: none, new_hours: Vec::new() };
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
        if self.table == Table::Sessions {
            let rows: Vec<_> = now.sessions.values().cloned().collect();
            self.new_hours = rows.iter().map(|row| hour(row.last_seen)).collect();
            self.new = final_rows(self.table, &rows)?;
        } else {
            let rows: Vec<_> = now.spans.values().flatten().cloned().collect();
            self.new_hours = rows.iter().map(|row| hour(row.to)).collect();
            self.new = final_rows(self.table, &rows)?;
        }
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
        let mut hours: BTreeMap<i64, Vec<RecordBatch>> = BTreeMap::new();
        for row in std::mem::take(&mut self.panes).into_values() {
            let at = hour(row.pane, row.width_s);
            let row = PlaybackRow { r#final: true, ..row };
            hours.entry(at).or_default().push(batch(self.table, &[row])?);
        }
        for row in std::mem::take(&mut self.delivery).into_values() {
            let at = hour(row.pane, row.width_s);
            hours.entry(at).or_default().push(batch(self.table, &[row])?);
        }
        for (row, hour) in self.new_hours.iter().enumerate() {
            hours.entry(*hour).or_default().push(self.new.slice(row, 1));
        }
        let join = |(hour, rows): (i64, Vec<RecordBatch>)| {
            Ok((hour, concat_batches(&self.table.schema(), &rows)?))
        };
        hours.into_iter().map(join).collect()
    }
}
