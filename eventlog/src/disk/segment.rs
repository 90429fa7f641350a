//! A segment: a file of records, named after the offset of the first one.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::files::Files;
use super::format::{BadHeader, SEGMENT_HEADER, SegmentHeader};
use super::source::{Source, Unreadable};
use super::walk::Walker;
use crate::LogError;

const SUFFIX: &str = ".seg";
/// Distance between points of the sparse index, in bytes.
const INDEX_STEP: u64 = 64 << 10;
/// Read-ahead while scanning a whole segment.
pub(super) const SCAN_CHUNK: usize = 1 << 20;

/// What is known about a segment file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// Offset of its first record, from the file's name.
    pub(super) base: u64,
    /// Its id; `None` if neither the header nor any record has it, so nothing in it is valid.
    pub(super) id: Option<u64>,
    /// Append time of the entry before the segment; `None` if the header is damaged.
    pub(super) floor_us: Option<i64>,
    /// Sparse (offset, position) pairs, ascending, to start reading near an offset.
    index: Mutex<Vec<(u64, u64)>>,
}

impl Segment {
    /// A segment to be created in `dir`, and its header.
    pub(super) fn fresh(dir: &Path, base: u64, floor_us: i64) -> (Self, [u8; SEGMENT_HEADER]) {
        // The standard library's hasher is seeded by the system, so the id is unique and a client
        // that sends payloads cannot guess it.
        let id = RandomState::new().hash_one((base, floor_us));
        let path = dir.join(format!("{base:020}{SUFFIX}"));
        let header = SegmentHeader { id, base, floor_us }.encode();
        (
            Self { path, base, id: Some(id), floor_us: Some(floor_us), index: Mutex::default() },
            header,
        )
    }

    /// Loads the segment at `path`. Reads only its header, unless that is damaged.
    pub(super) fn load(files: &dyn Files, path: PathBuf, base: u64) -> Result<Self, LogError> {
        let wrong = |error: &io::Error| LogError::Data(format!("{}: {error}", path.display()));
        let (id, floor_us) = match read_header(files, &path).map_err(|error| wrong(&error))? {
            Ok(header) if header.base == base => (Some(header.id), Some(header.floor_us)),
            Err(BadHeader::Later(version)) => {
                return Err(LogError::Data(format!(
                    "{} is of version {version}, written by a later release; use that release",
                    path.display()
                )));
            }
            // The first valid record still has the id.
            Ok(_) | Err(BadHeader::Damaged) => {
                let start = SEGMENT_HEADER as u64;
                let how = (SCAN_CHUNK, Unreadable::PassOver);
                let record = Walker::open((files, &path), None, (base, None), u64::MAX, how)
                    .and_then(|mut walker| walker.next(start, base))
                    .map_err(|error| wrong(&error))?;
                (record.map(|record| record.segment), None)
            }
        };
        Ok(Self { path, base, id, floor_us, index: Mutex::default() })
    }

    /// Adds the record of `offset` at `position` to the sparse index, if it is far enough from the
    /// last point.
    pub(super) fn note(&self, offset: u64, position: u64) {
        let mut index = self.index.lock();
        let last = index.last().map_or((0, SEGMENT_HEADER as u64), |point| *point);
        if offset > last.0 && position >= last.1 + INDEX_STEP {
            index.push((offset, position));
        }
    }

    /// A record at or before `offset`: its offset and its position.
    pub(super) fn near(&self, offset: u64) -> (u64, u64) {
        let index = self.index.lock();
        let after = index.partition_point(|point| point.0 <= offset);
        after.checked_sub(1).map_or((self.base, SEGMENT_HEADER as u64), |at| index[at])
    }
}

/// A header that the disk cannot read counts as damaged.
fn read_header(files: &dyn Files, path: &Path) -> io::Result<Result<SegmentHeader, BadHeader>> {
    let limit = SEGMENT_HEADER as u64;
    let mut source = Source::new(files.open(path)?, limit, 0, Unreadable::PassOver)?;
    Ok(SegmentHeader::decode(&source.get(0, SEGMENT_HEADER)?))
}

/// The segment files in `dir` with their base offsets, in order. Other files are ignored.
pub(super) fn list(files: &dyn Files, dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for path in files.list(dir)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(digits) = name.strip_suffix(SUFFIX).filter(|digits| digits.len() == 20) else {
            continue;
        };
        if let Ok(base) = digits.parse() {
            found.push((base, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}
