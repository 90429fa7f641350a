//! The encoding of a fact, its words and its cells.

use super::super::clue::Clue;
use super::super::fact::{Fact, Origin, Token};
use super::super::pack::{Pen, Reader};
use super::super::said::Said;
use crate::pure::window::Cells;

/// Clues are numbered after the ten states.
const CLUES: u8 = 10;

/// Bits that tell which members of a fact are present. Those that few players send need another
/// byte.
mod has {
    pub(super) const TS: u64 = 1;
    /// The time as stated is not the time as corrected.
    pub(super) const OTHER_TS: u64 = 2;
    pub(super) const SN: u64 = 4;
    /// The first of nine numbers that may be missing.
    pub(super) const NUMBERS: u64 = 8;
    /// Not a number, but as rare.
    pub(super) const REPORTED: u64 = NUMBERS << 9;
    pub(super) const RESPONSE: u64 = REPORTED << 1;
    pub(super) const CHANGE: u64 = RESPONSE << 1;
}

/// Writes a fact without its words; its time relative to `anchor`.
pub(super) fn write(pen: &mut Pen, fact: &Fact, anchor: i64) {
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
    there |= u64::from(fact.reported) * has::REPORTED;
    there |= u64::from(fact.response) * has::RESPONSE;
    there |= u64::from(fact.change) * has::CHANGE;
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

/// Reads what [`write`] wrote.
pub(super) fn read(from: &mut Reader<'_>, anchor: i64) -> Fact {
    let at = from.ms(anchor);
    let what = from.byte();
    let mut fact = Fact::bare(at, Origin::ALL[usize::from(what & 3)]);
    let token = usize::from((what >> 2) & 15);
    fact.token = Token::at(token);
    fact.clue = token.checked_sub(usize::from(CLUES)).and_then(Clue::at);
    (fact.error, fact.hidden) = (what & 64 != 0, what & 128 != 0);
    let there = from.number();
    fact.reported = there & has::REPORTED != 0;
    fact.response = there & has::RESPONSE != 0;
    fact.change = there & has::CHANGE != 0;
    if there & has::OTHER_TS != 0 {
        fact.ts = from.ms(at).into();
    } else if there & has::TS != 0 {
        fact.ts = at.into();
    }
    fact.sn = (there & has::SN != 0).then(|| from.number());
    for (n, number) in fact.numbers_mut().into_iter().enumerate() {
        if there & (has::NUMBERS << n) != 0 {
            *number = from.short().cast_signed();
        }
    }
    if fact.origin != Origin::Silence {
        fact.id = from.eight();
    }
    fact
}

/// Writes the words of a fact: which are present, and their numbers.
pub(super) fn write_said(pen: &mut Pen, said: &Said) {
    let numbers = said.numbers();
    let bits =
        numbers.iter().rev().fold(0, |bits, number| (bits << 1) | u64::from(number.is_some()));
    pen.number(bits);
    numbers.into_iter().flatten().for_each(|number| pen.number(number.into()));
}

/// Reads what [`write_said`] wrote.
pub(super) fn read_said(from: &mut Reader<'_>) -> Said {
    let bits = from.number();
    Said::of_numbers(std::array::from_fn(|at| ((bits >> at) & 1 == 1).then(|| from.short())))
}

/// Writes the cells in which a fact counts.
pub(super) fn write_cells(pen: &mut Pen, cells: &Cells) {
    cells.numbers().into_iter().for_each(|number| pen.number(number.into()));
}

/// Reads what [`write_cells`] wrote.
pub(super) fn read_cells(from: &mut Reader<'_>) -> Cells {
    Cells::of_numbers(std::array::from_fn(|_| from.short()))
}
