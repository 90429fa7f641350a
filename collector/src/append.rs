//! Group commit. Requests decode into a shared set of builders, return it and wait; one committer
//! turns the gathered rows into one log entry and answers every request in it.
//!
//! A set is out of the queue while a request decodes into it, so decoding holds no lock, and there
//! are only as many sets as requests that decode at the same moment. A set whose commit is due is
//! not lent again, so a request waits for at most one more commit.

mod commit;
mod entry;
mod room;
mod shares;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tallylight_schemas::fates::{Fate, Reason};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

pub use commit::Committer;
pub(crate) use commit::LAST;
pub use entry::{EntryError, entries};
pub use room::{NoRoom, Reservation};

use crate::admit::Caller;
use crate::decode::Rows;
use crate::fates::{Ledger, Source, Tally};
use crate::metrics::Metrics;
use crate::pure::ladder::Standing;
use crate::settings::Settings;
use shares::Shares;

/// Why a commit was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendFailure {
    /// The log did not take it; the same request may succeed later.
    Unavailable(String),
    /// It can never succeed, or stored bytes are corrupt.
    Internal(String),
}

/// Stored at an offset, or not acknowledged.
pub type Outcome = Result<u64, AppendFailure>;

/// Rows of requests that will be committed together.
#[derive(Debug)]
pub struct Set {
    /// Requests decode into these.
    pub rows: Rows,
    ledger: Ledger,
    waiters: Vec<(oneshot::Sender<Outcome>, Reservation)>,
    due: Option<Instant>,
    bytes: usize,
    /// The part of the bytes taken by texts of metric points.
    point_bytes: usize,
}

impl Set {
    fn new(partitions: u16, expected: usize) -> Self {
        let mut rows = Rows::new(partitions);
        rows.expect(expected);
        let (ledger, waiters) = (Ledger::default(), Vec::new());
        Self { rows, ledger, waiters, due: None, bytes: 0, point_bytes: 0 }
    }
}

/// The rows gathered since the last commit.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    wake: Notify,
    metrics: Arc<Metrics>,
    partitions: u16,
    flush_rows: usize,
    flush: Duration,
    commit_bytes: usize,
}

#[derive(Debug)]
struct State {
    sets: Vec<Set>,
    /// Rows of the newest commit: capacity for as many is reserved for the next.
    usual: usize,
    shed: Ledger,
    shed_due: Option<Instant>,
    /// When the committer next checks by itself; `None` when it has to be woken.
    looks: Option<Instant>,
    closed: bool,
    shares: Shares,
}

impl Queue {
    /// An empty queue as configured.
    pub fn new(settings: &Settings, metrics: Arc<Metrics>) -> Self {
        let state = State {
            sets: Vec::new(),
            usual: 0,
            shed: Ledger::default(),
            shed_due: None,
            looks: None,
            closed: false,
            shares: Shares::new(settings),
        };
        Self {
            state: Mutex::new(state),
            wake: Notify::new(),
            metrics,
            partitions: settings.partitions,
            flush_rows: settings.flush_rows,
            flush: Duration::from_millis(settings.flush_ms),
            commit_bytes: settings.inflated_bytes,
        }
    }

    /// The standing of the caller's tenant at `now_us`, regardless of the request.
    pub fn standing(&self, caller: &Caller, now_us: i64) -> Standing {
        self.state.lock().shares.standing(caller, now_us)
    }

    /// Reserves room for a request that arrived at `now_us`, and returns its tenant's standing.
    pub fn reserve(
        self: &Arc<Self>,
        caller: &Caller,
        (records, bytes): (usize, usize),
        now_us: i64,
    ) -> Result<(Reservation, Standing), NoRoom> {
        let mut state = self.state.lock();
        let standing = state.shares.standing(caller, now_us);
        if standing.refuses(true) {
            return Err(NoRoom::Pressed(standing));
        }
        if !state.shares.take(&caller.tenant, records, bytes) {
            return Err(NoRoom::Full);
        }
        self.metrics.queue_records.set(state.shares.records());
        let (queue, caller) = (self.clone(), caller.clone());
        Ok((Reservation { queue, caller, records, bytes, charged: 0 }, standing))
    }

