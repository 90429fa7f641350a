//! Sessions whose beginning is not among the facts: they began before the oldest ones left.

use std::collections::BTreeSet;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{History, HistoryError};

use super::facts::{moment, sids};
use super::{HOUR_US, WIDEST_PANE_US, time};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    /// By tenant and sid.
    sids: BTreeSet<(String, String)>,
    /// None of them is in panes from here on, Unix µs.
    gone_at: Option<i64>,
}

impl Unknown {
    /// Finds them if facts begin in this hour; sessions silent for `quiet_us` are forgotten.
    pub(super) async fn find(
        history: &History,
        first_hour: i64,
        quiet_us: i64,
    ) -> Result<Self, HistoryError> {
        let mut found = Self::default();
        let began = moment(first_hour * HOUR_US);
        let sql = format!("SELECT tenant, sid, ended_at FROM rows WHERE started_at < {began}");
        found.add(&history.select(Table::Sessions, &sql).await?, i64::MAX);
        let expired = history.expired(Table::PlayerEvents).await?;
        if let Some(hour) = expired.filter(|hour| *hour >= first_hour) {
            found.find_cut_off(history, hour * HOUR_US, quiet_us).await?;
        }
        Ok(found)
    }

    /// Facts before `start` (Unix µs) were removed: a session seen soon after may have begun
    /// before, also one that is still open or never started, which `sessions` does not show.
    async fn find_cut_off(
        &mut self,
        history: &History,
        start: i64,
        quiet_us: i64,
    ) -> Result<(), HistoryError> {
        let soon = moment(start + quiet_us);
        let of = "PARTITION BY tenant, sid ORDER BY logged_at";
        let quiet_s = quiet_us / 1_000_000;
        // Until the first silence: a session that returns after it is known.
        let sql = format!(
            "SELECT tenant, sid, max(logged_at) FROM ( \
               SELECT *, sum(CASE WHEN gap THEN 1 ELSE 0 END) OVER ({of}) AS run FROM ( \
                 SELECT tenant, sid, logged_at, logged_at - lag(logged_at) OVER ({of}) \
                   > INTERVAL '{quiet_s} seconds' AS gap \
                 FROM rows WHERE sid IN (SELECT sid FROM rows WHERE logged_at < {soon}))) \
             WHERE run = 0 GROUP BY tenant, sid HAVING min(logged_at) < {soon}"
        );
        let newest = "SELECT max(logged_at) FROM rows";
        for table in [Table::PlayerEvents, Table::DeliveryEvents] {
            let newest = time(history, table, newest).await?.unwrap_or(i64::MAX);
            self.add(&history.select(table, &sql).await?, newest.saturating_sub(quiet_us));
        }
        // A sid whose first playback is not among the facts gets other numbers in a replay.
        let sql = "SELECT tenant, sid FROM rows GROUP BY tenant, sid HAVING min(epoch) > 0";
        for batch in history.select(Table::PlayerEvents, sql).await? {
            self.sids.extend(sids(&batch));
        }
        Ok(())
    }

    /// Adds sessions with the last known time of each; after `open` they may continue.
    fn add(&mut self, answer: &[RecordBatch], open: i64) {
        for batch in answer {
            self.sids.extend(sids(batch));
            for &end in batch.column(2).as_primitive::<TimestampMicrosecondType>().values() {
                // The last pane that one of them can be in ends this much later.
                let after = end.saturating_add(WIDEST_PANE_US);
                let gone_at = if end >= open { i64::MAX } else { after };
                self.gone_at = self.gone_at.max(Some(gone_at));
            }
        }
    }

    /// From where panes can be checked, Unix µs: `from` or later.
    pub(super) fn panes_from(&self, from: i64) -> i64 {
        self.gone_at.map_or(from, |gone_at| gone_at.max(from))
    }

    /// The given sids without these.
    pub(super) fn without(&self, sids: &BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
        sids.difference(&self.sids).cloned().collect()
    }

    /// The given rows without those of these; rows without a session stay.
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
