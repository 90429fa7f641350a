//! Turns for large bodies. Inflating and decoding one takes milliseconds of a core, so only a few
//! are processed at once and the others wait in line. While the line moves too slowly, a new body
//! is refused before any work is done on it: work on a body that is refused later is taken from one
//! that could be kept (ADR 21).

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::yield_now;
use tokio::time::Instant;

/// The assumed time for a body before any was measured: some hundred records.
const USUAL: Duration = Duration::from_millis(1);
/// The pace is averaged over this many moves, so that a machine that stalls for a moment does not
/// count as slow.
const AVERAGED: u32 = 32;
/// In a slow line, light bodies and tenants with a small part of it are admitted until the wait
/// is this many times as long, …
const FULL: u32 = 2;
/// … and a large body that waited this many times as long is refused, as the bodies before it took
/// longer than any measured so far.
const TOO_LATE: u32 = 4;

/// A limited number of bodies at a time; the others wait in line.
#[derive(Debug)]
pub(super) struct Turns {
    permits: Semaphore,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    /// The line is slow when a new body would wait longer than this.
    patience: Duration,
    /// Most bytes that may wait.
    most_bytes: usize,
    /// Waiting bodies by tenant; there are as many tenants as the settings name.
    waiting: FxHashMap<Arc<str>, u32>,
    all: u32,
    bytes: usize,
    /// Average time between two bodies that got their turns while others waited.
    each: Duration,
    /// When a body last got its turn.
    moved_at: Instant,
}

/// The line is too slow for another body of this tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind;

impl Turns {
    pub(super) fn new(at_once: usize, patience: Duration, most_bytes: usize) -> Self {
        let (waiting, each) = (FxHashMap::default(), USUAL);
        let moved_at = Instant::now();
        let line = Line { patience, most_bytes, waiting, all: 0, bytes: 0, each, moved_at };
        Self { permits: Semaphore::new(at_once), line: Mutex::new(line) }
    }

    /// A turn, in order of arrival, to be held while the body is processed. A light body costs
    /// little, so only those that would make all others wait for long are refused.
    pub(super) async fn take(
        &self,
        tenant: &Arc<str>,
        bytes: usize,
        is_light: bool,
    ) -> Result<SemaphorePermit<'_>, Behind> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                if !is_light {
                    self.has_room(tenant, bytes)?;
                } else if !self.line.lock().has_room_for_light(tenant) {
                    return Err(Behind);
                }
                let place = self.join(tenant, bytes);
                // The semaphore is never closed.
                let permit = self.permits.acquire().await.map_err(|_| Behind)?;
                let mut line = self.line.lock();
                line.moves(place.since, Instant::now());
                let too_late = place.since.elapsed() > line.patience * TOO_LATE;
                drop(line);
                if too_late && !is_light {
                    return Err(Behind);
                }
                permit
            }
        };
        // Lets bodies that arrived meanwhile join the line first: on one core nobody would see its
        // length otherwise.
        yield_now().await;
        Ok(permit)
    }

    /// Whether another body of this tenant would be admitted to the line.
    pub(super) fn has_room(&self, tenant: &Arc<str>, bytes: usize) -> Result<(), Behind> {
        if self.line.lock().has_room(tenant, bytes) { Ok(()) } else { Err(Behind) }
    }

    fn join(&self, tenant: &Arc<str>, bytes: usize) -> Place<'_> {
        self.line.lock().enter(tenant, bytes);
        Place { turns: self, tenant: tenant.clone(), bytes, since: Instant::now() }
    }
}

impl Line {
    /// While the line is slow, a tenant may hold at most an equal part of it, so that one that
    /// fills it does not keep the others out. An empty line admits any body.
    fn has_room(&self, tenant: &Arc<str>, bytes: usize) -> bool {
        let (own, has_its_part) = self.part(tenant);
        let slow = self.wait() > self.patience && has_its_part;
        let full = self.is_full() || self.bytes.saturating_add(bytes) > self.most_bytes;
        self.all == 0 || !(slow || (full && own > 0))
    }

    /// Whether a light body is admitted: always, unless the wait is long and its tenant has an
    /// equal part of the line.
    fn has_room_for_light(&self, tenant: &Arc<str>) -> bool {
        let (own, has_its_part) = self.part(tenant);
        !(self.is_full() && own > 0 && has_its_part)
    }

    /// How many bodies of a tenant wait, and whether another would be more than an equal part.
    fn part(&self, tenant: &Arc<str>) -> (u32, bool) {
        let own = self.waiting.get(tenant).copied().unwrap_or_default();
        let others = self.waiting.len() - usize::from(own > 0);
        let tenants = u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1);
        (own, own.saturating_mul(tenants) >= self.all)
    }

    /// How long a new body would wait.
    fn wait(&self) -> Duration {
        self.each.saturating_mul(self.all)
    }

    fn is_full(&self) -> bool {
        self.wait() > self.patience * FULL
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
            // An earlier slow spell says nothing about the next flood.
            self.each = self.each.min(USUAL);
        }
    }

    /// A body that joined at `since` gets its turn. A stall counts once, however many bodies waited
    /// for it to end.
    fn moves(&mut self, since: Instant, now: Instant) {
        self.moved(now.saturating_duration_since(self.moved_at.max(since)));
        self.moved_at = now;
    }

    fn moved(&mut self, took: Duration) {
        self.each = (self.each * (AVERAGED - 1) + took.min(self.patience)) / AVERAGED;
    }
}

/// A place in line. It is given up on drop, also when the client goes away.
struct Place<'a> {
    turns: &'a Turns,
    tenant: Arc<str>,
    bytes: usize,
    since: Instant,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turns.line.lock().leave(&self.tenant, self.bytes);
    }
}

#[cfg(test)]
mod tests;
