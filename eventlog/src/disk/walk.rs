//! Finds the valid records in a segment file, in order, skipping damage.

use std::io;
use std::path::Path;

use super::files::Files;
use super::format::{RECORD_HEADER, RECORD_MAGIC, RecordHeader, SEGMENT_HEADER, checksum_holds};
use super::source::{Source, Unreadable};
use crate::entry;
use crate::{Entry, Part};

/// Size of the window in which a record is searched, in bytes.
const SEARCH_BYTES: usize = 64 << 10;

/// A valid record and its position.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) appended_at_us: i64,
    pub(super) position: u64,
    pub(super) end: u64,
    pub(super) parts: Vec<Part>,
}

impl Record {
    pub(super) fn into_entry(self) -> Entry {
        Entry { offset: self.offset, appended_at_us: self.appended_at_us, parts: self.parts }
    }
}

/// Walks through one segment file. A record is valid if both checksums are correct, it names this
/// segment, its body decodes, and its offset is possible at its position.
#[derive(Debug)]
pub(super) struct Walker {
    source: Source,
    id: Option<u64>,
    base: u64,
    end: Option<u64>,
}

impl Walker {
    /// Opens the first `limit` bytes of the segment at `path`, which starts at offset `base`
    /// and, if known, ends before offset `end`. Without `id` (a damaged header) the first valid
    /// record provides it.
    pub(super) fn open(
        (files, path): (&dyn Files, &Path),
        id: Option<u64>,
        (base, end): (u64, Option<u64>),
        limit: u64,
        (chunk_bytes, unreadable): (usize, Unreadable),
    ) -> io::Result<Self> {
        let source = Source::new(files.open(path)?, limit, chunk_bytes, unreadable)?;
        Ok(Self { source, id, base, end })
    }

    /// Where the readable bytes end.
    pub(super) fn limit(&self) -> u64 {
        self.source.limit()
    }

    /// Whether the disk refused any of these bytes.
    pub(super) fn refused(&self, bytes: (u64, u64)) -> bool {
        self.source.refused(bytes)
    }

    /// The next valid record at `at` or later, with offset `least` or above. If it is later than
    /// `at`, the bytes between are damaged; if its offset is above `least`, the entries between are
    /// lost. `None`: there are no more valid records.
    pub(super) fn next(&mut self, at: u64, least: u64) -> io::Result<Option<Record>> {
        let found = match self.record_at(at, least)? {
            Some(record) => Some(record),
            None => self.search(at, least)?,
        };
        if let Some(record) = &found {
            self.id.get_or_insert(record.segment);
        }
        Ok(found)
    }

    fn record_at(&mut self, at: u64, least: u64) -> io::Result<Option<Record>> {
        let Some(header) = RecordHeader::decode(&self.source.get(at, RECORD_HEADER)?) else {
            return Ok(None);
        };
        if !self.is_possible_at(at, &header) || header.offset < least {
            return Ok(None);
        }
        let whole = self.source.get(at, header.total_len())?;
        if whole.len() < header.total_len() || !checksum_holds(&whole) {
            return Ok(None);
        }
        let end = at + whole.len() as u64;
        Ok(entry::decode(whole.slice(RECORD_HEADER..)).map(|parts| Record {
            segment: header.segment,
            offset: header.offset,
            appended_at_us: header.appended_at_us,
            position: at,
            end,
            parts,
        }))
    }

    /// Offsets are consecutive and each record takes space, so the position bounds the offset:
    /// bytes that only look like a record cannot make the log skip far ahead.
    fn is_possible_at(&self, at: u64, header: &RecordHeader) -> bool {
        let before = at.saturating_sub(SEGMENT_HEADER as u64);
        let most = self.base + before / (RECORD_HEADER + entry::MIN_BODY) as u64;
        self.id.is_none_or(|id| id == header.segment)
            && (self.base..=most).contains(&header.offset)
            && self.end.is_none_or(|end| header.offset < end)
    }

    /// Searches for a record after the invalid one at `at`.
    fn search(&mut self, at: u64, least: u64) -> io::Result<Option<Record>> {
        // If only the body is damaged, the header still gives the start of the next record.
        if let Some(header) = RecordHeader::decode(&self.source.get(at, RECORD_HEADER)?)
            && let Some(record) = self.record_at(at + header.total_len() as u64, least)?
        {
            return Ok(Some(record));
        }
        let mut from = at + 1;
        loop {
            let window = self.source.get(from, SEARCH_BYTES)?;
            if window.len() < RECORD_HEADER {
                return Ok(None);
            }
            for found in magics(&window) {
                if let Some(record) = self.record_at(from + found as u64, least)? {
                    return Ok(Some(record));
                }
            }
            // A magic may straddle two windows.
            from += (window.len() - (RECORD_MAGIC.len() - 1)) as u64;
        }
    }
}

/// Positions of the record magic in `window`.
fn magics(window: &[u8]) -> impl Iterator<Item = usize> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + window.get(from..)?.iter().position(|byte| *byte == RECORD_MAGIC[0])?;
            from = at + 1;
            if window[at..].starts_with(&RECORD_MAGIC) {
                return Some(at);
            }
        }
    })
}
