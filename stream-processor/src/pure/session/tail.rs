//! The facts of a session that can still be reordered, packed: millions of sessions have some each,
//! and nearly always only the first and the last are read. A fact takes some 25 bytes here and 120
//! unpacked. Their words and cells are mostly the same, so each of these is written once, before
//! the facts. All of it is one piece of memory.

mod entries;
mod write;

use serde::{Deserialize, Serialize, Serializer};

use self::entries::Kind;
use self::write::{read, read_said, write, write_cells, write_said};
use super::fact::Fact;
use super::pack::{Pen, Reader};
use crate::pure::window::Cells;

/// Unused entries are removed once there are more entries than this plus three per fact.
const FEW: usize = 4;
/// The piece grows by multiples of this: allocators have no blocks of other sizes.
const STEP: usize = 32;

/// A fact, and the cells in which it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    pub(super) fact: Fact,
    pub(super) cells: Cells,
}

/// See the module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tail {
    /// Entries, each with its length and kind behind it, and then one fact after the other. A fact
    /// has the places of its entries: where they begin, from 1; 0 is none.
    #[serde(serialize_with = "in_one_piece")]
    bytes: Vec<u8>,
    /// Times are written relative to this.
    anchor: i64,
    /// Where the facts begin.
    facts: u32,
    /// Where the last fact begins, from there.
    last: u32,
    count: u32,
    /// Place of the cells of the fact taken out last.
    left: u32,
}

/// Postcard writes bytes and a list of `u8` alike, but writing one by one would slow copies down.
fn in_one_piece<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(bytes)
}

impl Tail {
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Time of the first fact.
    pub(super) fn first_at(&self) -> Option<i64> {
        self.at(0)
    }

    /// Time of the last fact.
    pub(super) fn last_at(&self) -> Option<i64> {
        self.at(self.last)
    }

    /// The last fact.
    pub(super) fn last(&self) -> Option<Fact> {
        (!self.is_empty()).then(|| self.read(&mut self.fact(self.last)).0.fact)
    }

    /// The session's cells after the last fact, including those taken out.
    pub(super) fn here(&self) -> Option<Cells> {
        let place = if self.is_empty() { self.left } else { self.fact(self.last).short() };
        self.cells_at(place)
    }

    /// The facts in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Mark> {
        let mut reader = self.fact(0);
        (0..self.count).map(move |_| self.read(&mut reader).0)
    }

    /// Reads something of each part that pushing a fact will read (see [`super::warm`]).
    pub(super) fn touch(&self) -> u64 {
        let byte = |at: u32| self.bytes.get(at as usize).map_or(0, |byte| u64::from(*byte));
        byte(0) + byte(self.facts) + byte(self.facts + self.last)
    }

    /// Appends a fact.
    pub(super) fn push(&mut self, mark: &Mark) {
        if self.entries().nth(FEW + 3 * self.len()).is_some() {
            self.tidy();
        }
        self.append(mark);
    }

    fn append(&mut self, mark: &Mark) {
        if self.is_empty() {
            self.anchor = mark.fact.at;
        }
        let cells = self.place(Kind::Cells, |pen| write_cells(pen, &mark.cells));
        let said = mark.fact.said.as_ref();
        let said = said.map_or(0, |said| self.place(Kind::Said, |pen| write_said(pen, said)));
        let mut pen = Pen::default();
        pen.number(u64::from(cells));
        pen.number(u64::from(said));
        write(&mut pen, &mark.fact, self.anchor);
        self.last = short(self.bytes.len()) - self.facts;
        self.insert(self.bytes.len(), pen.written());
        self.count += 1;
    }

    /// Takes out the first fact.
    pub(super) fn pop_front(&mut self) -> Option<Mark> {
        if self.is_empty() {
            return None;
        }
        let mut reader = self.fact(0);
        let all = reader.left();
        let (mark, left) = self.read(&mut reader);
        let (from, taken) = (self.facts as usize, all - reader.left());
        self.bytes.drain(from..from + taken);
        self.last = self.last.saturating_sub(short(taken));
        self.count -= 1;
        self.left = left;
        Some(mark)
    }

    /// Takes out the facts from place `from` on.
    pub(super) fn split_off(&mut self, from: usize) -> Vec<Mark> {
        let from = from.min(self.len());
        let mut reader = self.fact(0);
        let all = reader.left();
        let (mut kept, mut last) = (0, 0);
        for _ in 0..from {
            last = kept;
            self.read(&mut reader);
            kept = all - reader.left();
        }
        let rest = (from..self.len()).map(|_| self.read(&mut reader).0).collect();
        self.bytes.truncate(self.facts as usize + kept);
        (self.last, self.count) = (short(last), short(from));
        rest
    }

    /// Whether it can be read: one from a snapshot may be damaged.
    pub(super) fn is_sound(&self) -> bool {
        let bytes = self.bytes.len() as u64;
        u64::from(self.facts) + u64::from(self.last) <= bytes && u64::from(self.count) <= bytes
    }

    /// Removes entries that no fact refers to any more.
    fn tidy(&mut self) {
        let all: Vec<Mark> = self.iter().collect();
        let left = self.cells_at(self.left);
        self.bytes.clear();
        (self.facts, self.count) = (0, 0);
        let place = |left: Cells| self.place(Kind::Cells, |pen| write_cells(pen, &left));
        self.left = left.map_or(0, place);
        all.iter().for_each(|mark| self.append(mark));
    }

    /// Inserts bytes at `at`.
    fn insert(&mut self, at: usize, bytes: &[u8]) {
        let (len, needed) = (self.bytes.len(), self.bytes.len() + bytes.len());
        if needed > self.bytes.capacity() {
            // By little, as there is one for each viewer.
            let room = needed.max(len + len / 4).next_multiple_of(STEP);
            self.bytes.reserve_exact(room - len);
        }
        self.bytes.extend_from_slice(bytes);
        self.bytes[at..].rotate_right(bytes.len());
    }

    fn at(&self, fact: u32) -> Option<i64> {
        let mut reader = self.fact(fact);
        let _places = (reader.number(), reader.number());
        (!self.is_empty()).then(|| reader.ms(self.anchor))
    }

    /// Reads from a fact on.
    fn fact(&self, from: u32) -> Reader<'_> {
        self.reader(self.facts as usize + from as usize)
    }

    fn reader(&self, from: usize) -> Reader<'_> {
        Reader::new(self.bytes.get(from..).unwrap_or_default())
    }

    /// A fact, and the place of its cells.
    fn read(&self, from: &mut Reader<'_>) -> (Mark, u32) {
        let (place, said) = (from.short(), from.short() as usize);
        let mut fact = read(from, self.anchor);
        fact.said = said.checked_sub(1).map(|said| read_said(&mut self.reader(said)));
        (Mark { fact, cells: self.cells_at(place).unwrap_or_default() }, place)
    }
}

fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
