//! Turns of large bodies. To inflate and decode one takes milliseconds of a core, so few are taken at
//! once. Behind them is a line; while it moves too slowly, who comes is refused before anything is
//! done about its body: work on a body that is refused later is taken from one that could be kept
//! (ADR 21).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::yield_now;
use tokio::time::Instant;

/// So many bodies at a time, the others in line.
#[derive(Debug)]
pub(super) struct Turns {
    permits: Semaphore,
    /// Who would wait longer is not let into the line.
    patience: Duration,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    /// How many bodies of each tenant wait; as many tenants as the settings name.
    waiting: FxHashMap<Arc<str>, u32>,
    all: u32,
    /// How long who came to its turn had waited for each that was before it; the newest count most.
    each: Duration,
}

impl Line {
    /// While the line is slow, a tenant has an equal part of it at most: who fills it does not keep
    /// the others out.
    fn has_room(&self, tenant: &Arc<str>, patience: Duration) -> Result<(), Behind> {
        let own = self.waiting.get(tenant).copied().unwrap_or_default();
        let others = self.waiting.len() - usize::from(own > 0);
        let tenants = u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1);
        let slow = self.each.saturating_mul(self.all) > patience;
        if slow && own.saturating_mul(tenants) >= self.all { Err(Behind) } else { Ok(()) }
    }

    /// One took so long: a machine that stood still for a moment is not slow yet.
    fn moved(&mut self, each: Duration) {
        self.each = (self.each * 7 + each) / 8;
    }
}

/// The line is too slow for one more of this tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind;

impl Turns {
    pub(super) fn new(at_once: usize, patience: Duration) -> Self {
        Self { permits: Semaphore::new(at_once), patience, line: Mutex::default() }
    }

    /// A turn, after those who came before; to be held while the body is taken.
    pub(super) async fn take(&self, tenant: &Arc<str>) -> Result<SemaphorePermit<'_>, Behind> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let place = self.join(tenant)?;
                // The semaphore is never closed.
                let permit = self.permits.acquire().await.map_err(|_| Behind)?;
                self.line().moved(place.since.elapsed() / place.before);
                permit
            }
        };
        // Who came meanwhile is let into the line first, or nobody sees on one core how long it is.
        yield_now().await;
        Ok(permit)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more of this tenant would be let into the line.
    pub(super) fn has_room(&self, tenant: &Arc<str>) -> Result<(), Behind> {
        self.line().has_room(tenant, self.patience)
    }

    fn join(&self, tenant: &Arc<str>) -> Result<Place<'_>, Behind> {
        let mut line = self.line();
        line.has_room(tenant, self.patience)?;
        *line.waiting.entry(tenant.clone()).or_default() += 1;
        line.all += 1;
        let before = line.all;
        drop(line);
        Ok(Place { turns: self, tenant: tenant.clone(), before, since: Instant::now() })
    }
}

/// A place in line, given up when dropped: also by a client that goes away.
struct Place<'a> {
    turns: &'a Turns,
    tenant: Arc<str>,
    /// Bodies before it when it came, that which has the turn among them.
    before: u32,
    since: Instant,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut line = self.turns.line();
        line.all = line.all.saturating_sub(1);
        if let Some(own) = line.waiting.get_mut(&self.tenant) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                line.waiting.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;

    /// Bodies of a tenant that wait in line, once each has been polled.
    macro_rules! waits {
        ($turn:expr) => {{
            let mut turn = Box::pin($turn);
            assert!(poll!(&mut turn).is_pending());
            turn
        }};
    }

    #[tokio::test]
    async fn a_line_that_is_slow_takes_nobody_more_until_it_moves() {
        let (turns, tenant) = (Turns::new(1, Duration::ZERO), Arc::from("a"));
        let first = turns.take(&tenant).await.unwrap();
        let second = waits!(turns.take(&tenant));
        let third = waits!(turns.take(&tenant));
        // Nobody who waited has come to a turn yet, so how fast it moves is not known.
        let fourth = waits!(turns.take(&tenant));
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(turns.take(&tenant).await.unwrap_err(), Behind);
        drop(second);
        drop(third.await.unwrap());
        let fourth = fourth.await.unwrap();
        let fifth = waits!(turns.take(&tenant));
        drop((fourth, fifth));
        assert!(turns.line().waiting.is_empty() && turns.line().all == 0);
        assert!(turns.take(&tenant).await.is_ok());
    }

    #[tokio::test]
    async fn who_fills_the_line_does_not_keep_another_tenant_out() {
        let (turns, flooder, other) =
            (Turns::new(1, Duration::ZERO), Arc::from("a"), Arc::from("b"));
        let first = turns.take(&flooder).await.unwrap();
        let mut line = Vec::new();
        for _ in 0..4 {
            line.push(waits!(turns.take(&flooder)));
        }
        drop(first);
        let _second = line.remove(0).await.unwrap();
        assert_eq!(turns.take(&flooder).await.unwrap_err(), Behind);
        let mut others = Vec::new();
        while others.len() < 3 {
            others.push(waits!(turns.take(&other)));
        }
        assert_eq!(turns.take(&other).await.unwrap_err(), Behind, "as many as the flooder");
    }
}
