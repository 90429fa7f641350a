//! Finds valid records in a segment file, one after the other, past whatever is damaged.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;

use super::entry;
use super::format::{RECORD_HEADER, RECORD_MAGIC, RecordHeader, SEGMENT_HEADER, checksum_holds};
use crate::{Entry, Part};

/// How many bytes are searched for a record at a time.
const SEARCH_BYTES: usize = 64 << 10;

/// A file read in chunks, up to a limit. What it hands out shares the chunk's memory.
#[derive(Debug)]
struct Source {
    file: File,
    limit: u64,
    chunk_bytes: usize,
    start: u64,
    chunk: Bytes,
}

impl Source {
    /// `len` bytes from `at`, fewer where the file ends.
    fn get(&mut self, at: u64, len: usize) -> io::Result<Bytes> {
        let len = clip(len, self.limit.saturating_sub(at));
        if len == 0 {
            return Ok(Bytes::new());
        }
        if let Some(slice) = self.loaded(at, len) {
            return Ok(slice);
        }
        let wanted = clip(len.max(self.chunk_bytes), self.limit - at);
        let mut buffer = vec![0; wanted];
        let mut filled = 0;
        while filled < wanted {
            match self.file.read_at(&mut buffer[filled..], at + filled as u64) {
                // Cut by someone else since the limit was taken: what is gone is not there.
                Ok(0) => {
                    self.limit = at + filled as u64;
                    break;
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        buffer.truncate(filled);
        self.start = at;
        self.chunk = buffer.into();
        Ok(self.chunk.slice(..len.min(filled)))
    }

    fn loaded(&self, at: u64, len: usize) -> Option<Bytes> {
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        let to = from.checked_add(len)?;
        (to <= self.chunk.len()).then(|| self.chunk.slice(from..to))
    }
}

fn clip(len: usize, left: u64) -> usize {
    usize::try_from(left).map_or(len, |left| len.min(left))
}

/// A valid record and where it stands.
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

/// Walks through one segment file. A record is valid when both checksums hold, it names this
/// segment, its body decodes, and its offset is one that can stand at its place.
#[derive(Debug)]
pub(super) struct Walker {
    source: Source,
    id: Option<u64>,
    base: u64,
    end: Option<u64>,
}

impl Walker {
    /// Opens the first `limit` bytes of the segment at `path`, which starts at offset `base`
    /// and, where known, ends before offset `end`. Without `id` (a damaged header) the first
    /// valid record tells it.
    pub(super) fn open(
        path: &Path,
        id: Option<u64>,
        (base, end): (u64, Option<u64>),
        limit: u64,
        chunk_bytes: usize,
    ) -> io::Result<Self> {
        let file = File::open(path)?;
        let limit = limit.min(file.metadata()?.len());
        let source = Source { file, limit, chunk_bytes, start: 0, chunk: Bytes::new() };
        Ok(Self { source, id, base, end })
    }

    /// Where the readable bytes end.
    pub(super) fn limit(&self) -> u64 {
        self.source.limit
    }

    /// The next valid record at `at` or later, of offset `least` or above. If it stands later
    /// than `at`, the bytes between are damaged; if its offset is above `least`, the entries
    /// between are lost. `None`: there is no valid record any more.
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
        if !self.may_stand_at(at, &header) || header.offset < least {
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

    /// Offsets follow each other and each record takes room, so a position bounds the offset:
    /// bytes that only look like a record cannot send the log far ahead.
    fn may_stand_at(&self, at: u64, header: &RecordHeader) -> bool {
        let before = at.saturating_sub(SEGMENT_HEADER as u64);
        let most = self.base + before / (RECORD_HEADER + entry::MIN_BODY) as u64;
        self.id.is_none_or(|id| id == header.segment)
            && (self.base..=most).contains(&header.offset)
            && self.end.is_none_or(|end| header.offset < end)
    }

    /// Looks for a record after the bad one at `at`.
    fn search(&mut self, at: u64, least: u64) -> io::Result<Option<Record>> {
        // If only the body is bad, the header still tells where the next record starts.
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

/// Where `window` holds the magic of a record.
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
