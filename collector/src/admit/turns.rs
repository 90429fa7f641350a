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

/// What one is taken to last before one has: a body of some hundred records.
const USUAL: Duration = Duration::from_millis(1);
/// The pace is that of the last so many moves: a machine that stands still for a moment is not slow
/// yet.
const AVERAGED: u32 = 32;
/// In a slow line tenants that have little of it get in until it is so many times as slow, …
const FULL: u32 = 2;
/// … and who waited so many times as long, as those before it took longer than any so far, is refused.
const TOO_LATE: u32 = 4;

/// So many bodies at a time, the others in line.
#[derive(Debug)]
pub(super) struct Turns {
    permits: Semaphore,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    /// A line is slow in which who comes would wait longer.
    patience: Duration,
    /// Bytes that may wait.
    most_bytes: usize,
    /// How many bodies of each tenant wait; as many tenants as the settings name.
    waiting: FxHashMap<Arc<str>, u32>,
    all: u32,
    bytes: usize,
    /// Between two that came to their turns while others waited, by the last [`AVERAGED`] or so.
    each: Duration,
    /// When one did last.
    moved_at: Instant,
}

/// The line is too slow for one more of this tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind;

impl Turns {
    pub(super) fn new(at_once: usize, patience: Duration, most_bytes: usize) -> Self {
        let (waiting, each) = (FxHashMap::default(), USUAL);
        let moved_at = Instant::now();
        let line = Line { patience, most_bytes, waiting, all: 0, bytes: 0, each, moved_at };
        Self { permits: Semaphore::new(at_once), line: Mutex::new(line) }
    }

    /// A turn, after those who came before; to be held while the body is taken.
    pub(super) async fn take(
        &self,
        tenant: &Arc<str>,
        bytes: usize,
        may_be_refused: bool,
    ) -> Result<SemaphorePermit<'_>, Behind> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                if may_be_refused {
                    self.has_room(tenant, bytes)?;
                }
                let place = self.join(tenant, bytes);
                // The semaphore is never closed.
                let permit = self.permits.acquire().await.map_err(|_| Behind)?;
                let mut line = self.line();
                line.moves(place.since, Instant::now());
                let too_late = place.since.elapsed() > line.patience * TOO_LATE;
                drop(line);
                if may_be_refused && too_late {
                    return Err(Behind);
                }
                permit
            }
        };
        // Who came meanwhile is let into the line first, or nobody sees on one core how long it is.
        yield_now().await;
        Ok(permit)
    }

    /// Whether one more of this tenant would be let into the line.
    pub(super) fn has_room(&self, tenant: &Arc<str>, bytes: usize) -> Result<(), Behind> {
        if self.line().has_room(tenant, bytes) { Ok(()) } else { Err(Behind) }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, tenant: &Arc<str>, bytes: usize) -> Place<'_> {
        self.line().enter(tenant, bytes);
        Place { turns: self, tenant: tenant.clone(), bytes, since: Instant::now() }
    }
}

impl Line {
    /// While the line is slow, a tenant has an equal part of it at most: who fills it does not keep
    /// the others out. An empty one takes anybody.
    fn has_room(&self, tenant: &Arc<str>, bytes: usize) -> bool {
        let own = self.waiting.get(tenant).copied().unwrap_or_default();
        let others = self.waiting.len() - usize::from(own > 0);
        let tenants = u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1);
        let wait = self.each.saturating_mul(self.all);
        let has_its_part = own.saturating_mul(tenants) >= self.all;
        let slow = wait > self.patience && has_its_part;
        let full =
            wait > self.patience * FULL || self.bytes.saturating_add(bytes) > self.most_bytes;
        self.all == 0 || !(slow || (full && own > 0))
    }

    fn enter(&mut self, tenant: &Arc<str>, bytes: usize) {
        *self.waiting.entry(tenant.clone()).or_default() += 1;
        self.all += 1;
        self.bytes += bytes;
    }

    fn leave(&mut self, tenant: &Arc<str>, bytes: usize) {
        self.all = self.all.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(own) = self.waiting.get_mut(tenant) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                self.waiting.remove(tenant);
            }
        }
        if self.all == 0 {
            // What was slow once says nothing of the next flood.
            self.each = self.each.min(USUAL);
        }
    }

    /// One that joined at `since` comes to its turn. A moment in which nothing moved counts once,
    /// however many waited for its end.
    fn moves(&mut self, since: Instant, now: Instant) {
        self.moved(now.saturating_duration_since(self.moved_at.max(since)));
        self.moved_at = now;
    }

    fn moved(&mut self, took: Duration) {
        self.each = (self.each * (AVERAGED - 1) + took.min(self.patience)) / AVERAGED;
    }
}

/// A place in line, given up when dropped: also by a client that goes away.
struct Place<'a> {
    turns: &'a Turns,
    tenant: Arc<str>,
    bytes: usize,
    since: Instant,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turns.line().leave(&self.tenant, self.bytes);
    }
}

#[cfg(test)]
mod tests;
