//! A replay that advances through the facts of history, which are read some at a time.

use std::ops::Range;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{History, HistoryError};
use tokio::time::{Instant, sleep};

use super::facts::{self, TABLES, between};
use super::replay::{Ends, Replay};
use super::steady::expired_of;
use super::{AT_ONCE, HOUR_US};

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    history: History,
    replay: Replay,
    /// Facts before this were read, Unix µs of log time.
    to: i64,
    /// The hours before which facts had expired when it began, of each table in [`TABLES`].
    expired: [i64; TABLES.len()],
    /// How many times as long as its work it rests.
    rest: u32,
}

impl Reading {
    /// Begins at `from` (log time, Unix µs), when facts before the hours in `expired` were gone.
    pub(super) fn new(
        history: &History,
        replay: Replay,
        (from, expired): (i64, [i64; TABLES.len()]),
        rest: u32,
    ) -> Self {
        Self { history: history.clone(), replay, to: from, expired, rest }
    }

    /// The results that were not dropped.
    pub(super) fn ends(&self) -> &Ends {
        &self.replay.ends
    }

    /// Replays the facts before `to` (log time, Unix µs), and lets time pass to there. Panes and
    /// sessions before those moments of event time are dropped from the results. The error
    /// [`HistoryError::Moved`] says that the caps were faster.
    pub(super) async fn go_on(
        &mut self,
        to: i64,
        (panes, sessions): (i64, i64),
    ) -> Result<(), HistoryError> {
        let parts = if self.to < to { self.count(&(self.to..to)).await? / AT_ONCE + 1 } else { 1 };
        let step = to.saturating_sub(self.to) / parts + 1;
        while self.to < to {
            let began = Instant::now();
            let until = to.min(self.to + step);
            let facts = facts::read(&self.history, &between(&(self.to..until))).await?;
            self.has_all().await?;
            self.replay.take(&facts);
            self.to = until;
            self.forget(panes, sessions);
            self.rest(began).await;
        }
        self.replay.pass(to);
        self.forget(panes, sessions);
        Ok(())
    }

    /// Fails if, since it began, the caps have removed facts that were logged after those it took.
    async fn has_all(&self) -> Result<(), HistoryError> {
        let expired = expired_of(&self.history, TABLES).await?;
        let mut both = expired.into_iter().zip(self.expired);
        if both.any(|(now, then)| now != then && now * HOUR_US > self.to) {
            let why = "the caps removed facts before they were read";
            return Err(HistoryError::Moved(why.to_owned()));
        }
        Ok(())
    }

    /// Rests after work that began at `began`.
    pub(super) async fn rest(&self, began: Instant) {
        if self.rest > 0 {
            sleep(began.elapsed() * self.rest).await;
        }
    }

    /// Drops panes and sessions before these moments of event time.
    pub(super) fn forget(&mut self, panes: i64, sessions: i64) {
        self.replay.ends.forget_panes_before(panes);
        self.replay.ends.forget_sessions_before(sessions);
    }

    /// Facts that were read in a range of log time.
    pub(super) async fn count(&self, range: &Range<i64>) -> Result<i64, HistoryError> {
        let mut sum = 0;
        for table in TABLES {
            sum += count(&self.history, table, &between(range)).await?;
        }
        Ok(sum)
    }
}

/// The number of rows of a table that fulfil a condition.
pub(super) async fn count(
    history: &History,
    table: Table,
    condition: &str,
) -> Result<i64, HistoryError> {
    let sql = format!("SELECT count(*) FROM rows WHERE {condition}");
    let counts = history.select(table, &sql).await?;
    let counts = counts.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>());
    Ok(counts.flatten().sum())
}
