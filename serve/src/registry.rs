//! All open connections, to end those that are overdue and to make room for new ones.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::Limits;
use crate::life::Life;

/// The longest interval between checks of all connections.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The open connections, except upgraded ones, which belong to the handler that upgraded them.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    lives: Mutex<HashMap<u64, Arc<Life>>>,
}

/// Removes a connection from the registry when dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    registry: Arc<Registry>,
    number: u64,
}

impl Registry {
    /// Adds a connection; `number` identifies it.
    pub(crate) fn add(self: &Arc<Self>, number: u64, life: Arc<Life>) -> Registered {
        self.lives.lock().insert(number, life);
        Registered { registry: self.clone(), number }
    }

    /// Ends overdue connections, for as long as it is polled.
    pub(crate) async fn watch(&self, limits: &Limits) -> Infallible {
        let shortest = limits.head_within.min(limits.idle_within).min(limits.request_within);
        let every = (shortest / 4).clamp(Duration::from_millis(5), POLL_INTERVAL);
        loop {
            tokio::time::sleep(every).await;
            self.end_overdue(Instant::now(), limits);
        }
    }

    fn end_overdue(&self, now: Instant, limits: &Limits) {
        for life in self.lives.lock().values().filter(|life| !life.end.is_cancelled()) {
            if let Some(verdict) = life.overdue(now, limits) {
                tracing::debug!(?verdict, "a connection is ended");
                life.end.cancel();
            }
        }
    }

    /// Ends the most expendable connection to make room for another: one that never sent a request,
    /// else the one idle for longest, else the slowest sender of a body. `false` if none is
    /// expendable.
    pub(crate) fn make_room(&self, now: Instant) -> bool {
        let lives = self.lives.lock();
        let spare = lives
            .values()
            .filter(|life| !life.end.is_cancelled())
            .filter_map(|life| life.spare(now).map(|spare| (spare, life)))
            .min_by_key(|(spare, _)| *spare);
        spare.inspect(|(_, life)| life.end.cancel()).is_some()
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.lives.lock().remove(&self.number);
    }
}
