//! The entries before the facts: their words and the cells in which they count, each once.

use super::super::pack::{Pen, Reader};
use super::super::said::Said;
use super::write::{read_cells, read_said};
use super::{Tail, short};
use crate::pure::window::Cells;

/// Before an entry is stored, this many of the newest are searched for an equal one; an older equal
/// one is stored again.
const LOOKED_AT: usize = 16;

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(u8)]
pub(super) enum Kind {
    Said,
    Cells,
}

impl Tail {
    /// The words reported lately, the newest first.
    pub(in crate::pure::session) fn said(&self) -> impl Iterator<Item = Said> {
        self.all_said().take(LOOKED_AT)
    }

    /// All entries with words.
    pub(in crate::pure::session) fn all_said(&self) -> impl Iterator<Item = Said> {
        let said = self.entries().filter(|(_, entry)| entry.last().is_some_and(is_said));
        said.map(|(_, entry)| read_said(&mut Reader::new(entry)))
    }

    /// The entries with their places, the newest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut rest = self.bytes.get(..self.facts as usize).unwrap_or_default();
        std::iter::from_fn(move || {
            let (tag, before) = rest.split_last()?;
            let from = before.len().checked_sub(usize::from(tag >> 1))?;
            let entry = &rest[from..];
            rest = &rest[..from];
            Some((short(from) + 1, entry))
        })
    }

    /// The place of the entry that `write` writes; it is added if it is missing.
    pub(super) fn place(&mut self, kind: Kind, write: impl FnOnce(&mut Pen)) -> u32 {
        let mut pen = Pen::default();
        write(&mut pen);
        pen.byte((pen.written().len().to_le_bytes()[0] << 1) | kind as u8);
        let entry = pen.written();
        let known = self.entries().take(2 * LOOKED_AT).find(|(_, known)| *known == entry);
        if let Some((place, _)) = known {
            return place;
        }
        let at = self.facts;
        self.insert(at as usize, entry);
        self.facts += short(entry.len());
        at + 1
    }

    /// The cells at a place.
    pub(super) fn cells_at(&self, place: u32) -> Option<Cells> {
        Some(read_cells(&mut self.reader((place as usize).checked_sub(1)?)))
    }
}

fn is_said(tag: &u8) -> bool {
    tag & 1 == Kind::Said as u8
}
