//! The books are checked, and kept right. [`Audit`] lets the same pure code go over the facts in
//! history once more and holds what comes out against the rows of windows and sessions; [`repair`]
//! puts facts that came late where they belong; [`Keeper`] does both while the processor runs.

mod bound;
mod check;
mod compare;
mod contested;
mod counted;
mod deliveries;
mod expect;
mod facts;
mod findings;
mod keep;
mod kept;
mod lateness;
mod own;
mod parts;
mod reading;
mod repair;
mod replay;
mod truth;
mod unknown;

use std::collections::BTreeSet;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use tallylight_schemas::ipc::Stored;
use tallylight_schemas::tables::Table;
use tallylight_store::archive::{History, HistoryError, hour_of};

pub use compare::Report;
pub use findings::Findings;
pub use keep::{AuditStats, Keeper, Reach, Settings};
pub use repair::{Repaired, repair};

use crate::pure::limits::Limits;
use lateness::Lateness;
use reading::Reading;
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
/// Rows of a table that are compared at once, about.
const ROWS_AT_ONCE: i64 = 100_000;

/// An audit under way: hours come one after another, in order.
#[derive(Debug)]
pub struct Audit {
    history: History,
    limits: Limits,
    reading: Reading,
    /// Shards of the log: each writes its own rows of a pane.
    shards: u16,
    /// Rows of a table that are held at once, about.
    rows_at_once: i64,
    /// The hour that facts begin in: what began before it is not known.
    first_hour: i64,
    /// Sessions that began before.
    unknown: Unknown,
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
            reading: Reading::new(history, Replay::new(shards, partitions, limits), first, rest),
            shards,
            rows_at_once: ROWS_AT_ONCE,
            first_hour,
            unknown: Unknown::find(history, first_hour, quiet_us(limits)).await?,
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
