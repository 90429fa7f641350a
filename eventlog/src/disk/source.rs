//! Reads a segment file in chunks, skipping blocks that the disk cannot read.

use std::io;

use bytes::Bytes;
use nix::errno::Errno;

use super::files::ReadAt;

/// Disks and file systems fail in blocks of at least this size.
const BLOCK_BYTES: u64 = 4 << 10;
/// Unreadable blocks after which the rest of the file is skipped: a dying disk may take seconds for
/// each of them.
const MAX_REFUSED: usize = 64;

/// How to treat bytes that the disk cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Fail.
    Fail,
    /// Read zeros, which are never a valid record, so that later records are still found.
    PassOver,
}

/// Whether an error concerns the requested bytes, so that a retry does not help. Other errors (no
/// file handles left, a server that does not answer) are temporary.
pub(super) fn is_unreadable(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(code, Some(Errno::EIO | Errno::EBADMSG))
}

/// A file read in chunks, up to a limit. Returned bytes share the chunk's memory.
#[derive(Debug)]
pub(super) struct Source {
    file: Box<dyn ReadAt>,
    limit: u64,
    chunk_bytes: usize,
    start: u64,
    chunk: Bytes,
    unreadable: Unreadable,
    /// Byte ranges that the disk refused, unordered.
    refused: Vec<(u64, u64)>,
}

impl Source {
    /// The first `limit` bytes of `file`.
    pub(super) fn new(
        file: Box<dyn ReadAt>,
        limit: u64,
        chunk_bytes: usize,
        unreadable: Unreadable,
    ) -> io::Result<Self> {
        let limit = limit.min(file.len()?);
        let (chunk, refused) = (Bytes::new(), Vec::new());
        Ok(Self { file, limit, chunk_bytes, start: 0, chunk, unreadable, refused })
    }

    /// Where the readable bytes end.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether the disk refused any of these bytes, or the one after them.
    pub(super) fn refused(&self, (from, to): (u64, u64)) -> bool {
        self.refused.iter().any(|gap| gap.0 <= to && from < gap.1)
    }

    /// `len` bytes from `at`, fewer where the file ends.
    pub(super) fn get(&mut self, at: u64, len: usize) -> io::Result<Bytes> {
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
            let here = at + filled as u64;
            let read = match self.read(&mut buffer[filled..], here) {
                Err(error) if self.unreadable == Unreadable::PassOver && is_unreadable(&error) => {
                    self.around(&mut buffer[filled..], here)?
                }
                read => read?,
            };
            if read == 0 {
                // The file was truncated since the limit was taken.
                self.limit = here;
                break;
            }
            filled += read;
        }
        buffer.truncate(filled);
        self.start = at;
        self.chunk = buffer.into();
        Ok(self.chunk.slice(..len.min(filled)))
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// Advances past `at`, where reading failed, by one block, with zeros if that block itself is
    /// unreadable. Returns 0 if the rest of the file is skipped.
    fn around(&mut self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let end = (at / BLOCK_BYTES + 1) * BLOCK_BYTES;
        let len = clip(buffer.len(), end - at);
        let block = &mut buffer[..len];
        if !self.refused.iter().any(|gap| gap.0 <= at && at < gap.1) {
            match self.read(block, at) {
                Err(error) if is_unreadable(&error) => {}
                read => return read,
            }
            if self.refused.len() >= MAX_REFUSED {
                self.refused.push((at, u64::MAX));
                return Ok(0);
            }
            self.refused.push((at, end));
        }
        block.fill(0);
        Ok(len)
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
