//! The state as bytes, and back. Each partition is copied as it is at one moment while events go on
//! (`pure/partition/copy.rs`), one partition after the other. So the copies are of different
//! moments; after a restart each partition reads the entries from its own moment on again. Sessions
//! are serialized as they are copied, into the memory of the previous snapshot: new memory would
//! take as long as the writing. Everything else is cloned, and serialized when the snapshot goes to
//! disk, beside the events.

use std::borrow::Cow;
use std::num::NonZero;
use std::thread;

use serde::{Deserialize, Serialize};

use crate::pure::partition::PartitionState;
use crate::pure::settle::Settle;
use crate::read::Partitions;

/// Version of the state in snapshots. Any change of a type in it needs a new version: then older
/// snapshots are skipped, and the log is read from its start.
pub const STATE_VERSION: u32 = 19;

/// The contents of a snapshot.
#[derive(Debug)]
pub struct State {
    /// Sessions and windows.
    pub partitions: Partitions,
    /// Sums that can still change.
    pub settle: Settle,
    /// Transactions of the tables when it was written: tables with lower ones were replaced.
    pub tables: Vec<u64>,
}

#[derive(Serialize)]
struct HeadRef<'a> {
    settle: &'a Settle,
    tables: &'a [u64],
    bad_parts: u64,
}

#[derive(Deserialize)]
struct Head {
    settle: Settle,
    tables: Vec<u64>,
    bad_parts: u64,
}

/// Describes a partition's piece.
#[derive(Serialize, Deserialize)]
struct Piece {
    /// Everything before this offset of the events topic is in it.
    position: u64,
    length: usize,
}

/// A partition's other state, mostly panes, counts as this many sessions.
const BESIDES: usize = 5_000;

/// The serialized sessions of a state.
#[derive(Debug, Default)]
pub struct Written {
    /// Of each partition; the memory is reused.
    sessions: Vec<Vec<u8>>,
    /// How many partitions are complete.
    whole: usize,
    /// The partitions that are begun: their positions, and everything but their sessions.
    begun: Vec<(u64, PartitionState)>,
    /// Parts that could not be read before the last of these began: those that came later are
    /// counted when they are read again.
    bad_parts: Option<u64>,
}

/// Everything but the sessions.
#[derive(Debug)]
pub struct Rest {
    head: Vec<u8>,
    partitions: Vec<(u64, PartitionState)>,
}

impl Written {
    /// Begins again, overwriting what was written before.
    pub fn begin(&mut self) {
        self.whole = 0;
        self.begun.clear();
        self.bad_parts = None;
    }

    /// Writes this many more sessions; partitions are at `position`, between two entries. Answers
    /// whether all are written.
    pub fn go_on(
        &mut self,
        partitions: &mut Partitions,
        position: u64,
        mut sessions: usize,
    ) -> postcard::Result<bool> {
        let bad_parts = partitions.bad_parts();
        let states = partitions.states_mut();
        self.sessions.resize_with(states.len(), Vec::new);
        while let (Some(state), Some(bytes)) =
            (states.get_mut(self.whole), self.sessions.get_mut(self.whole))
        {
            if self.whole == self.begun.len() {
                if sessions == 0 {
                    return Ok(false);
                }
                self.begun.push((position, state.begin_copy(std::mem::take(bytes))));
                self.bad_parts = Some(bad_parts);
                sessions = sessions.saturating_sub(BESIDES);
            }
            let Some(copy) = state.go_on_copying(&mut sessions) else { return Ok(false) };
            *bytes = trimmed(copy?);
            self.whole += 1;
        }
        Ok(true)
    }

    /// Takes everything that belongs to no partition, as it is at this moment, after all
    /// partitions; but bad parts as of the last partition's moment.
    pub fn end(
        &mut self,
        partitions: &Partitions,
        settle: &Settle,
        tables: &[u64],
    ) -> postcard::Result<Rest> {
        let bad_parts = self.bad_parts.take().unwrap_or_else(|| partitions.bad_parts());
        let head = HeadRef { settle, tables, bad_parts };
        let head = postcard::to_extend(&head, Vec::new())?;
        Ok(Rest { head, partitions: std::mem::take(&mut self.begun) })
    }

