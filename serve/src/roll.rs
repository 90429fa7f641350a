//! All connections that are open, to end those whose time is up and to find room.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Limits;
use crate::life::Life;

/// Looks at all connections are at most this far apart.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Who is connected. Upgraded connections are not on it: they belong to whoever upgraded them.
#[derive(Debug, Default)]
pub(crate) struct Roll {
    lives: Mutex<HashMap<u64, Arc<Life>>>,
}

/// Strikes a connection off the roll when it is dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    roll: Arc<Roll>,
    number: u64,
}

impl Roll {
    /// Every critical section leaves the roll whole, so a poisoned lock is still good.
    fn lives(&self) -> MutexGuard<'_, HashMap<u64, Arc<Life>>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a connection; `number` is its own.
    pub(crate) fn enter(self: &Arc<Self>, number: u64, life: Arc<Life>) -> Entered {
        self.lives().insert(number, life);
        Entered { roll: self.clone(), number }
    }

    /// Ends connections as their time is up, for as long as it is polled.
    pub(crate) async fn watch(&self, limits: &Limits) -> Infallible {
        let shortest = limits.head_within.min(limits.idle_within).min(limits.request_within);
        let every = (shortest / 4).clamp(Duration::from_millis(5), POLL_INTERVAL);
        loop {
            tokio::time::sleep(every).await;
            self.end_overdue(Instant::now(), limits);
        }
    }

    fn end_overdue(&self, now: Instant, limits: &Limits) {
        for life in self.lives().values().filter(|life| !life.end.is_cancelled()) {
            if let Some(verdict) = life.overdue(now, limits) {
                tracing::debug!(?verdict, "a connection is ended");
                life.end.cancel();
            }
        }
    }

    /// Ends the connection that can be spared best, so that another finds a place: one that
    /// never asked, else the one idle for longest, else the slowest sender of a body.
    /// `false` when none can be spared.
    pub(crate) fn make_room(&self, now: Instant) -> bool {
        let lives = self.lives();
        let spare = lives
            .values()
            .filter(|life| !life.end.is_cancelled())
            .filter_map(|life| life.spare(now).map(|spare| (spare, life)))
            .min_by_key(|(spare, _)| *spare);
        spare.inspect(|(_, life)| life.end.cancel()).is_some()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.roll.lives().remove(&self.number);
    }
}
