//! Repairs and the caps change history while it is checked. If rows drift, and a repair or the caps
//! changed them since the check began, the hour is checked again as it is now.

use tallylight_schemas::tables::Table;
use tallylight_store::history::{History, HistoryError, hour_name};

use super::lateness::{Lateness, Moments};
use super::reading::Reading;
use super::{Audit, CHECKED, Report};

/// How often an hour is checked at most: a repair commits table by table, and each commit can fall
/// into a check.
const TRIES: usize = CHECKED.len() + 1;

/// The hours of log time, by their numbers, before which the caps removed rows of tables; 0 where
/// they removed nothing.
pub(super) async fn expired_of<const N: usize>(
    history: &History,
    tables: [Table; N],
) -> Result<[i64; N], HistoryError> {
    let mut hours = [0; N];
    for (hour, table) in hours.iter_mut().zip(tables) {
        *hour = history.expired(table).await?.unwrap_or(0);
    }
    Ok(hours)
}

impl Audit {
    /// Checks one hour of event time, after those before it, up to `known` (log time of which
    /// everything is in history, Unix µs). Replaces `lateness`, which is of the range `late`, if it
    /// is no longer what history has. After an error the same hour can be checked again, but after
    /// [`HistoryError::Moved`] only by a new audit: facts that this one has yet to read are gone.
    pub(super) async fn check_steady(
        &mut self,
        hour: i64,
        known: i64,
        (lateness, late): (&mut Lateness, (i64, i64)),
    ) -> Result<Vec<Report>, HistoryError> {
        let before = self.reading.clone();
        let checked = self.check_from(&before, (hour, known), (lateness, late)).await;
        if checked.is_err() {
            self.reading = before;
        }
        checked
    }

    async fn check_from(
        &mut self,
        before: &Reading,
        (hour, known): (i64, i64),
        (lateness, late): (&mut Lateness, (i64, i64)),
    ) -> Result<Vec<Report>, HistoryError> {
        let name = hour_name(hour);
        for _ in 0..TRIES {
            let expired = expired_of(&self.history, CHECKED).await?;
            let as_of: &Lateness = lateness;
            let assumed = (as_of, &expired);
            let reports = self.check(hour, known, assumed).await?;
            // Rows that are as they should be were not changed, or were changed as they should be.
            let drift = reports.iter().any(|report| report.drift > 0);
            if !drift || self.is_unchanged(hour, assumed).await? {
                return Ok(reports);
            }
            tracing::info!(hour = name, "history was changed meanwhile: its hour is checked again");
            self.reading.clone_from(before);
            *lateness = self.lateness(late.0, late.1).await?;
        }
        Err(HistoryError::Moved(format!("{name} was changed whenever it was checked")))
    }

    /// Whether the tables are repaired as far, and the caps have left as much of an hour, as when
    /// its check began.
    async fn is_unchanged(
        &self,
        hour: i64,
        (lateness, expired): (&Lateness, &[i64; CHECKED.len()]),
    ) -> Result<bool, HistoryError> {
        let now = expired_of(&self.history, CHECKED).await?;
        // What the caps remove of hours before it is not compared.
        let left = now.iter().zip(expired).all(|(now, then)| (*now).max(hour) == (*then).max(hour));
        Ok(left && lateness.is_as_of(&Moments::of(&self.history, i64::MAX).await?))
    }
}