    /// Lends a set for decoding the body that `room` was reserved for. A set never holds more bytes
    /// than one full body, so that one commit fits one log entry with room to spare.
    pub fn lend(&self, room: &Reservation) -> Set {
        let now = Instant::now();
        let fits = |set: &Set| {
            set.due.is_some_and(|due| due > now)
                && set.rows.len() < self.flush_rows
                && set.bytes.saturating_add(room.bytes) <= self.commit_bytes
        };
        let mut state = self.state.lock();
        match state.sets.iter().rposition(fits) {
            Some(at) => state.sets.remove(at),
            None => Set::new(self.partitions, room.records.max(state.usual)),
        }
    }

    /// Takes back a set to which nothing was added.
    pub fn give_back(&self, set: Set) {
        let mut state = self.state.lock();
        if state.closed || set.waiters.is_empty() {
            // Dropping the set notifies its waiters; its reservations take the lock when they are
            // dropped.
            return drop(state);
        }
        state.sets.push(set);
        self.wake_for(state);
    }

    /// Wakes the committer, unless it checks soon enough by itself: waking a task for each request
    /// costs more than decoding one.
    fn wake_for(&self, state: MutexGuard<'_, State>) {
        let due = self.due_of(&state);
        let sleeps = due.is_some_and(|due| state.looks.is_none_or(|looks| due < looks));
        drop(state);
        if sleeps {
            self.wake.notify_one();
        }
    }

    /// Returns a set with one more request in it. The receiver gets the outcome of the commit, or
    /// an error when the commit was lost together with its task.
    pub fn hand_over(
        &self,
        mut set: Set,
        source: Source,
        tally: &Tally,
        mut reservation: Reservation,
    ) -> oneshot::Receiver<Outcome> {
        let before = std::mem::replace(&mut set.point_bytes, set.rows.point_bytes());
        reservation.keep(tally, set.point_bytes.saturating_sub(before));
        let (sender, receiver) = oneshot::channel();
        set.ledger.add(&reservation.caller.tenant, source, tally);
        set.bytes = set.bytes.saturating_add(reservation.bytes);
        set.waiters.push((sender, reservation));
        set.due.get_or_insert_with(|| Instant::now() + self.flush);
        let mut state = self.state.lock();
        if state.closed {
            // The set's reservations take the lock when they are dropped.
            drop(state);
            return receiver;
        }
        state.sets.push(set);
        self.wake_for(state);
        receiver
    }

    /// No more commits: waiting requests are told so, and later ones at once.
    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.sets);
        drop(state);
        drop(waiting);
    }

    /// Counts the records of a refused request.
    pub fn shed(
        &self,
        (tenant, source): (&Arc<str>, Source),
        records: u64,
        cause: Reason,
    ) -> Tally {
        let tally = Tally::all(Fate::Shed, cause, records);
        let mut state = self.state.lock();
        state.shed.add(tenant, source, &tally);
        state.shed_due.get_or_insert_with(|| Instant::now() + self.flush);
        self.wake_for(state);
        tally
    }

    /// When the next commit is due, which is also when the committer checks again; `None` while
    /// there is nothing to commit.
    fn due(&self) -> Option<Instant> {
        let mut state = self.state.lock();
        state.looks = self.due_of(&state);
        state.looks
    }

    fn due_of(&self, state: &State) -> Option<Instant> {
        if state.sets.iter().map(|set| set.rows.len()).sum::<usize>() >= self.flush_rows {
            return Some(Instant::now());
        }
        state.sets.iter().filter_map(|set| set.due).chain(state.shed_due).min()
    }

    /// Takes the gathered sets, oldest first, up to the bytes of one commit.
    fn take(&self) -> (Vec<Set>, Ledger) {
        let mut state = self.state.lock();
        let mut bytes = 0_usize;
        let fits = |set: &&Set| {
            bytes = bytes.saturating_add(set.bytes + set.rows.letter_bytes());
            bytes <= self.commit_bytes
        };
        let count = state.sets.iter().take_while(fits).count().max(1).min(state.sets.len());
        state.shed_due = None;
        let sets: Vec<Set> = state.sets.drain(..count).collect();
        state.usual = sets.iter().map(|set| set.rows.len()).max().unwrap_or(state.usual);
        (sets, std::mem::take(&mut state.shed))
    }

    /// Restores shed counts that a commit could not store.
    fn shed_again(&self, shed: Ledger) {
        if shed.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        state.shed.merge(shed);
        state.shed_due.get_or_insert_with(|| Instant::now() + self.flush);
    }
}
