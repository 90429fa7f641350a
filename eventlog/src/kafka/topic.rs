//! State of one topic of a shard: its ends, and a cache of the newest entries, which most reads
//! want.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{Batch, Entry, LogError, TopicSettings, Usage};

/// Bytes of the newest entries to keep in memory; at least one entry is kept.
const RUN_BYTES: u64 = 16 << 20;

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) settings: TopicSettings,
    /// Its name in Kafka.
    pub(super) name: String,
    /// Its partition in Kafka.
    partition: i32,
    /// The next offset to be written, as far as this process knows.
    pub(super) head: watch::Sender<u64>,
    /// The follower has read everything below this offset.
    pub(super) followed: watch::Sender<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    earliest: u64,
    last_us: i64,
    /// The newest entries, each with its size in bytes.
    run: VecDeque<(Entry, u64)>,
    run_bytes: u64,
    /// The first offset that the run covers.
    run_start: u64,
    /// What was read, in any order: its mean size estimates that of the topic.
    seen_entries: u64,
    seen_bytes: u64,
    /// Records that Tallylight did not write.
    foreign: u64,
    /// Set once the topic has become shorter than what was read: the offset read to, and the end
    /// found then.
    cut: Option<(u64, u64)>,
}

impl State {
    fn measured(&mut self, bytes: u64) {
        self.seen_entries += 1;
        self.seen_bytes += bytes;
    }
}

/// How a read is served.
#[derive(Debug)]
pub(super) enum ReadPlan {
    /// From memory.
    Cached(Batch),
    /// Entries `from..to` must be read from the brokers.
    FromBrokers { from: u64, to: u64, lost: u64 },
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

    /// Its name and partition in Kafka.
    pub(super) fn location(&self) -> (&str, i32) {
        (&self.name, self.partition)
    }

    /// Takes the ends of the topic from a broker.
    pub(super) fn learned(&self, (low, high): (u64, u64)) {
        let mut state = self.state.lock();
        state.earliest = state.earliest.max(low);
        drop(state);
        self.raise(high);
    }

    /// Raises the head to at least `next`; it never goes back.
    pub(super) fn raise(&self, next: u64) {
        self.head.send_if_modified(|head| {
            let rises = next > *head;
            *head = next.max(*head);
            rises
        });
    }

    /// Calls `send` with a time not below that of any known entry. Calls are serialised, so that
    /// times follow the order of sending.
    pub(super) fn timed<T>(&self, now_us: i64, send: impl FnOnce(i64) -> T) -> T {
        let mut state = self.state.lock();
        state.last_us = state.last_us.max(now_us);
        send(state.last_us)
    }

    /// An entry was stored by this process.
    pub(super) fn stored(&self, offset: u64) {
        self.raise(offset + 1);
    }

