//! The books are checked, and kept right. [`Audit`] lets the same pure code go over the facts in
//! history once more and holds what comes out against the rows of windows and sessions; [`repair`]
//! puts facts that came late where they belong; [`Keeper`] does both while the processor runs.

mod compare;
mod contested;
mod deliveries;
mod expect;
mod facts;
mod findings;
mod keep;
mod kept;
mod lateness;
mod own;
mod repair;
mod replay;
mod truth;
mod unknown;

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use tallylight_schemas::ipc::Stored;
use tallylight_schemas::tables::Table;
use tallylight_store::archive::{History, HistoryError, hour_name, hour_of};

pub use compare::Report;
pub use findings::Findings;
pub use keep::{AuditStats, Keeper, Reach, Settings};
pub use repair::{Repaired, repair};

use crate::pure::limits::Limits;
use crate::pure::watermark::HORIZON_MS;
use contested::Sides;
use facts::{between, files_since, moment};
use lateness::Lateness;
use replay::Replay;
use truth::{LONGEST_RUN_US, quiet_us};
use unknown::Unknown;

/// The tables that are checked.
pub const CHECKED: [Table; 8] = [
    Table::Playback,
    Table::Delivery,
    Table::Sessions,
    Table::SessionSpans,
    Table::Playback1m,
    Table::Playback1h,
    Table::Delivery1m,
    Table::Delivery1h,
];

const HOUR_US: i64 = 3_600_000_000;
/// Width of the widest pane that is not rolled up of others, µs.
const WIDEST_PANE_US: i64 = 10_000_000;
/// Facts that are read at once, about.
const AT_ONCE: i64 = 200_000;

/// An audit under way: hours come one after another, in order.
#[derive(Debug)]
pub struct Audit {
    history: History,
    limits: Limits,
    replay: Replay,
    /// Shards of the log: each writes its own rows of a pane.
    shards: u16,
    /// Facts before it were read, Unix µs of log time.
    read_to: i64,
    /// The hour that facts begin in: what began before it is not known.
    first_hour: i64,
    /// Sessions that began before.
    unknown: Unknown,
    /// Times of rest for each time of work.
    rest: u32,
}

impl Audit {
    /// Begins at the oldest facts there are; `None` when there is none.
    async fn begin(
        history: &History,
        partitions: u16,
        limits: &Limits,
        rest: u32,
    ) -> Result<Option<Self>, HistoryError> {
        let mut first = None;
        for table in [Table::PlayerEvents, Table::DeliveryEvents] {
            let found = time(history, table, "SELECT min(logged_at) FROM rows").await?;
            first = [first, found].into_iter().flatten().min();
        }
        let Some(first) = first else { return Ok(None) };
        let first_hour = hour_of(first);
        let shards = history.shards().await?;
        Ok(Some(Self {
            history: history.clone(),
            limits: limits.clone(),
            replay: Replay::new(shards, partitions, limits),
            shards,
            read_to: first,
            first_hour,
            unknown: Unknown::find(history, first_hour, quiet_us(limits)).await?,
            rest,
        }))
    }

    /// The hours of event time that facts are of, oldest first, up to a moment of log time (Unix µs).
    async fn hours(&self, until: i64) -> Result<BTreeSet<i64>, HistoryError> {
        let mut hours = BTreeSet::new();
        let hour = format!("arrow_cast(coalesce(ts, received_at), 'Int64') / {HOUR_US}");
        for table in [Table::PlayerEvents, Table::DeliveryEvents] {
            let sql = format!("SELECT DISTINCT {hour} FROM rows");
            for batch in self.history.select(table, &sql).await? {
                hours.extend(batch.column(0).as_primitive::<Int64Type>().iter().flatten());
            }
        }
        // A clock that is off names hours that the log has not seen.
        hours.retain(|hour| (self.first_hour..=hour_of(until)).contains(hour));
        Ok(hours)
    }

    /// Log time at which everything about an hour is settled, Unix µs.
    fn settled_at(&self, hour: i64) -> i64 {
        (hour + 1) * HOUR_US + quiet_us(&self.limits)
    }

    /// What came late and was read before `known` (log time, Unix µs), as far as it is about event
    /// time from `from` (Unix µs) on.
    async fn lateness(&self, from: i64, known: i64) -> Result<Lateness, HistoryError> {
        // A session that ends then may have been repaired for what came late while it went on.
        let read_from = from.saturating_sub(quiet_us(&self.limits) + LONGEST_RUN_US);
        let sids = truth::suspects(&self.history, read_from, known).await?;
        let sids = self.unknown.without(&sids);
        Lateness::of(&self.history, &self.limits, &sids, (read_from, from)).await
    }

