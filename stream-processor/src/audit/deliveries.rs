//! What late reports of media services add to the panes of delivery.

use std::ops::Range;

use tallylight_schemas::ipc::TenantDelivery;
use tallylight_schemas::rows::DeliveryRow;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{History, HistoryError};

use super::clock_trust::LATEST_US;
use super::difference::quiet_us;
use super::facts::{self, Place, between};
use super::replay::Replay;
use super::{HOUR_US, time};
use crate::pure::limits::Limits;
use crate::pure::watermark::SKEW_IGNORED_MS;

/// The event time of a report, Unix µs: a clock that is ahead is limited to the time of arrival.
pub(super) fn time_of_report(event: &TenantDelivery) -> i64 {
    event.event.ts.min(event.received_at + SKEW_IGNORED_MS * 1_000)
}

/// Whether a report is too late to be used.
fn is_of_no_use((place, event): &(Place, TenantDelivery)) -> bool {
    place.logged_us.saturating_sub(time_of_report(event)) > LATEST_US
}

/// The start of the hour of event time (Unix µs) of the first pane that is changed by late reports
/// which were read in a range of log time; `None` if there are none.
pub(super) async fn oldest(
    history: &History,
    read: &Range<i64>,
) -> Result<Option<i64>, HistoryError> {
    let late = format!("FROM rows WHERE fate = 'late' AND {}", between(read));
    let mut oldest = None;
    for column in ["ts", "received_at"] {
        let delay = format!("arrow_cast(logged_at, 'Int64') - arrow_cast({column}, 'Int64')");
        let sql = format!("SELECT min({column}) {late} AND {delay} <= {LATEST_US}");
        let found = time(history, Table::DeliveryEvents, &sql).await?;
        oldest = [oldest, found].into_iter().flatten().min();
    }
    Ok(oldest.map(|us| us.div_euclid(HOUR_US) * HOUR_US))
}

/// The panes of late reports, from `from` (Unix µs of event time) on, as of each of the moments
/// `at` (log time). A late report was read after its time.
pub(super) async fn late(
    history: &History,
    limits: &Limits,
    from: i64,
    at: &[i64],
) -> Result<Vec<Vec<DeliveryRow>>, HistoryError> {
    if from == i64::MAX {
        return Ok(at.iter().map(|_| Vec::new()).collect());
    }
    let condition = format!("fate = 'late' AND {}", between(&(from..i64::MAX)));
    let mut reports = facts::reports(history, &condition).await?;
    reports.retain(|report| !is_of_no_use(report));
    // For panes before it not all reports were read.
    reports.retain(|(_, event)| time_of_report(event) >= from);
    reports.sort_by_key(|(_, event)| time_of_report(event));
    Ok(at.iter().map(|at| panes(&reports, limits, *at)).collect())
}

/// The panes of those reports, which are in order, that were read before `at`.
fn panes(reports: &[(Place, TenantDelivery)], limits: &Limits, at: i64) -> Vec<DeliveryRow> {
    let mut replay = Replay::new(1, 1, limits);
    let mut last = 0;
    for (_, event) in reports.iter().filter(|(place, _)| place.logged_us < at) {
        last = time_of_report(event);
        replay.entry(last, &[], [event]);
    }
    replay.pass(last + quiet_us(limits));
    replay.ends.delivery
}
