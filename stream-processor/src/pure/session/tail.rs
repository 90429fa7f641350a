//! The facts of a session that can still be reordered, packed: millions of sessions have some each,
//! and nearly always only the first and the last are looked at. A fact takes some 25 bytes here and
//! 120 where it is worked with.

use serde::{Deserialize, Serialize};

use super::clue::Clue;
use super::fact::{Fact, Origin, Token};
use super::pack::{Pen, Reader};
use super::said::Said;
use crate::pure::window::Cells;

/// Before something is stored, the newest so many entries are searched for an equal one; an older
/// equal is stored again.
const LOOKED_AT: usize = 16;
/// Unused entries are removed once there are more entries than this plus three per fact.
const FEW: usize = 4;

/// What a clue is written as begins after the ten states.
const CLUES: u8 = 10;

/// Bits that say which members of a fact are there. Those that few players send need a byte more.
mod has {
    pub(super) const TS: u64 = 1;
    /// The time as stated is not the time as corrected.
    pub(super) const OTHER_TS: u64 = 2;
    pub(super) const SN: u64 = 4;
    /// The first of nine numbers that may be missing.
    pub(super) const NUMBERS: u64 = 8;
    /// Not a number, but said as seldom.
    pub(super) const TOLD: u64 = NUMBERS << 9;
}

/// A fact, and the cells in which it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    pub(super) fact: Fact,
    pub(super) cells: Cells,
}

/// See the module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tail {
    /// One fact after the other. What is before `first` is taken out already.
    bytes: Vec<u8>,
    first: u32,
    /// Where the last fact begins.
    last: u32,
    count: u32,
    /// What times are written against.
    anchor: i64,
    /// What facts say; a fact has its place here.
    said: Vec<Said>,
    /// Where they stand, likewise.
    cells: Vec<Cells>,
    /// Place of the cells of the fact that was taken out last, from 1; 0 is none.
    left: u32,
    /// The same of the last fact that is here, or of that.
    here: u32,
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
        (!self.is_empty()).then(|| self.reader(self.first).ms(self.anchor))
    }

    /// Time of the last fact.
    pub(super) fn last_at(&self) -> Option<i64> {
        (!self.is_empty()).then(|| self.reader(self.last).ms(self.anchor))
    }

    /// The last fact.
    pub(super) fn last(&self) -> Option<Fact> {
        (!self.is_empty()).then(|| self.read(&mut self.reader(self.last)).0.fact)
    }

    /// Where the session stands after the last fact, those taken out among them.
    pub(super) fn here(&self) -> Option<Cells> {
        self.cells_at(self.here)
    }

    /// The facts in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Mark> {
        let mut reader = self.reader(self.first);
        (0..self.count).map(move |_| self.read(&mut reader).0)
    }

    /// What was said lately, the newest last.
    pub(super) fn said(&self) -> &[Said] {
        &self.said[self.said.len().saturating_sub(LOOKED_AT)..]
    }

    /// All that holds words.
    pub(super) fn all_said(&self) -> &[Said] {
        &self.said
    }

    /// Reads a bit of everything that pushing a fact will read (see [`super::warm`]).
    pub(super) fn touch(&self) -> u64 {
        let byte = |at: u32| self.bytes.get(at as usize).map_or(0, |byte| u64::from(*byte));
        let said = self.said.last().is_some_and(|said| said.error.is_some());
        let cells = self.cells_at(self.here).is_some_and(|cells| cells == Cells::default());
        byte(self.first) + byte(self.last) + u64::from(said) + u64::from(cells)
    }

    /// Appends a fact.
    pub(super) fn push(&mut self, mark: &Mark) {
        if self.said.len() + self.cells.len() > FEW + 3 * self.len() {
            self.tidy();
        }
        self.append(mark);
    }

    fn append(&mut self, mark: &Mark) {
        if self.is_empty() {
            self.bytes.clear();
            (self.first, self.anchor) = (0, mark.fact.at);
        }
        let said = mark.fact.said.as_ref().map_or(0, |said| place(&mut self.said, said));
        self.here = place(&mut self.cells, &mark.cells);
        let mut pen = Pen::default();
        write(&mut pen, &mark.fact, self.anchor);
        pen.number(u64::from(said));
        pen.number(u64::from(self.here));
        let bytes = pen.written();
        if self.bytes.len() + bytes.len() > self.bytes.capacity() {
            self.bytes.drain(..(self.first as usize).min(self.bytes.len()));
            self.first = 0;
            // By little: there are as many as there are viewers.
            self.bytes.reserve_exact(bytes.len().max(self.bytes.len() / 4));
        }
        self.last = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(bytes);
        self.count += 1;
    }

    /// Takes out the first fact.
    pub(super) fn pop_front(&mut self) -> Option<Mark> {
        if self.is_empty() {
            return None;
        }
        let mut reader = self.reader(self.first);
        let (mark, left) = self.read(&mut reader);
        self.first = u32::try_from(self.bytes.len() - reader.left()).unwrap_or(u32::MAX);
        self.count -= 1;
        self.left = left;
        Some(mark)
    }

    /// Takes out the facts from place `from` on.
    pub(super) fn split_off(&mut self, from: usize) -> Vec<Mark> {
        let all: Vec<Mark> = self.iter().collect();
        let (kept, rest) = all.split_at(from.min(all.len()));
        (self.count, self.here) = (0, self.left);
        kept.iter().for_each(|mark| self.append(mark));
        rest.to_vec()
    }

    /// Throws out what no fact says any more.
    fn tidy(&mut self) {
        let all: Vec<Mark> = self.iter().collect();
        let left = self.cells_at(self.left);
        self.said.clear();
        self.cells.clear();
        self.left = left.map_or(0, |cells| place(&mut self.cells, &cells));
        (self.count, self.here) = (0, self.left);
        all.iter().for_each(|mark| self.append(mark));
    }

    fn cells_at(&self, place: u32) -> Option<Cells> {
        self.cells.get((place as usize).checked_sub(1)?).copied()
    }

    fn reader(&self, from: u32) -> Reader<'_> {
        Reader::new(self.bytes.get(from as usize..).unwrap_or_default())
    }

    /// A fact, and the place of its cells.
    fn read(&self, from: &mut Reader<'_>) -> (Mark, u32) {
        let mut fact = read(from, self.anchor);
        let said = usize::try_from(from.number()).unwrap_or(0);
        fact.said = said.checked_sub(1).and_then(|at| self.said.get(at).copied());
        let place = u32::try_from(from.number()).unwrap_or(0);
        (Mark { fact, cells: self.cells_at(place).unwrap_or_default() }, place)
    }
}

