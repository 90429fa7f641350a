//! What must hold at the end of a run.

mod baseline;
mod ledger;
mod loss;
mod truth;
mod windows;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use tallylight_eventlog::{Entry, EventLog};
use tallylight_schemas::tables::Table;
use tallylight_store::history::History;
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::audit::{Audit, CHECKED, Report, repair};

use crate::cast::Cast;
use crate::table;
pub use baseline::Baseline;
pub(crate) use baseline::decode_rows;

/// Partitions of every run.
const PARTITIONS: u16 = 4;
/// Columns that say where a row is stored, not what happened.
pub const PLACES: [&str; 3] = ["log_id", "hour", "final"];
/// These and the columns that also differ if the same facts arrive at other times.
const ARRIVALS: [&str; 4] = ["log_id", "hour", "final", "late_events"];

/// A run that is over.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The senders, with what really happened.
    pub cast: &'a Cast,
    /// Records that a collector acknowledged, by sender, epoch and number.
    pub acknowledged: &'a BTreeSet<(usize, (u32, u64))>,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Its events, including those that it has dropped.
    pub events: Vec<Entry>,
    /// Offsets that it dropped before they were read.
    pub lost: Range<u64>,
    /// The events of a run in which every record arrived on time and once.
    pub wanted: Vec<Entry>,
    /// Its history.
    pub history: History,
    /// Log time at the end.
    pub now_us: i64,
}

impl Outcome<'_> {
    /// The events that could be read.
    fn kept(&self) -> impl Iterator<Item = &Entry> {
        self.events.iter().filter(|entry| !self.lost.contains(&entry.offset))
    }
}

/// The violations, and every final row.
pub async fn all(outcome: &Outcome<'_>) -> (Vec<String>, Vec<String>) {
    let mut problems = ledger::check(outcome).await;
    let kept: Vec<Entry> = outcome.kept().cloned().collect();
    let counted = Baseline::of(&kept, PARTITIONS);
    problems.extend(counted.against_topics(std::slice::from_ref(&outcome.log)).await);
    for table in Baseline::TABLES {
        let got = table::rows(&outcome.history, table, &PLACES).await;
        let want = counted.lines(table, &PLACES);
        problems.extend(differs("baseline", table, &got, &want));
    }
    let limits = Limits::default();
    repair(&outcome.history, &limits, outcome.now_us).await.unwrap();
    // The rows before the repair have just been compared with the log; the audit checks those after
    // it.
    let all = (i64::MIN..i64::MAX, outcome.now_us);
    let found = Audit::all(&outcome.history, PARTITIONS, &limits, all).await.unwrap();
    let found = found.expect("history has facts");
    let bad = found.reports.iter().filter(|report| report.drift + report.late > 0);
    problems.extend(bad.map(|report| format!("audit: {report:?}")));
    let mut rows = Vec::new();
    if !outcome.lost.is_empty() {
        for table in Baseline::REPAIRED {
            rows.extend(table::rows(&outcome.history, table, &ARRIVALS).await);
        }
        problems.extend(loss::check(outcome).await);
        return (problems, rows);
    }
    problems.extend(unchecked(&counted, &found.reports));
    let wanted = Baseline::of(&outcome.wanted, PARTITIONS);
    for table in Baseline::REPAIRED {
        let got = table::rows(&outcome.history, table, &ARRIVALS).await;
        let want = wanted.lines(table, &ARRIVALS);
        problems.extend(differs("batch truth", table, &got, &want));
        rows.extend(got);
    }
    problems.extend(truth::check(outcome).await);
    problems.extend(windows::check(outcome).await);
    (problems, rows)
}

/// The tables with rows of which the audit has compared none.
fn unchecked(counted: &Baseline, reports: &[Report]) -> Vec<String> {
    let compared = reports.iter().filter(|report| report.rows > 0);
    let compared: BTreeSet<&str> = compared.map(|report| report.table.as_str()).collect();
    let rest = CHECKED.into_iter().filter(|table| !compared.contains(table.name()));
    let missing = rest.filter(|table| !counted.lines(*table, &[]).is_empty());
    missing.map(|table| format!("audit: no row of {} is compared", table.name())).collect()
}

fn differs(what: &str, table: Table, got: &[String], want: &[String]) -> Option<String> {
    let difference = table::difference(got, want)?;
    Some(format!("{} against the {what}: {difference}", table.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepared;

    #[test]
    fn an_audit_that_compared_nothing_is_a_problem() {
        let events = prepared::entries(206, 3, 1).remove(0);
        let counted = Baseline::of(&events, PARTITIONS);
        assert_eq!(unchecked(&counted, &[]).len(), CHECKED.len());
        let compared = CHECKED.map(|table| Report {
            table: table.name().to_owned(),
            rows: 1,
            ..Report::default()
        });
        assert!(unchecked(&counted, &compared).is_empty());
    }
}