    /// The follower read a record; `entry` is `None` if Tallylight did not write it.
    pub(super) fn saw(&self, offset: u64, bytes: u64, entry: Option<Entry>) {
        let mut state = self.state.lock();
        match entry {
            Some(entry) => {
                state.last_us = state.last_us.max(entry.appended_at_us);
                state.measured(bytes);
                state.run_bytes += bytes;
                state.run.push_back((entry, bytes));
            }
            None => {
                state.foreign += 1;
                tracing::warn!(topic = self.name, offset, "a record that Tallylight did not write");
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

    /// An earlier entry of this size was read from the brokers.
    pub(super) fn measured(&self, bytes: u64) {
        self.state.lock().measured(bytes);
    }

    /// Returns where a follower begins: at the end known now. That may be days after the topic was
    /// opened; what came before is read from the brokers by those who want it.
    pub(super) fn begin(&self) -> u64 {
        let end = *self.head.borrow();
        self.jumped(end);
        end
    }

    /// The follower continues at `offset`: earlier entries are gone, or not for it to read.
    pub(super) fn jumped(&self, offset: u64) {
        let mut state = self.state.lock();
        state.run.clear();
        state.run_bytes = 0;
        state.run_start = offset;
        drop(state);
        self.followed.send_replace(offset);
    }

    /// The topic was read up to `at` and has lost its tail since, or was recreated; it ends at `end`
    /// now. New entries reuse offsets that were already read, so every further read fails. A process
    /// that only appends does not notice.
    pub(super) fn cut(&self, at: u64, end: u64) {
        self.state.lock().cut = Some((at, end));
        tracing::error!(topic = self.name, at, end, "the topic has become shorter");
        // Pretend that there are more entries: waiting readers then read and get the error.
        self.head.send_modify(|head| *head += 1);
    }

    /// Fails once the topic has become shorter.
    pub(super) fn check_whole(&self) -> Result<(), LogError> {
        let Some((at, end)) = self.state.lock().cut else { return Ok(()) };
        Err(LogError::Data(format!(
            "topic {} was read up to {at}, has lost its tail since or was recreated, and ends at {end}",
            self.name
        )))
    }

    /// Reads from memory, or returns the range to read from the brokers.
    pub(super) fn read(&self, from: u64, max_bytes: usize) -> Result<ReadPlan, LogError> {
        let state = self.state.lock();
        let followed = *self.followed.borrow();
        let start = from.max(state.earliest);
        let lost = start - from;
        if start < state.run_start {
            return Ok(ReadPlan::FromBrokers { from: start, to: state.run_start, lost });
        }
        if start > followed || (start == followed && start < *self.head.borrow()) {
            return Err(LogError::Unavailable(format!(
                "topic {} has entries up to {}, but no broker sends those from {followed} on",
                self.name,
                *self.head.borrow()
            )));
        }
        let mut collect = Collect::new(start, lost, max_bytes);
        let first = state.run.partition_point(|(entry, _)| entry.offset < start);
        let fits = state.run.iter().skip(first).all(|(entry, _)| collect.take(entry));
        Ok(ReadPlan::Cached(collect.done(fits.then_some(followed))))
    }

    pub(super) fn usage(&self) -> Usage {
        let state = self.state.lock();
        let next = *self.head.borrow();
        let kept = next.saturating_sub(state.earliest);
        let mean =
            if kept == 0 { Some(0) } else { state.seen_bytes.checked_div(state.seen_entries) };
        Usage {
            bytes: mean.map(|mean| kept.saturating_mul(mean)),
            cap_bytes: self.settings.cap_bytes,
            earliest: state.earliest,
            next,
            dropped_entries: state.earliest,
            quarantined_entries: state.foreign,
        }
    }
}

/// Collects entries into a batch and counts the gaps between them.
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

    /// Takes the entry unless that would exceed the limit.
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

    /// Counts everything below `offset` that did not arrive as lost.
    pub(super) fn pass(&mut self, offset: u64) {
        self.batch.lost += offset.saturating_sub(self.batch.next);
        self.batch.next = self.batch.next.max(offset);
    }

    pub(super) fn next(&self) -> u64 {
        self.batch.next
    }

    /// The batch; if `end` is given, everything up to it was read.
    pub(super) fn done(mut self, end: Option<u64>) -> Batch {
        if let Some(end) = end {
            self.pass(end);
        }
        self.batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(ends: (u64, u64)) -> Topic {
        Topic::new(TopicSettings::new("events", 1 << 30), ("t-events".to_owned(), 0), ends)
    }

    #[test]
    fn a_follower_begins_at_the_end_known_then_and_not_at_that_of_the_opening() {
        let topic = topic((0, 0));
        topic.learned((0, 900));
        assert_eq!((topic.begin(), *topic.followed.borrow()), (900, 900));
        let before = topic.read(899, 1).unwrap();
        let past = matches!(before, ReadPlan::FromBrokers { from: 899, to: 900, lost: 0 });
        assert!(past, "{before:?}");
    }

    #[test]
    fn the_size_of_entries_is_unknown_until_one_was_read() {
        let bytes = |topic: &Topic| topic.usage().bytes;
        assert_eq!(bytes(&topic((7, 7))), Some(0), "none are kept");
        let topic = topic((7, 907));
        assert_eq!(bytes(&topic), None);
        topic.measured(10);
        assert_eq!(bytes(&topic), Some(9_000));
        topic.saw(907, 20, None);
        assert_eq!(bytes(&topic), Some(9_010), "other software's records are no measure");
    }
}