    /// Checks one hour of event time, after those before it. Of an hour that is not over, or not
    /// settled at `known` (log time of which everything is in history, Unix µs), it checks the
    /// part that is: panes until their horizon, sessions and stretches until nothing can follow.
    async fn check(
        &mut self,
        hour: i64,
        known: i64,
        lateness: &Lateness,
    ) -> Result<Vec<Report>, HistoryError> {
        let settled = self.settled_at(hour).min(known);
        self.read(settled).await?;
        self.replay.pass(settled);
        let mut reports = Vec::new();
        for (table, repaired) in CHECKED.into_iter().zip(lateness.repaired()) {
            let range = self.range(table, hour, settled).await?;
            let kept = self.kept(table, &range).await?;
            let ends = &self.replay.ends;
            let should = |with| self.unknown.leave_out(expect::rows(table, ends, with, &range)?);
            let sides = Sides::new(table, &kept, should(repaired)?, should(lateness.all())?)?;
            let sides = sides.by_pane_where_contested(table)?;
            reports.push(compare::compare(table, hour_name(hour), &sides)?);
        }
        self.replay.ends.forget_before((hour + 1) * HOUR_US);
        Ok(reports)
    }

    /// The part of an hour in which nothing of a table can change any more, as facts before `settled`
    /// are all known: whole panes of it.
    async fn range(
        &self,
        table: Table,
        hour: i64,
        settled: i64,
    ) -> Result<Range<i64>, HistoryError> {
        let open = match table.kin() {
            Table::Playback | Table::Delivery => HORIZON_MS * 1_000,
            _ => quiet_us(&self.limits),
        };
        let end = (settled - open).div_euclid(WIDEST_PANE_US) * WIDEST_PANE_US;
        let mut range = hour * HOUR_US..end.min((hour + 1) * HOUR_US);
        if table.kin() == Table::Playback {
            range.start = self.unknown.panes_from(range.start).min(range.end);
        }
        // Tables expire at ages of their own: what the caps removed is not missed.
        if let Some(expired) = self.history.expired(table).await? {
            range.start = range.start.max(expired * HOUR_US);
        }
        if let Some((_, width_s)) = table.rolled() {
            let width = i64::from(width_s) * 1_000_000;
            range.start = (range.start + width - 1).div_euclid(width) * width;
            range.end = range.end.div_euclid(width) * width;
        }
        Ok(range)
    }

    /// Lets the replay read the facts before `to`, part by part.
    async fn read(&mut self, to: i64) -> Result<(), HistoryError> {
        if self.read_to >= to {
            return Ok(());
        }
        let parts = self.count(&(self.read_to..to)).await? / AT_ONCE + 1;
        let step = (to - self.read_to) / parts + 1;
        while self.read_to < to {
            let began = tokio::time::Instant::now();
            let until = to.min(self.read_to + step);
            let facts = facts::read(&self.history, &between(&(self.read_to..until))).await?;
            self.replay.take(&facts);
            self.read_to = until;
            self.pause(began.elapsed()).await;
        }
        Ok(())
    }

    async fn pause(&self, worked: Duration) {
        if self.rest > 0 {
            tokio::time::sleep(worked * self.rest).await;
        }
    }

    async fn count(&self, range: &Range<i64>) -> Result<i64, HistoryError> {
        let mut sum = 0;
        for table in [Table::PlayerEvents, Table::DeliveryEvents] {
            let sql = format!("SELECT count(*) FROM rows WHERE {}", between(range));
            for batch in self.history.select(table, &sql).await? {
                let counts = batch.column(0).as_primitive::<Int64Type>();
                sum += counts.iter().flatten().sum::<i64>();
            }
        }
        Ok(sum)
    }

    /// The rows that history has.
    async fn kept(
        &self,
        table: Table,
        range: &Range<i64>,
    ) -> Result<Vec<RecordBatch>, HistoryError> {
        let column = match table.kin() {
            Table::Playback | Table::Delivery => "pane",
            Table::Sessions => "ended_at",
            _ => "\"to\"",
        };
        let (from, to) = (moment(range.start), moment(range.end));
        // Rows are not written before their time.
        let files = files_since(range.start);
        let sql = format!(
            "SELECT * FROM rows WHERE final AND {files} AND {column} >= {from} AND {column} < {to}"
        );
        let mut kept = self.history.select(table, &sql).await?;
        if table.rolled().is_some() {
            return Ok(vec![expect::joined(table, &kept)?]);
        }
        if self.shards > 1 {
            kept = expect::summed(table, kept)?;
        }
        kept.into_iter().map(|rows| self.unknown.leave_out(rows)).collect()
    }
}

/// The one time that a statement answers, Unix µs.
async fn time(history: &History, table: Table, sql: &str) -> Result<Option<i64>, HistoryError> {
    let answer = history.select(table, sql).await?;
    let times = answer.iter().flat_map(|batch| {
        batch.column(0).as_primitive::<TimestampMicrosecondType>().iter().flatten()
    });
    Ok(times.last())
}

/// Rows of sessions that can change no more, as their table has them.
fn final_rows<T: Stored>(table: Table, rows: &[T]) -> Result<RecordBatch, HistoryError> {
    let batch = expect::batch(table, rows)?;
    let schema = batch.schema();
    let mut columns = batch.columns().to_vec();
    if let Ok(at) = schema.index_of("final") {
        columns[at] = std::sync::Arc::new(BooleanArray::from(vec![true; batch.num_rows()]));
    }
    Ok(RecordBatch::try_new(schema, columns)?)
}