/// The place of `item` among `all`, from 1; it is put there when it is not.
fn place<T: Copy + PartialEq>(all: &mut Vec<T>, item: &T) -> u32 {
    let newest = all.iter().enumerate().rev().take(LOOKED_AT);
    let known = newest.filter(|(_, known)| *known == item).map(|(at, _)| at).next();
    let at = known.unwrap_or_else(|| {
        // Most sessions say one thing.
        all.reserve_exact(1);
        all.push(*item);
        all.len() - 1
    });
    u32::try_from(at + 1).unwrap_or(0)
}

fn write(pen: &mut Pen, fact: &Fact, anchor: i64) {
    pen.ms(fact.at, anchor);
    let token = fact.token.map_or(0, |token| token as u8 + 1);
    // Only where no state is named.
    let token = fact.clue.map_or(token, |clue| clue as u8 + 1 + CLUES);
    let flags = (u8::from(fact.error) << 6) | (u8::from(fact.hidden) << 7);
    pen.byte(fact.origin as u8 | (token << 2) | flags);
    let (ts, numbers) = (fact.ts.get(), fact.numbers());
    let mut there = u64::from(ts.is_some()) * has::TS;
    there |= u64::from(ts.is_some_and(|ts| ts != fact.at)) * has::OTHER_TS;
    there |= u64::from(fact.sn.is_some()) * has::SN;
    there |= u64::from(fact.told) * has::TOLD;
    for (n, (number, missing)) in numbers.into_iter().enumerate() {
        there |= u64::from(number != missing) * (has::NUMBERS << n);
    }
    pen.number(there);
    if let Some(ts) = ts.filter(|ts| *ts != fact.at) {
        pen.ms(ts, fact.at);
    }
    fact.sn.into_iter().for_each(|sn| pen.number(sn));
    for (number, _) in numbers.into_iter().filter(|(number, missing)| number != missing) {
        pen.number(u64::from(number.cast_unsigned()));
    }
    if fact.origin != Origin::Silence {
        pen.eight(fact.id);
    }
}

fn read(from: &mut Reader<'_>, anchor: i64) -> Fact {
    let at = from.ms(anchor);
    let what = from.byte();
    let mut fact = Fact::bare(at, Origin::ALL[usize::from(what & 3)]);
    let token = usize::from((what >> 2) & 15);
    fact.token = Token::at(token);
    fact.clue = token.checked_sub(usize::from(CLUES)).and_then(Clue::at);
    (fact.error, fact.hidden) = (what & 64 != 0, what & 128 != 0);
    let there = from.number();
    fact.told = there & has::TOLD != 0;
    if there & has::OTHER_TS != 0 {
        fact.ts = from.ms(at).into();
    } else if there & has::TS != 0 {
        fact.ts = at.into();
    }
    fact.sn = (there & has::SN != 0).then(|| from.number());
    for (n, number) in fact.numbers_mut().into_iter().enumerate() {
        if there & (has::NUMBERS << n) != 0 {
            *number = u32::try_from(from.number()).unwrap_or(0).cast_signed();
        }
    }
    if fact.origin != Origin::Silence {
        fact.id = from.eight();
    }
    fact
}

#[cfg(test)]
mod tests;
