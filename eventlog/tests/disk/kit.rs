//! Helpers for the tests of the disk log.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::{Batch, EventLog, LogError, Part, PartitionRange, TopicSettings};
use tallylight_schemas::clock::WallClock;
use tempfile::TempDir;

pub(crate) const TOPIC: &str = "events";
pub(crate) const HEADER: usize = 40;

/// A folder in a memory file system if there is one: thousands of reopenings need no real disk.
pub(crate) fn fast_dir() -> TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() {
        tempfile::tempdir_in(shared).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

pub(crate) fn settings(dir: &Path, segment_bytes: u64) -> DiskSettings {
    let topics = vec![TopicSettings::new(TOPIC, 1 << 30)];
    DiskSettings { dir: dir.into(), segment_bytes, topics }
}

pub(crate) fn try_open(dir: &Path) -> Result<DiskLog, LogError> {
    DiskLog::open(settings(dir, 1 << 20), Arc::new(WallClock))
}

pub(crate) fn open(dir: &Path) -> DiskLog {
    try_open(dir).unwrap()
}

/// The content of entry `n` in these tests: of different sizes, all distinct.
pub(crate) fn parts(n: u64) -> Vec<Part> {
    let payload = format!("entry {n} ").repeat(usize::try_from(n % 4).unwrap());
    let ranges = vec![PartitionRange { partition: 2, first_row: 0, rows: 7 }];
    vec![
        Part { kind: 1, ranges, payload: payload.into() },
        Part { kind: 4, ranges: vec![], payload: n.to_le_bytes().to_vec().into() },
    ]
}

pub(crate) async fn append(log: &DiskLog, offsets: std::ops::Range<u64>) {
    for n in offsets {
        assert_eq!(log.append(TOPIC, parts(n)).await.unwrap(), n);
    }
}

/// Reads everything from the earliest offset on, and checks that it is what was appended.
pub(crate) async fn read_all(log: &DiskLog) -> Batch {
    let usage = log.usage(TOPIC).unwrap();
    let mut all = Batch { next: usage.earliest, ..Batch::default() };
    while all.next < usage.next {
        let batch = log.read(TOPIC, all.next, 200).await.unwrap();
        assert!(batch.next > all.next, "a read moves on");
        all.next = batch.next;
        all.lost += batch.lost;
        all.entries.extend(batch.entries);
    }
    for entry in &all.entries {
        assert_eq!(entry.parts, parts(entry.offset), "offset {}", entry.offset);
    }
    assert!(all.entries.is_sorted_by(|a, b| a.offset < b.offset));
    all
}

pub(crate) fn segment_path(dir: &Path, base: u64) -> PathBuf {
    dir.join(TOPIC).join(format!("{base:020}.seg"))
}

pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(dir.join(TOPIC)).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        names.filter(|path| path.extension().is_some_and(|e| e == "seg")).collect();
    found.sort();
    found
}

/// The bytes of a log with entries `0..entries` in one segment, as after a crash.
pub(crate) async fn crashed(entries: u64) -> Vec<u8> {
    let dir = fast_dir();
    let log = open(dir.path());
    append(&log, 0..entries).await;
    fs::read(segment_path(dir.path(), 0)).unwrap()
}

/// A log folder whose segments contain these bytes.
pub(crate) fn folder(segments: &[(u64, &[u8])]) -> TempDir {
    let dir = fast_dir();
    fs::create_dir(dir.path().join(TOPIC)).unwrap();
    for (base, bytes) in segments {
        fs::write(segment_path(dir.path(), *base), bytes).unwrap();
    }
    dir
}

/// The start of each record, and the end of the last one.
pub(crate) fn borders(segment: &[u8]) -> Vec<usize> {
    let mut borders = vec![HEADER];
    let mut at = HEADER;
    while at < segment.len() {
        let len = u32::from_le_bytes(segment[at + 4..at + 8].try_into().unwrap());
        at += HEADER + len as usize;
        borders.push(at);
    }
    borders
}

/// The records that differ. Zeroing bytes that are already zero damages nothing.
pub(crate) fn changed(before: &[u8], after: &[u8]) -> Vec<usize> {
    let borders = borders(before);
    let range = |record: usize| borders[record]..borders[record + 1];
    (0..borders.len() - 1).filter(|&n| before[range(n)] != after[range(n)]).collect()
}
