//! The cuboids that somebody asks for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};

use super::asked::Key;
use super::cuboid::Cuboid;
use super::read;
use crate::App;
use crate::sql::SqlError;

/// Cuboids at a time. With 200 cells of 720 panes each they take at most about 50 MB.
const MOST: usize = 8;
/// A cuboid that nobody asks for is dropped after this time.
const KEPT: Duration = Duration::from_secs(60);

/// Where all places are taken, one that nobody asked for during this time is given up. A page asks
/// every 10 s.
const LEFT: Duration = Duration::from_secs(20);

/// Why there is no series.
#[derive(Debug)]
pub(super) enum Failed {
    /// Another question has an answer.
    Invalid(String),
    /// What SQL says.
    Sql(SqlError),
    /// Too many are asked for.
    Full(String),
    /// Try again.
    Unavailable(String),
}

impl From<SqlError> for Failed {
    fn from(error: SqlError) -> Self {
        Failed::Sql(error)
    }
}

/// A cuboid that is being read or kept. Whoever asks for the same waits for one reading.
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
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else reads, and keeps others waiting.
    pub(super) async fn turn(&self) -> AsyncMutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The cuboid of a question; a new one is checked, and takes a place.
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
        let mut inner = self.lock();
        let held = inner.held.get_mut(key)?;
        held.asked = now;
        Some(Arc::clone(&held.cuboid))
    }

    fn register(&self, key: &Key, now: Instant) -> Result<Shared, Failed> {
        let mut inner = self.lock();
        sweep(&mut inner, now);
        if inner.held.len() >= MOST && !inner.held.contains_key(key) {
            give_up_one(&mut inner, now);
        }
        if inner.held.len() >= MOST && !inner.held.contains_key(key) {
            return Err(Failed::Full(format!(
                "{MOST} series are followed, the limit; close a chart that shows one, and ask \
                 again in a minute"
            )));
        }
        let none = || Cuboid::new(key.minutes * 60 / key.width_s);
        let new = || Held { cuboid: Arc::new(AsyncMutex::new(none())), asked: now };
        let held = inner.held.entry(key.clone()).or_insert_with(new);
        held.asked = now;
        Ok(Arc::clone(&held.cuboid))
    }

    /// Drops this cuboid, if it is still the one of this question.
    pub(super) fn forget(&self, key: &Key, cuboid: &Shared) {
        let mut inner = self.lock();
        if inner.held.get(key).is_some_and(|held| Arc::ptr_eq(&held.cuboid, cuboid)) {
            inner.held.remove(key);
        }
    }

    /// Drops what nobody asks for, for as long as there is anything.
    fn sweep_while_any(&self, app: &Arc<App>) {
        if std::mem::replace(&mut self.lock().sweeping, true) {
            return;
        }
        let app = Arc::clone(app);
        let tasks = app.tasks.clone();
        tasks.spawn(async move {
            let mut is_any = true;
            while is_any {
                tokio::select! {
                    () = tokio::time::sleep(KEPT / 4) => {}
                    () = app.stop.cancelled() => return,
                }
                let mut inner = app.series.lock();
                sweep(&mut inner, Instant::now());
                is_any = !inner.held.is_empty();
                inner.sweeping = is_any;
            }
        });
    }
}

fn sweep(inner: &mut Inner, now: Instant) {
    inner.held.retain(|_, held| now.saturating_duration_since(held.asked) < KEPT);
}

/// Drops the one that was asked for longest ago, if that was longer ago than a page asks again: of
/// somebody who looks through many, only the last is looked at.
fn give_up_one(inner: &mut Inner, now: Instant) {
    let oldest = inner.held.iter().min_by_key(|(_, held)| held.asked);
    let left = oldest.filter(|(_, held)| now.saturating_duration_since(held.asked) > LEFT);
    if let Some(key) = left.map(|(key, _)| key.clone()) {
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
    fn places_are_few_and_come_back_after_a_minute_without_an_ask() {
        let (registry, start) = (Registry::default(), Instant::now());
        for minutes in 1..=8 {
            registry.register(&key(minutes), start).unwrap();
        }
        let full = registry.register(&key(9), start + LEFT).unwrap_err();
        assert!(matches!(full, Failed::Full(detail) if detail.contains("8 series")));
        // Who asks for the same shares it, and keeps it.
        let again = registry.known(&key(3), start + KEPT / 2).unwrap();
        assert!(Arc::ptr_eq(&again, &registry.register(&key(3), start + KEPT / 2).unwrap()));
        // Somebody looked through many, and left: a place is given up before a minute is over.
        registry.known(&key(1), start + LEFT / 2).unwrap();
        registry.register(&key(10), start + LEFT + Duration::from_secs(1)).unwrap();
        assert!(registry.known(&key(1), start + LEFT).is_some(), "not that which was asked for");
        registry.register(&key(9), start + KEPT + LEFT).unwrap();
        let left: Vec<u32> = registry.lock().held.keys().map(|key| key.minutes).collect();
        assert!(left.len() == 3 && [3, 9, 10].iter().all(|of| left.contains(of)), "{left:?}");
    }
}
