//! The cuboids that are currently requested.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};

use super::cuboid::Cuboid;
use super::question::Key;
use super::read;
use crate::App;
use crate::sql::SqlError;

/// Most cuboids at a time. With 200 cells of 720 panes each they take about 50 MB at most.
const MOST: usize = 8;
/// A cuboid is dropped this long after the last request for it.
const DROPPED_AFTER: Duration = Duration::from_secs(60);
/// At the limit, a cuboid that was not requested for this long gives way to a new one. A page
/// requests its series every 10 s.
const EVICTED_AFTER: Duration = Duration::from_secs(20);

/// Why there is no series.
#[derive(Debug)]
pub(super) enum Failed {
    /// The request is invalid; the text says what can be requested.
    Invalid(String),
    /// The SQL engine refused it, or failed.
    Sql(SqlError),
    /// Too many series are open.
    Full(String),
    /// It cannot be read now; try again.
    Unavailable(String),
}

impl From<SqlError> for Failed {
    fn from(error: SqlError) -> Self {
        Failed::Sql(error)
    }
}

/// A cuboid that is being read or kept. Requests with the same key wait for one reading.
pub(super) type Shared = Arc<AsyncMutex<Cuboid>>;

#[derive(Debug)]
struct Held {
    cuboid: Shared,
    asked: Instant,
}

#[derive(Debug, Default)]
struct Inner {
    held: HashMap<Key, Held>,
    sweeping: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
    turn: AsyncMutex<()>,
}

impl Registry {
    /// Waits until no other reading runs, and keeps others waiting.
    pub(super) async fn turn(&self) -> AsyncMutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The cuboid for a key; a new one is checked and registered.
    pub(super) async fn get(&self, app: &Arc<App>, key: &Key) -> Result<Shared, Failed> {
        if let Some(known) = self.known(key, Instant::now()) {
            return Ok(known);
        }
        read::check(app, key).await?;
        let cuboid = self.register(key, Instant::now())?;
        self.sweep_while_any(app);
        Ok(cuboid)
    }

    fn known(&self, key: &Key, now: Instant) -> Option<Shared> {
        let mut inner = self.inner.lock();
        let held = inner.held.get_mut(key)?;
        held.asked = now;
        Some(Arc::clone(&held.cuboid))
    }

    fn register(&self, key: &Key, now: Instant) -> Result<Shared, Failed> {
        let mut inner = self.inner.lock();
        sweep(&mut inner, now);
        if inner.held.len() >= MOST && !inner.held.contains_key(key) {
            evict_one(&mut inner, now);
        }
        if inner.held.len() >= MOST && !inner.held.contains_key(key) {
            return Err(Failed::Full(format!(
                "{MOST} series are open, the limit; close a chart that shows one, and try again in \
                 a minute"
            )));
        }
        let none = || Cuboid::new(key.minutes * 60 / key.width_s);
        let new = || Held { cuboid: Arc::new(AsyncMutex::new(none())), asked: now };
        let held = inner.held.entry(key.clone()).or_insert_with(new);
        held.asked = now;
        Ok(Arc::clone(&held.cuboid))
    }

    /// Drops this cuboid if it is still the one registered for the key.
    pub(super) fn forget(&self, key: &Key, cuboid: &Shared) {
        let mut inner = self.inner.lock();
        if inner.held.get(key).is_some_and(|held| Arc::ptr_eq(&held.cuboid, cuboid)) {
            inner.held.remove(key);
        }
    }

    /// Drops cuboids that are no longer requested, as long as there are any.
    fn sweep_while_any(&self, app: &Arc<App>) {
        if std::mem::replace(&mut self.inner.lock().sweeping, true) {
            return;
        }
        let app = Arc::clone(app);
        let tasks = app.tasks.clone();
        tasks.spawn(async move {
            let mut is_any = true;
            while is_any {
                tokio::select! {
                    () = tokio::time::sleep(DROPPED_AFTER / 4) => {}
                    () = app.stop.cancelled() => return,
                }
                let mut inner = app.series.inner.lock();
                sweep(&mut inner, Instant::now());
                is_any = !inner.held.is_empty();
                inner.sweeping = is_any;
            }
        });
    }
}

fn sweep(inner: &mut Inner, now: Instant) {
    inner.held.retain(|_, held| now.saturating_duration_since(held.asked) < DROPPED_AFTER);
}

/// Drops the least recently requested cuboid, if no page can still be showing it: an analyst who
/// tries many breakdowns watches only the last.
fn evict_one(inner: &mut Inner, now: Instant) {
    let oldest = inner.held.iter().min_by_key(|(_, held)| held.asked);
    let unused = |held: &Held| now.saturating_duration_since(held.asked) > EVICTED_AFTER;
    if let Some(key) = oldest.filter(|(_, held)| unused(held)).map(|(key, _)| key.clone()) {
        inner.held.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(minutes: u32) -> Key {
        Key { by: vec!["os"], condition: String::new(), minutes, width_s: 10 }
    }

    #[test]
    fn cuboids_are_few_and_are_dropped_a_minute_after_the_last_request() {
        let (registry, start) = (Registry::default(), Instant::now());
        for minutes in 1..=8 {
            registry.register(&key(minutes), start).unwrap();
        }
        let full = registry.register(&key(9), start + EVICTED_AFTER).unwrap_err();
        assert!(matches!(full, Failed::Full(detail) if detail.contains("8 series")));
        // A request with the same key shares the cuboid, and keeps it.
        let half = start + DROPPED_AFTER / 2;
        let again = registry.known(&key(3), half).unwrap();
        assert!(Arc::ptr_eq(&again, &registry.register(&key(3), half).unwrap()));
        // Many were opened and left: one gives way before a minute is over.
        registry.known(&key(1), start + EVICTED_AFTER / 2).unwrap();
        registry.register(&key(10), start + EVICTED_AFTER + Duration::from_secs(1)).unwrap();
        let recent = registry.known(&key(1), start + EVICTED_AFTER);
        assert!(recent.is_some(), "not the one that was requested since");
        registry.register(&key(9), start + DROPPED_AFTER + EVICTED_AFTER).unwrap();
        let left: Vec<u32> = registry.inner.lock().held.keys().map(|key| key.minutes).collect();
        assert!(left.len() == 3 && [3, 9, 10].iter().all(|of| left.contains(of)), "{left:?}");
    }
}
