//! What is known of one topic of a shard: its ends, and the newest entries, which most readers want.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::watch;

use crate::common::lock;
use crate::{Batch, Entry, LogError, TopicSettings, Usage};

/// Bytes of the newest entries kept in memory; one entry at least.
const RUN_BYTES: u64 = 16 << 20;

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) settings: TopicSettings,
    /// What Kafka calls it.
    pub(super) name: String,
    /// Which of its partitions this is.
    partition: i32,
    /// The next offset to be written, as far as it is known here.
    pub(super) head: watch::Sender<u64>,
    /// Everything below has been followed.
    pub(super) followed: watch::Sender<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    earliest: u64,
    last_us: i64,
    /// The newest entries, with the bytes that each takes up.
    run: VecDeque<(Entry, u64)>,
    run_bytes: u64,
    /// The first offset that the run covers.
    run_start: u64,
    seen_entries: u64,
    seen_bytes: u64,
    /// Records that are none of ours.
    foreign: u64,
    /// It ends before what was read of it: how far that was, and the end.
    cut: Option<(u64, u64)>,
}

/// Where a read goes.
#[derive(Debug)]
pub(super) enum Place {
    /// It is answered.
    Here(Batch),
    /// It is about entries from `from` to `to` that only the brokers have.
    Past { from: u64, to: u64, lost: u64 },
}

impl Topic {
    pub(super) fn new(
        settings: TopicSettings,
        (name, partition): (String, i32),
        (low, high): (u64, u64),
    ) -> Self {
        let state = State { earliest: low, run_start: high, ..State::default() };
        Self {
            settings,
            name,
            partition,
            head: watch::Sender::new(high),
            followed: watch::Sender::new(high),
            state: Mutex::new(state),
        }
    }

