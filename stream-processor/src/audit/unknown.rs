//! Sessions whose beginning is not among the facts: those that began before what is left of them.

use std::collections::BTreeSet;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use tallylight_schemas::tables::Table;
use tallylight_store::archive::{History, HistoryError};

use super::HOUR_US;
use super::facts::moment;

/// A pane that one of them can be in ends this long after its last record at the latest, µs.
const PANE_US: i64 = 10_000_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    /// By tenant and sid.
    sids: BTreeSet<(String, String)>,
    /// In panes from here on, Unix µs, there is none of them.
    gone_at: Option<i64>,
}

impl Unknown {
    /// Where facts begin in this hour; whoever is silent for `quiet_us` is over and forgotten.
    pub(super) async fn find(
        history: &History,
        first_hour: i64,
        quiet_us: i64,
    ) -> Result<Self, HistoryError> {
        let (start, mut found) = (first_hour * HOUR_US, Self::default());
        let began = moment(start);
        let sql = format!("SELECT tenant, sid, ended_at FROM rows WHERE started_at < {began}");
        found.add(&history.select(Table::Sessions, &sql).await?);
        let expired = history.expired(Table::PlayerEvents).await?;
        if expired.is_some_and(|hour| hour >= first_hour) {
            // Facts were cut off: of whoever is heard then, some may be from before, also of one who
            // is there still or never started, of whom `sessions` says nothing.
            let heard = format!("logged_at < {}", moment(start + quiet_us));
            let sql = format!(
                "SELECT tenant, sid, max(logged_at) FROM rows WHERE sid IN \
                 (SELECT sid FROM rows WHERE {heard}) GROUP BY tenant, sid"
            );
            found.add(&history.select(Table::PlayerEvents, &sql).await?);
        }
        Ok(found)
    }

    /// Adds sessions with the last time that is known of each.
    fn add(&mut self, answer: &[RecordBatch]) {
        for batch in answer {
            let (tenants, sids) =
                (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
            let ends = batch.column(2).as_primitive::<TimestampMicrosecondType>();
            for row in 0..batch.num_rows() {
                self.sids.insert((tenants.value(row).into(), sids.value(row).into()));
                self.gone_at = self.gone_at.max(Some(ends.value(row) + PANE_US));
            }
        }
    }

    /// Where panes can be checked from, Unix µs: at `from`, or later.
    pub(super) fn panes_from(&self, from: i64) -> i64 {
        self.gone_at.map_or(from, |gone_at| gone_at.max(from))
    }

    /// These sids without them.
    pub(super) fn without(&self, sids: &BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
        sids.difference(&self.sids).cloned().collect()
    }

    /// Rows without theirs; rows that are of no session stay.
    pub(super) fn leave_out(&self, rows: RecordBatch) -> Result<RecordBatch, HistoryError> {
        let (Some(tenants), Some(sids)) =
            (rows.column_by_name("tenant"), rows.column_by_name("sid"))
        else {
            return Ok(rows);
        };
        let (tenants, sids) = (tenants.as_string::<i32>(), sids.as_string::<i32>());
        let known = |row: usize| {
            !self.sids.contains(&(tenants.value(row).to_owned(), sids.value(row).to_owned()))
        };
        let mask: BooleanArray = (0..rows.num_rows()).map(|row| Some(known(row))).collect();
        Ok(filter_record_batch(&rows, &mask)?)
    }
}
