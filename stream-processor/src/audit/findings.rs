//! Checks all of history, or some hours of it, at once.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use tallylight_store::history::{History, HistoryError};

use super::{Audit, ROWS_AT_ONCE, Report};
use crate::pure::limits::Limits;

/// How often an audit begins at most, as the caps remove facts that it has yet to read. They remove
/// an hour at a time, and it begins at the next one.
const BEGINS: usize = 3;

/// The findings of an audit of many hours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Everything read before this log time was checked, Unix µs.
    pub until: i64,
    /// Rows that were compared. Without any, the audit has not shown that history is correct.
    pub rows: u64,
    /// Rows that drift: a fault.
    pub drift: u64,
    /// Rows that would be different had nothing arrived late, and are not repaired yet.
    pub late: u64,
    /// One report for each hour and table.
    pub reports: Vec<Report>,
}

impl Audit {
    /// Checks the hours of event time in `wanted`, as far as everything that was read before
    /// `until` (log time, Unix µs) settles them; `None` when history has no facts.
    pub async fn all(
        history: &History,
        partitions: u16,
        limits: &Limits,
        asked: (Range<i64>, i64),
    ) -> Result<Option<Findings>, HistoryError> {
        Self::all_by(history, partitions, limits, asked, ROWS_AT_ONCE).await
    }

    /// The same, with about this many rows of a table in memory at once.
    pub async fn all_by(
        history: &History,
        partitions: u16,
        limits: &Limits,
        (mut wanted, until): (Range<i64>, i64),
        rows_at_once: i64,
    ) -> Result<Option<Findings>, HistoryError> {
        let mut found = Findings { until, ..Findings::default() };
        let mut begun = 0;
        loop {
            let Some(mut audit) = Self::begin(history, partitions, limits, 0).await? else {
                return Ok(None);
            };
            audit.rows_at_once = rows_at_once.max(1);
            begun += 1;
            match audit.go_through(&mut wanted, &mut found).await {
                Err(HistoryError::Moved(_)) if begun < BEGINS => {}
                gone_through => {
                    gone_through?;
                    break;
                }
            }
        }
        let sum = |of: fn(&Report) -> u64| found.reports.iter().map(of).sum();
        (found.rows, found.drift, found.late) =
            (sum(|report| report.rows), sum(|report| report.drift), sum(|report| report.late));
        Ok(Some(found))
    }

    /// Adds the findings of hours to those `found`; of each hour that was checked nothing more is
    /// `wanted`.
    async fn go_through(
        &mut self,
        wanted: &mut Range<i64>,
        found: &mut Findings,
    ) -> Result<(), HistoryError> {
        let late = (i64::MIN, i64::MAX);
        let mut lateness = self.lateness(late.0, late.1).await?;
        for hour in self.hours(found.until).await? {
            if wanted.contains(&hour) {
                let late = (&mut lateness, late);
                found.reports.extend(self.check_steady(hour, found.until, late).await?);
                wanted.start = hour + 1;
            }
        }
        Ok(())
    }
}