    /// The pieces of a snapshot, in their order.
    pub fn pieces<'a>(&'a self, rest: &'a Rest) -> postcard::Result<Vec<Cow<'a, [u8]>>> {
        let (mut table, mut pieces) = (Vec::new(), Vec::new());
        for ((position, state), sessions) in rest.partitions.iter().zip(&self.sessions) {
            let state = postcard::to_extend(state, Vec::new())?;
            table.push(Piece { position: *position, length: state.len() + sessions.len() });
            pieces.extend([Cow::Owned(state), Cow::Borrowed(sessions.as_slice())]);
        }
        let table = postcard::to_extend(&table, Vec::new())?;
        Ok([Cow::Owned(table), Cow::Borrowed(rest.head.as_slice())]
            .into_iter()
            .chain(pieces)
            .collect())
    }
}

impl State {
    /// Reads a serialized state.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let why = |error: postcard::Error| error.to_string();
        let (table, rest) = postcard::take_from_bytes::<Vec<Piece>>(bytes).map_err(why)?;
        let (head, mut rest) = postcard::take_from_bytes::<Head>(rest).map_err(why)?;
        let Head { settle, tables, bad_parts } = head;
        let mut pieces = Vec::new();
        for Piece { length, .. } in &table {
            let (piece, more) = rest.split_at_checked(*length).ok_or("a partition is cut off")?;
            pieces.push(piece);
            rest = more;
        }
        if !rest.is_empty() {
            return Err("there is more in it than a state".to_owned());
        }
        let states = thread::scope(|scope| {
            let shares = pieces.chunks(share(pieces.len()));
            let work = shares.map(|pieces| scope.spawn(|| states_of(pieces)));
            joined(work.collect())
        });
        let states = states.map_err(why)?.into_iter().flatten();
        let positions = table.iter().map(|piece| piece.position);
        let states = states.zip(positions).collect();
        Ok(Self { partitions: Partitions::from_parts(states, bad_parts), settle, tables })
    }
}

/// How many partitions each core works on.
fn share(partitions: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    partitions.div_ceil(cores).max(1)
}

fn joined<T>(
    work: Vec<thread::ScopedJoinHandle<'_, postcard::Result<T>>>,
) -> postcard::Result<Vec<T>> {
    let done = |one: thread::ScopedJoinHandle<'_, postcard::Result<T>>| {
        one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    };
    work.into_iter().map(done).collect()
}

fn states_of(pieces: &[&[u8]]) -> postcard::Result<Vec<PartitionState>> {
    pieces.iter().map(|piece| PartitionState::read(piece)).collect()
}

/// Releases memory if it is far too large.
fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.capacity() / 4 > bytes.len() {
        bytes.shrink_to_fit();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tallylight_eventlog::{Entry, Part};
    use tallylight_schemas::record::Kind;

    use super::*;
    use crate::pure::limits::Limits;

    /// An entry of a part that cannot be read.
    fn bad(offset: u64) -> Entry {
        let payload = Bytes::from_static(b"damaged");
        let part = Part { kind: Kind::Player.code(), ranges: Vec::new(), payload };
        Entry { offset, appended_at_us: 1, parts: vec![part] }
    }

    #[test]
    fn a_bad_part_that_is_read_again_after_a_restart_is_counted_once() {
        let mut partitions = Partitions::new(2, &Limits::default());
        let mut written = Written::default();
        written.begin();
        // One partition is as of before the first entry, the other as of after it.
        assert!(!written.go_on(&mut partitions, 0, 1).unwrap());
        partitions.entry(&bad(0));
        assert!(written.go_on(&mut partitions, 1, 1).unwrap());
        partitions.entry(&bad(1));
        let rest = written.end(&partitions, &Settle::default(), &[]).unwrap();
        let bytes = written.pieces(&rest).unwrap().concat();
        let mut again = State::read(&bytes).unwrap().partitions;
        assert_eq!((again.position(), again.bad_parts()), (0, 1));
        again.entry(&bad(0));
        again.entry(&bad(1));
        assert_eq!((again.bad_parts(), partitions.bad_parts()), (2, 2));
    }
}
