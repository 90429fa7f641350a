//! History is checked and repaired. [`Audit`] runs the same pure code over the facts in history
//! again and compares the result with the rows of windows and sessions; [`repair`] puts facts that
//! came late where they belong; [`Keeper`] does both while the processor runs.
//!
//! | module | what it does |
//! |---|---|
//! | `scheduler` | [`Keeper`]: when an hour is checked and when a repair is due |
//! | `check`, `findings` | check an hour piece by piece; check many hours at once |
//! | `steady` | an hour that is changed while it is checked is checked again |
//! | `expect`, `compare` | rows as they should be; the comparison with rows as they are |
//! | `contested` | panes with a row for the rest, which are compared as one row |
//! | `unknown` | sessions that began before the oldest facts, which are left out |
//! | `facts`, `columns` | facts as history has them; columns of files as values |
//! | `replay`, `reading` | the pure code over facts; a replay that advances through history |
//! | `lateness`, `difference` | what came late, and what it would have changed, session by session |
//! | `sid_batches` | sids whose facts fit into memory together |
//! | `sid_facts`, `live_replay` | one sid as if nothing had come late, and as it was counted live |
//! | `clock_trust` | facts whose times are not believed |
//! | `deliveries` | reports of media services that came late |
//! | `repair` | the rows that change in each table |

mod check;
mod clock_trust;
mod columns;
mod compare;
mod contested;
mod deliveries;
mod difference;
mod expect;
mod facts;
mod findings;
mod lateness;
mod live_replay;
mod reading;
mod repair;
mod replay;
mod scheduler;
mod sid_batches;
mod sid_facts;
mod steady;
mod unknown;

use std::collections::BTreeSet;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use tallylight_schemas::ipc::Stored;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{History, HistoryError, hour_of};

pub use compare::Report;
pub use findings::Findings;
pub use repair::{Repaired, repair};
pub use scheduler::{AuditStats, Keeper, Reach, Settings};

use crate::pure::limits::Limits;
use difference::{LONGEST_RUN_US, quiet_us};
use facts::TABLES;
use lateness::Lateness;
use reading::Reading;
use replay::Replay;
use steady::expired_of;
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
/// Width of the widest pane that is not rolled up from others, µs.
const WIDEST_PANE_US: i64 = 10_000_000;
/// About how many facts are read at once.
const AT_ONCE: i64 = 200_000;
/// About how many rows of a table are compared at once.
const ROWS_AT_ONCE: i64 = 100_000;

/// An audit under way: hours come one after another, in order.
#[derive(Debug)]
pub struct Audit {
    history: History,
    limits: Limits,
    reading: Reading,
    /// Shards of the log: each writes its own rows of a pane.
    shards: u16,
    /// About how many rows of a table are held at once.
    rows_at_once: i64,
    /// The hour of the first facts: what began before it is not known.
    first_hour: i64,
    /// Sessions that began before.
    unknown: Unknown,
}

impl Audit {
    /// Begins at the oldest facts; `None` if there are none.
    async fn begin(
        history: &History,
        partitions: u16,
        limits: &Limits,
        rest: u32,
    ) -> Result<Option<Self>, HistoryError> {
        // First of all: what goes while the rest is found out is noticed.
        let expired = expired_of(history, TABLES).await?;
        let mut first = None;
        for table in TABLES {
            let found = time(history, table, "SELECT min(logged_at) FROM rows").await?;
            first = [first, found].into_iter().flatten().min();
        }
        let Some(first) = first else { return Ok(None) };
        let first_hour = hour_of(first);
        let shards = history.shards().await?;
        let replay = Replay::new(shards, partitions, limits);
        Ok(Some(Self {
            history: history.clone(),
            limits: limits.clone(),
            reading: Reading::new(history, replay, (first, expired), rest),
            shards,
            rows_at_once: ROWS_AT_ONCE,
            first_hour,
            unknown: Unknown::find(history, first_hour, quiet_us(limits)).await?,
        }))
    }

    /// The hours of event time with facts, oldest first, up to a moment of log time (Unix µs).
    async fn hours(&self, until: i64) -> Result<BTreeSet<i64>, HistoryError> {
        let mut hours = BTreeSet::new();
        let hour = format!("arrow_cast(coalesce(ts, received_at), 'Int64') / {HOUR_US}");
        for table in TABLES {
            let sql = format!("SELECT DISTINCT {hour} FROM rows");
            for batch in self.history.select(table, &sql).await? {
                hours.extend(batch.column(0).as_primitive::<Int64Type>().iter().flatten());
            }
        }
        // A wrong clock names hours before or after those of the log.
        hours.retain(|hour| (self.first_hour..=hour_of(until)).contains(hour));
        Ok(hours)
    }

    /// Log time at which everything about an hour is settled, Unix µs.
    fn settled_at(&self, hour: i64) -> i64 {
        (hour + 1) * HOUR_US + quiet_us(&self.limits)
    }

    /// What arrived late and was read before `known` (log time, Unix µs), as far as it concerns
    /// event time from `from` (Unix µs) on.
    async fn lateness(&self, from: i64, known: i64) -> Result<Lateness, HistoryError> {
        // A session that ends then may have been repaired for a fact that was late long before.
        let read_from = from.saturating_sub(quiet_us(&self.limits) + LONGEST_RUN_US);
        let sids = difference::suspects(&self.history, read_from, known).await?;
        let sids = self.unknown.without(&sids);
        Lateness::of(&self.history, &self.limits, &sids, (read_from, from)).await
    }
}

/// The single time that a query answers, Unix µs.
async fn time(history: &History, table: Table, sql: &str) -> Result<Option<i64>, HistoryError> {
    let answer = history.select(table, sql).await?;
    let times = answer.iter().flat_map(|batch| {
        batch.column(0).as_primitive::<TimestampMicrosecondType>().iter().flatten()
    });
    Ok(times.last())
}

/// Final rows, as their table has them.
fn final_rows<T: Stored>(table: Table, rows: &[T]) -> Result<RecordBatch, HistoryError> {
    let batch = expect::batch(table, rows)?;
    let schema = batch.schema();
    let mut columns = batch.columns().to_vec();
    if let Ok(at) = schema.index_of("final") {
        columns[at] = std::sync::Arc::new(BooleanArray::from(vec![true; batch.num_rows()]));
    }
    Ok(RecordBatch::try_new(schema, columns)?)
}
