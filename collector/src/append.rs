//! Group commit. Requests decode into a shared set of builders, hand it back and wait; one
//! task turns what has gathered into one log entry and answers everybody in it.
//!
//! A set is out of the queue while a request decodes into it, so decoding holds no lock, and
//! there are as many sets as requests that decode at the same moment: few. A set whose time
//! has come is not lent again, so no request waits more than one turn.

mod commit;
mod entry;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tallylight_schemas::fates::{Fate, Reason};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

pub use commit::Committer;
pub use entry::{EntryError, parts};

use crate::decode::Rows;
use crate::fates::{Ledger, Source, Tally};
use crate::metrics::Metrics;
use crate::settings::Settings;

/// Why a commit was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendFailure {
    /// The log did not take it; the same request may succeed later.
    Unavailable(String),
    /// It can never succeed, or stored bytes are wrong.
    Internal(String),
}

/// Stored at an offset, or not acknowledged.
pub type Outcome = Result<u64, AppendFailure>;

/// Rows of requests that will be committed together.
#[derive(Debug)]
pub struct Set {
    /// Decode into these.
    pub rows: Rows,
    ledger: Ledger,
    waiters: Vec<(oneshot::Sender<Outcome>, Reservation)>,
    due: Option<Instant>,
    bytes: usize,
}

/// Room in the queue for one request; given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    queue: Arc<Queue>,
    records: usize,
    bytes: usize,
}

/// What has gathered since the last commit.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    wake: Notify,
    metrics: Arc<Metrics>,
    partitions: u16,
    flush_rows: usize,
    flush: Duration,
    max_records: usize,
    max_bytes: usize,
    commit_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    sets: Vec<Set>,
    shed: Ledger,
    shed_due: Option<Instant>,
    closed: bool,
    reserved_records: usize,
    reserved_bytes: usize,
}

impl Queue {
    /// An empty queue as the settings say.
    pub fn new(settings: &Settings, metrics: Arc<Metrics>) -> Self {
        Self {
            state: Mutex::default(),
            wake: Notify::new(),
            metrics,
            partitions: settings.partitions,
            flush_rows: settings.flush_rows,
            flush: Duration::from_millis(settings.flush_ms),
            max_records: settings.queue_records,
            max_bytes: settings.queue_bytes,
            commit_bytes: settings.inflated_bytes,
        }
    }

    /// Every critical section leaves the state whole, so a poisoned lock is still good.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes room for a request; `None` when the queue is full.
    pub fn reserve(self: &Arc<Self>, records: usize, bytes: usize) -> Option<Reservation> {
        let mut state = self.state();
        let sum_records = state.reserved_records.saturating_add(records);
        let sum_bytes = state.reserved_bytes.saturating_add(bytes);
        if sum_records > self.max_records || sum_bytes > self.max_bytes {
            return None;
        }
        (state.reserved_records, state.reserved_bytes) = (sum_records, sum_bytes);
        self.metrics.queue_records.set(i64::try_from(sum_records).unwrap_or(i64::MAX));
        Some(Reservation { queue: self.clone(), records, bytes })
    }

    /// Lends a set to decode the body behind `room` into. A set never holds more than one
    /// full body's bytes, so that one commit fits one log entry with room to spare.
    pub fn lend(&self, room: &Reservation) -> Set {
        let now = Instant::now();
        let fits = |set: &Set| {
            set.due.is_some_and(|due| due > now)
                && set.rows.len() < self.flush_rows
                && set.bytes.saturating_add(room.bytes) <= self.commit_bytes
        };
        let mut state = self.state();
        match state.sets.iter().rposition(fits) {
            Some(at) => state.sets.remove(at),
            None => Set {
                rows: Rows::new(self.partitions),
                ledger: Ledger::default(),
                waiters: Vec::new(),
                due: None,
                bytes: 0,
            },
        }
    }

    /// Hands a set back with one more request in it. The receiver learns what came of it; it
    /// errs when the commit was lost together with its task.
    pub fn hand_over(
        &self,
        mut set: Set,
        (tenant, source): (&Arc<str>, Source),
        tally: &Tally,
        reservation: Reservation,
    ) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        set.ledger.add(tenant, source, tally);
        set.bytes = set.bytes.saturating_add(reservation.bytes);
        set.waiters.push((sender, reservation));
        set.due.get_or_insert_with(|| Instant::now() + self.flush);
        let mut state = self.state();
        if state.closed {
            // The set's reservations take the lock as they are dropped.
            drop(state);
            return receiver;
        }
        state.sets.push(set);
        drop(state);
        self.wake.notify_one();
        receiver
    }

    /// Nobody commits any more: whoever waits learns it, and whoever comes later at once.
    fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let waiting = std::mem::take(&mut state.sets);
        drop(state);
        drop(waiting);
    }

    /// Counts the records of a request that found the queue full.
    pub fn shed(&self, (tenant, source): (&Arc<str>, Source), records: u64) -> Tally {
        let tally = Tally::all(Fate::Shed, Reason::Overload, records);
        let mut state = self.state();
        state.shed.add(tenant, source, &tally);
        state.shed_due.get_or_insert_with(|| Instant::now() + self.flush);
        drop(state);
        self.wake.notify_one();
        tally
    }

    /// When the next commit should start; `None` while there is nothing to commit.
    fn due(&self) -> Option<Instant> {
        let state = self.state();
        if state.sets.iter().map(|set| set.rows.len()).sum::<usize>() >= self.flush_rows {
            return Some(Instant::now());
        }
        state.sets.iter().filter_map(|set| set.due).chain(state.shed_due).min()
    }

    /// Takes what has gathered, oldest first, up to the bytes of one commit.
    fn take(&self) -> (Vec<Set>, Ledger) {
        let mut state = self.state();
        let mut bytes = 0_usize;
        let fits = |set: &&Set| {
            bytes = bytes.saturating_add(set.bytes);
            bytes <= self.commit_bytes
        };
        let count = state.sets.iter().take_while(fits).count().max(1).min(state.sets.len());
        state.shed_due = None;
        (state.sets.drain(..count).collect(), std::mem::take(&mut state.shed))
    }

    /// Puts shed counts back that a commit could not store.
    fn shed_again(&self, shed: Ledger) {
        if shed.is_empty() {
            return;
        }
        let mut state = self.state();
        state.shed.merge(shed);
        state.shed_due.get_or_insert_with(|| Instant::now() + self.flush);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.reserved_records = state.reserved_records.saturating_sub(self.records);
        state.reserved_bytes = state.reserved_bytes.saturating_sub(self.bytes);
        let records = i64::try_from(state.reserved_records).unwrap_or(i64::MAX);
        self.queue.metrics.queue_records.set(records);
    }
}
