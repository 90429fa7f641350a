//! The state as bytes, and back: a piece for each partition, and a head. Events wait while a piece
//! is written down, so the pieces of a large audience are of different moments, with some events
//! between them: what a partition misses until the head is in the log, and is read again by it
//! alone. The bytes go where those of the snapshot before were: new memory takes as long as the
//! writing.

use std::num::NonZero;
use std::thread;

use serde::{Deserialize, Serialize};

use crate::pure::partition::PartitionState;
use crate::pure::settle::Settle;
use crate::read::Partitions;

/// Version of the state in snapshots. Any change of a type in it is a new version: older
/// snapshots are passed over then, and the log is read from its start.
pub const STATE_VERSION: u32 = 14;

/// What a snapshot holds.
#[derive(Debug)]
pub struct State {
    /// Sessions and windows.
    pub partitions: Partitions,
    /// Sums that can still change.
    pub settle: Settle,
    /// Transactions of the tables when it was written: tables that say less were replaced.
    pub tables: Vec<u64>,
}

#[derive(Serialize)]
struct HeadRef<'a> {
    settle: &'a Settle,
    tables: &'a [u64],
    bad_parts: u64,
    pieces: Vec<Piece>,
}

#[derive(Deserialize)]
struct Head {
    settle: Settle,
    tables: Vec<u64>,
    bad_parts: u64,
    pieces: Vec<Piece>,
}

/// What is said of a partition's piece.
#[derive(Serialize, Deserialize)]
struct Piece {
    /// Everything before this offset of the events topic is in it.
    position: u64,
    length: usize,
}

/// A state that is written down.
#[derive(Debug, Default)]
pub struct Written {
    head: Vec<u8>,
    /// One for each partition, and memory of those before.
    pieces: Vec<Vec<u8>>,
    /// Where the partitions were whose pieces are written.
    positions: Vec<u64>,
}

impl Written {
    /// Begins anew, over what was written before.
    pub fn begin(&mut self) {
        self.positions.clear();
    }

    /// Writes the next partitions down as they are at `position`: until they have so many open
    /// sessions together, at least one. Answers whether all are written.
    pub fn next(
        &mut self,
        partitions: &Partitions,
        position: u64,
        sessions: usize,
    ) -> postcard::Result<bool> {
        let states = partitions.states();
        self.pieces.resize_with(states.len(), Vec::new);
        let mut written = 0;
        while let Some(state) = states.get(self.positions.len())
            && written < sessions
        {
            over(&mut self.pieces[self.positions.len()], state)?;
            self.positions.push(position);
            written += state.open_sessions();
        }
        Ok(self.positions.len() == states.len())
    }

    /// Writes down what is not of one partition, after all of them. The state is that of this moment.
    pub fn end(
        &mut self,
        partitions: &Partitions,
        settle: &Settle,
        tables: &[u64],
    ) -> postcard::Result<()> {
        let pieces = self.positions.iter().zip(&self.pieces);
        let pieces =
            pieces.map(|(position, piece)| Piece { position: *position, length: piece.len() });
        let pieces = pieces.collect();
        let head = HeadRef { settle, tables, bad_parts: partitions.bad_parts(), pieces };
        over(&mut self.head, &head)
    }

    /// What a snapshot is made of, one after the other.
    pub fn pieces(&self) -> Vec<&[u8]> {
        [&self.head].into_iter().chain(&self.pieces).map(Vec::as_slice).collect()
    }
}

impl State {
    /// Reads a state that was written down.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let (head, rest) = postcard::take_from_bytes::<Head>(bytes).map_err(|e| e.to_string())?;
        let Head { settle, tables, bad_parts, pieces: told } = head;
        let (mut pieces, mut rest) = (Vec::new(), rest);
        for Piece { length, .. } in &told {
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
        let states = states.map_err(|error| error.to_string())?.into_iter().flatten();
        let positions = told.iter().map(|piece| piece.position);
        let states = states.zip(positions).collect();
        Ok(Self { partitions: Partitions::from_parts(states, bad_parts), settle, tables })
    }
}

/// How many partitions a core works on.
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
    pieces.iter().map(|piece| postcard::from_bytes(piece)).collect()
}

/// Writes over what is in `bytes`, and gives memory back that is far too much.
fn over(bytes: &mut Vec<u8>, what: &impl Serialize) -> postcard::Result<()> {
    bytes.clear();
    *bytes = postcard::to_extend(what, std::mem::take(bytes))?;
    if bytes.capacity() / 4 > bytes.len() {
        bytes.shrink_to_fit();
    }
    Ok(())
}
