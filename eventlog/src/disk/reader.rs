//! Reads entries across segments, verifies every byte, and reports exactly what is missing.

use std::io;
use std::sync::Arc;

use super::files::{Files, unavailable};
use super::quarantine::Damage;
use super::segment::Segment;
use super::source::{Unreadable, is_unreadable};
use super::walk::Walker;
use crate::{Batch, LogError, Part};

/// Minimum and maximum read-ahead, in bytes.
const CHUNK_BYTES: (usize, usize) = (64 << 10, 1 << 20);

/// The readable part of one segment.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) segment: Arc<Segment>,
    /// Length of the readable bytes.
    pub(super) limit: u64,
    /// Offset after its last entry; `None` if another process is still writing it, so that invalid
    /// bytes at its end may become valid.
    pub(super) end: Option<u64>,
}

/// Result of a read. Damage is permanent and is quarantined; bytes that the disk refused are only
/// counted as lost, since a later read may succeed.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) batch: Batch,
    pub(super) damage: Vec<Damage>,
}

/// Reads about `max_bytes` from offset `from` on. `spans` are the segments in order, at least those
/// that contain `from` and later offsets.
pub(super) fn read(
    files: &dyn Files,
    spans: &[Span],
    from: u64,
    max_bytes: usize,
) -> Result<Outcome, LogError> {
    let earliest = spans.first().map_or(from, |span| span.segment.base);
    let mut reading = Reading {
        files,
        from: from.max(earliest),
        max_bytes,
        taken: 0,
        cursor: from.max(earliest),
        full: false,
        out: Outcome::default(),
    };
    for (at, span) in spans.iter().enumerate() {
        if span.end.is_some_and(|end| end <= reading.cursor) {
            continue;
        }
        // The last segment is still being written, so an unreadable block fails the read, which is
        // retried.
        let sealed = at + 1 < spans.len();
        let unreadable = if sealed { Unreadable::PassOver } else { Unreadable::Fail };
        reading
            .segment(span, unreadable)
            .map_err(|error| unavailable("cannot read", &span.segment.path, &error))?;
        if reading.full {
            break;
        }
    }
    let Reading { cursor, mut out, .. } = reading;
    out.batch.next = cursor;
    out.batch.lost = cursor - from - out.batch.entries.len() as u64;
    Ok(out)
}

struct Reading<'a> {
    files: &'a dyn Files,
    from: u64,
    max_bytes: usize,
    taken: usize,
    /// Next offset to be found.
    cursor: u64,
    full: bool,
    out: Outcome,
}

impl Reading<'_> {
    fn segment(&mut self, span: &Span, unreadable: Unreadable) -> io::Result<()> {
        let segment = &span.segment;
        let (mut expected, mut position) = segment.near(self.cursor);
        let mut readable = span.limit;
        let mut refused = false;
        match self.open(span, unreadable) {
            Ok(mut walker) => {
                while let Some(record) = walker.next(position, expected)? {
                    if record.position > position || record.offset > expected {
                        let bytes = (position, record.position);
                        self.lose(span, (expected, record.offset), bytes, walker.refused(bytes));
                    }
                    (expected, position) = (record.offset + 1, record.end);
                    segment.note(record.offset, record.position);
                    if record.offset < self.from {
                        continue;
                    }
                    self.cursor = record.offset;
                    if !self.make_room(&record.parts) {
                        return Ok(());
                    }
                    self.cursor += 1;
                    self.out.batch.entries.push(record.into_entry());
                }
                readable = walker.limit();
                refused = walker.refused((position, readable));
            }
            // The caller knows whether the segment was dropped meanwhile; if not, all of it is
            // lost.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if unreadable == Unreadable::PassOver && is_unreadable(&error) => {
                refused = true;
            }
            Err(error) => return Err(error),
        }
        if let Some(end) = span.end {
            if expected < end {
                self.lose(span, (expected, end), (position, readable), refused);
            }
            self.cursor = self.cursor.max(end);
        }
        Ok(())
    }

    fn open(&self, span: &Span, unreadable: Unreadable) -> io::Result<Walker> {
        let segment = &span.segment;
        // Without an id nothing in the segment is valid, so there is nothing to search.
        let limit = if segment.id.is_some() { span.limit } else { 0 };
        let chunk = self.max_bytes.clamp(CHUNK_BYTES.0, CHUNK_BYTES.1);
        let (at, how) = ((self.files, segment.path.as_path()), (chunk, unreadable));
        let open = || Walker::open(at, segment.id, (segment.base, span.end), limit, how);
        // As with blocks, a second attempt may succeed.
        open().or_else(|error| if is_unreadable(&error) { open() } else { Err(error) })
    }

    fn lose(&mut self, span: &Span, offsets: (u64, u64), bytes: (u64, u64), refused: bool) {
        if refused {
            tracing::error!(
                path = %span.segment.path.display(), ?bytes, ?offsets,
                "the disk cannot read stored bytes; the entries in them are skipped"
            );
            return;
        }
        self.out.damage.push(Damage { offsets, path: span.segment.path.clone(), bytes });
    }

    /// Whether another entry fits. The first one always does.
    fn make_room(&mut self, parts: &[Part]) -> bool {
        let bytes = parts.iter().map(|part| part.payload.len()).sum::<usize>();
        let first = self.out.batch.entries.is_empty();
        self.full = !first && self.taken.saturating_add(bytes) > self.max_bytes;
        self.taken = self.taken.saturating_add(bytes);
        !self.full
    }
}
