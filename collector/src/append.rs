//! Group commit. Requests decode into a shared set of builders, hand it back and wait; one
//! committer turns what has gathered into one log entry and answers everybody in it.
//!
//! A set is out of the queue while a request decodes into it, so decoding holds no lock, and
//! there are as many sets as requests that decode at the same moment: few. A set whose time
//! has come is not lent again, so no request waits more than one turn.

mod commit;
mod entry;
mod room;
mod shares;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tallylight_schemas::fates::{Fate, Reason};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

pub use commit::Committer;
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
    /// Of these, those of texts of points.
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

/// What has gathered since the last commit.
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
    /// Rows of the newest commit: as many are expected of the next, and room is made for them.
    usual: usize,
    shed: Ledger,
    shed_due: Option<Instant>,
    /// When the committer looks again by itself, as far as it knew; `None` when it has to be woken.
    looks: Option<Instant>,
    closed: bool,
    shares: Shares,
}

impl Queue {
    /// An empty queue as the settings say.
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

    /// Every critical section leaves the state whole, so a poisoned lock is still good.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the caller's tenant stands at `now_us`, whatever it brings.
    pub fn standing(&self, caller: &Caller, now_us: i64) -> Standing {
        self.state().shares.standing(caller, now_us)
    }

    /// Takes room for a request that came at `now_us`, and says how its tenant stands.
    pub fn reserve(
        self: &Arc<Self>,
        caller: &Caller,
        (records, bytes): (usize, usize),
        now_us: i64,
    ) -> Result<(Reservation, Standing), NoRoom> {
        let mut state = self.state();
        let standing = state.shares.standing(caller, now_us);
        if standing.refuses(true) {
            return Err(NoRoom::Pressed(standing));
        }
        if !state.shares.take(&caller.tenant, records, bytes) {
            return Err(NoRoom::Full);
        }
        self.metrics.queue_records.set(state.shares.records());
        Ok((Reservation { queue: self.clone(), caller: caller.clone(), records, bytes }, standing))
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
            None => Set::new(self.partitions, room.records.max(state.usual)),
        }
    }

    /// Takes back a set that nothing came into.
    pub fn give_back(&self, set: Set) {
        let mut state = self.state();
        if state.closed || set.waiters.is_empty() {
            // What waits in it learns by the set's end; its reservations want the lock for that.
            return drop(state);
        }
        state.sets.push(set);
        self.wake_for(state);
    }

    /// Wakes the committer, unless it looks soon enough by itself: a task that is woken for each
    /// request costs more than reading one.
    fn wake_for(&self, state: MutexGuard<'_, State>) {
        let due = self.due_of(&state);
        let sleeps = due.is_some_and(|due| state.looks.is_none_or(|looks| due < looks));
        drop(state);
        if sleeps {
            self.wake.notify_one();
        }
    }

    /// Hands a set back with one more request in it. The receiver learns what came of it; it
    /// errs when the commit was lost together with its task.
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
        let mut state = self.state();
        if state.closed {
            // The set's reservations take the lock as they are dropped.
            drop(state);
            return receiver;
        }
        state.sets.push(set);
        self.wake_for(state);
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

    /// Counts the records of a request that is refused.
    pub fn shed(
        &self,
        (tenant, source): (&Arc<str>, Source),
        records: u64,
        cause: Reason,
    ) -> Tally {
        let tally = Tally::all(Fate::Shed, cause, records);
        let mut state = self.state();
        state.shed.add(tenant, source, &tally);
        state.shed_due.get_or_insert_with(|| Instant::now() + self.flush);
        self.wake_for(state);
        tally
    }

    /// When the next commit should start; `None` while there is nothing to commit. The committer
    /// looks again then.
    fn due(&self) -> Option<Instant> {
        let mut state = self.state();
        state.looks = self.due_of(&state);
        state.looks
    }

    fn due_of(&self, state: &State) -> Option<Instant> {
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
            bytes = bytes.saturating_add(set.bytes + set.rows.letter_bytes());
            bytes <= self.commit_bytes
        };
        let count = state.sets.iter().take_while(fits).count().max(1).min(state.sets.len());
        state.shed_due = None;
        let sets: Vec<Set> = state.sets.drain(..count).collect();
        state.usual = sets.iter().map(|set| set.rows.len()).max().unwrap_or(state.usual);
        (sets, std::mem::take(&mut state.shed))
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