    /// Its name and its partition, as Kafka calls them.
    pub(super) fn place(&self) -> (&str, i32) {
        (&self.name, self.partition)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The ends of the topic as a broker told them.
    pub(super) fn learned(&self, (low, high): (u64, u64)) {
        let mut state = self.state();
        state.earliest = state.earliest.max(low);
        drop(state);
        self.raise(high);
    }

    /// The head is at `next` at least; it never steps back.
    pub(super) fn raise(&self, next: u64) {
        self.head.send_if_modified(|head| {
            let rises = next > *head;
            *head = next.max(*head);
            rises
        });
    }

    /// Does `send` with a time that is not below that of any entry known here, alone, so that
    /// times are in the order of sending.
    pub(super) fn timed<T>(&self, now_us: i64, send: impl FnOnce(i64) -> T) -> T {
        let mut state = self.state();
        state.last_us = state.last_us.max(now_us);
        send(state.last_us)
    }

    /// An entry was stored by this process.
    pub(super) fn stored(&self, offset: u64) {
        self.raise(offset + 1);
    }

    /// The follower saw a record; `entry` is none if it is none of ours.
    pub(super) fn saw(&self, offset: u64, bytes: u64, entry: Option<Entry>) {
        let mut state = self.state();
        match entry {
            Some(entry) => {
                state.last_us = state.last_us.max(entry.appended_at_us);
                state.seen_entries += 1;
                state.seen_bytes += bytes;
                state.run_bytes += bytes;
                state.run.push_back((entry, bytes));
            }
            None => {
                state.foreign += 1;
                tracing::warn!(topic = self.name, offset, "a record that no Tallylight wrote");
            }
        }
        while state.run_bytes > RUN_BYTES
            && state.run.len() > 1
            && let Some((oldest, bytes)) = state.run.pop_front()
        {
            state.run_bytes -= bytes;
            state.run_start = oldest.offset + 1;
        }
        drop(state);
        self.followed.send_replace(offset + 1);
        self.raise(offset + 1);
    }

    /// The follower goes on at `offset`, since what was before is gone.
    pub(super) fn jumped(&self, offset: u64) {
        let mut state = self.state();
        state.run.clear();
        state.run_bytes = 0;
        state.run_start = offset;
        drop(state);
        self.followed.send_replace(offset);
    }

    /// The topic ends before `at`, up to where it was read: its tail was lost, or it was made anew. What
    /// is written now has offsets that were read already, so no reader goes on as if nothing were. Who
    /// only writes does not know of it.
    pub(super) fn cut(&self, at: u64, end: u64) {
        self.state().cut = Some((at, end));
        tracing::error!(topic = self.name, at, end, "the topic has become shorter");
        // As if there were more: whoever waits for that reads, and is told.
        self.head.send_modify(|head| *head += 1);
    }

    /// An error once the topic has become shorter.
    pub(super) fn check_whole(&self) -> Result<(), LogError> {
        let Some((at, end)) = self.state().cut else { return Ok(()) };
        Err(LogError::Data(format!(
            "topic {} was read up to {at} and ends at {end}: its tail was lost, or it was made anew",
            self.name
        )))
    }

    /// Reads from what is kept here, or says what to ask the brokers for.
    pub(super) fn read(&self, from: u64, max_bytes: usize) -> Result<Place, LogError> {
        let state = self.state();
        let followed = *self.followed.borrow();
        let start = from.max(state.earliest);
        let lost = start - from;
        if start < state.run_start {
            return Ok(Place::Past { from: start, to: state.run_start, lost });
        }
        if start > followed || (start == followed && start < *self.head.borrow()) {
            return Err(LogError::Unavailable(format!(
                "topic {} has entries up to {}, and no broker sends those from {followed} on",
                self.name,
                *self.head.borrow()
            )));
        }
        let mut collect = Collect::new(start, lost, max_bytes);
        let first = state.run.partition_point(|(entry, _)| entry.offset < start);
        let fits = state.run.iter().skip(first).all(|(entry, _)| collect.take(entry));
        Ok(Place::Here(collect.done(fits.then_some(followed))))
    }

    pub(super) fn usage(&self) -> Usage {
        let state = self.state();
        let next = *self.head.borrow();
        let kept = next.saturating_sub(state.earliest);
        let mean = state.seen_bytes.checked_div(state.seen_entries).unwrap_or(0);
        Usage {
            bytes: kept.saturating_mul(mean),
            cap_bytes: self.settings.cap_bytes,
            earliest: state.earliest,
            next,
            dropped_entries: state.earliest,
            quarantined_entries: state.foreign,
        }
    }
}

/// Gathers entries into a batch and counts the gaps between them.
#[derive(Debug)]
pub(super) struct Collect {
    batch: Batch,
    taken: usize,
    max_bytes: usize,
}

impl Collect {
    pub(super) fn new(from: u64, lost: u64, max_bytes: usize) -> Self {
        let batch = Batch { next: from, lost, ..Batch::default() };
        Self { batch, taken: 0, max_bytes }
    }

    /// Takes the entry unless that would be too much.
    pub(super) fn take(&mut self, entry: &Entry) -> bool {
        let bytes = entry.parts.iter().map(|part| part.payload.len()).sum::<usize>();
        if !self.batch.entries.is_empty() && self.taken + bytes > self.max_bytes {
            return false;
        }
        self.taken += bytes;
        self.pass(entry.offset);
        self.batch.next = entry.offset + 1;
        self.batch.entries.push(entry.clone());
        true
    }

    /// Everything below `offset` that did not come is lost.
    pub(super) fn pass(&mut self, offset: u64) {
        self.batch.lost += offset.saturating_sub(self.batch.next);
        self.batch.next = self.batch.next.max(offset);
    }

    pub(super) fn next(&self) -> u64 {
        self.batch.next
    }

    /// The batch; all of it up to `end` was seen, if an end is given.
    pub(super) fn done(mut self, end: Option<u64>) -> Batch {
        if let Some(end) = end {
            self.pass(end);
        }
        self.batch
    }
}
