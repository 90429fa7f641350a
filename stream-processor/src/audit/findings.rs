//! Checks all of history, or some hours of it, at once.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use tallylight_store::history::{History, HistoryError};

use super::{Audit, ROWS_AT_ONCE, Report};
use crate::pure::limits::Limits;

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
        (wanted, until): (Range<i64>, i64),
        rows_at_once: i64,
    ) -> Result<Option<Findings>, HistoryError> {
        let Some(mut audit) = Self::begin(history, partitions, limits, 0).await? else {
            return Ok(None);
        };
        audit.rows_at_once = rows_at_once.max(1);
        let lateness = audit.lateness(i64::MIN, i64::MAX).await?;
        let mut found = Findings { until, ..Findings::default() };
        for hour in audit.hours(until).await? {
            if wanted.contains(&hour) {
                found.reports.extend(audit.check(hour, until, &lateness).await?);
            }
        }
        let sum = |of: fn(&Report) -> u64| found.reports.iter().map(of).sum();
        (found.rows, found.drift, found.late) =
            (sum(|report| report.rows), sum(|report| report.drift), sum(|report| report.late));
        Ok(Some(found))
    }
}
