//! Opening a topic: cuts the torn tail of the last segment, counts damage before it, and finds
//! where to go on. Older segments are not read: their names and headers are enough.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{self, Files, SegmentFile, unavailable};
use super::format::SEGMENT_HEADER;
use super::quarantine::{Damage, Quarantine};
use super::segment::{self, SCAN_CHUNK, Segment};
use super::source::Unreadable;
use super::topic::{Placed, State, Topic};
use super::walk::Walker;
use crate::{LogError, TopicSettings};

/// What opening a topic had to repair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of a torn tail that were cut. None of them was acknowledged, unless the very last
    /// entries of a log that was not closed were damaged on the disk, which looks the same;
    /// a copy is in `quarantine/`.
    pub cut_bytes: u64,
    /// Entries found damaged in the last segment.
    pub damaged_entries: u64,
}

/// An open topic, and what its writer goes on with.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) topic: Topic,
    pub(super) active: Box<dyn SegmentFile>,
    pub(super) last_us: i64,
    pub(super) recovery: Recovery,
}

/// What a scan of a whole segment found.
#[derive(Debug)]
struct Scan {
    /// Where its last valid record ends.
    end: u64,
    /// Offset after its last valid record.
    next: u64,
    last_us: Option<i64>,
    damage: Vec<Damage>,
}

/// Opens the topic in `dir`.
pub(super) fn open(
    dir: PathBuf,
    settings: TopicSettings,
    files: &Arc<dyn Files>,
) -> Result<Opened, LogError> {
    let failed = |error: io::Error| unavailable("cannot open", &dir, &error);
    make_dir(&**files, &dir).map_err(failed)?;
    let mut quarantine = Quarantine::load(files, &dir).map_err(failed)?;
    let mut segments = load(&**files, &dir)?;
    let mut recovery = Recovery::default();
    let (mut next, mut last_us) = (quarantine.end(), i64::MIN);
    let mut active = None;

    if let Some(Placed { segment, bytes }) = segments.pop_back() {
        let scan = scan(&**files, &segment, bytes).map_err(failed)?;
        next = next.max(scan.next);
        last_us = match scan.last_us.or(segment.floor_us) {
            Some(last_us) => last_us,
            // Nothing in the last segment tells the time: the one before it does.
            None => last_time(&**files, &segments).map_err(failed)?,
        };
        recovery.damaged_entries = scan.damage.iter().map(|d| d.offsets.1 - d.offsets.0).sum();
        let earliest = segments.front().map_or(segment.base, |first| first.segment.base);
        quarantine.add(&scan.damage, earliest);
        if segment.id.is_some() {
            recovery.cut_bytes = bytes.saturating_sub(scan.end);
            keep_tail(&quarantine, &segment, (scan.end, bytes));
            let file = files::resume(&**files, &segment.path, scan.end).map_err(failed)?;
            // Goes on in this segment only if its header is whole and its offsets follow.
            if segment.floor_us.is_some() && next == scan.next {
                active = Some(file);
            }
            segments.push_back(Placed { segment, bytes: scan.end });
        } else {
            // Nothing valid in it. It is made anew below under the same name, unless its
            // offsets are known to be lost: then it stays, as their place.
            recovery.cut_bytes = bytes;
            keep_tail(&quarantine, &segment, (0, bytes));
            if next > segment.base {
                segments.push_back(Placed { segment, bytes });
            }
        }
    }
    let active = match active {
        Some(active) => active,
        None => {
            let (segment, header) = Segment::fresh(&dir, next, last_us);
            let file = files::create(&**files, &segment.path, &header).map_err(failed)?;
            segments.push_back(Placed { segment: Arc::new(segment), bytes: SEGMENT_HEADER as u64 });
            file
        }
    };
    let state = State { segments, next, stopped: None };
    let topic = Topic::new(settings, (files.clone(), dir.clone()), state, quarantine);
    Ok(Opened { topic, active, last_us, recovery })
}

fn make_dir(files: &dyn Files, dir: &Path) -> io::Result<()> {
    files.make_dir(dir)?;
    files.sync_dir(dir.parent().unwrap_or(dir))?;
    // Left behind by a crash while a segment was being made.
    for path in files.list(dir)? {
        if path.extension().is_some_and(|extension| extension == "new") {
            files.remove(&path)?;
        }
    }
    Ok(())
}

fn load(files: &dyn Files, dir: &Path) -> Result<VecDeque<Placed>, LogError> {
    let failed = |error: io::Error| unavailable("cannot list", dir, &error);
    let mut segments = VecDeque::new();
    let listed = segment::list(files, dir).map_err(failed)?;
    // After a failed sync, file systems such as ext4 and XFS keep pages that the disk never got and
    // mark them clean: a scan would find records that a power cut takes away. This is best effort:
    // pages that another process maps stay.
    if let Some((_, path)) = listed.last()
        && let Err(error) = files.drop_cached(path)
    {
        tracing::warn!(path = %path.display(), %error, "the page cache cannot be dropped");
    }
    for (base, path) in listed {
        let bytes = files.open(&path).and_then(|file| file.len()).map_err(failed)?;
        segments.push_back(Placed { segment: Arc::new(Segment::load(files, path, base)?), bytes });
    }
    Ok(segments)
}

/// Reads all of a segment. Bytes that the disk does not give back are an error: what is cut
/// after the last valid record must be known to be none.
fn scan(files: &dyn Files, segment: &Segment, bytes: u64) -> io::Result<Scan> {
    let start = SEGMENT_HEADER as u64;
    let mut scan =
        Scan { end: start.min(bytes), next: segment.base, last_us: None, damage: Vec::new() };
    if segment.id.is_none() {
        scan.end = 0;
        return Ok(scan);
    }
    let (path, range) = (&segment.path, (segment.base, None));
    let how = (SCAN_CHUNK, Unreadable::Fail);
    let mut walker = Walker::open((files, path), segment.id, range, bytes, how)?;
    let mut position = start;
    while let Some(record) = walker.next(position, scan.next)? {
        if record.offset > scan.next {
            scan.damage.push(Damage {
                offsets: (scan.next, record.offset),
                path: path.clone(),
                bytes: (position, record.position),
            });
        }
        segment.note(record.offset, record.position);
        scan.next = record.offset + 1;
        scan.last_us = Some(record.appended_at_us);
        position = record.end;
        scan.end = record.end;
    }
    Ok(scan)
}

fn last_time(files: &dyn Files, segments: &VecDeque<Placed>) -> io::Result<i64> {
    for Placed { segment, bytes } in segments.iter().rev() {
        if let Some(last_us) = scan(files, segment, *bytes)?.last_us.or(segment.floor_us) {
            return Ok(last_us);
        }
    }
    Ok(i64::MIN)
}

fn keep_tail(quarantine: &Quarantine, segment: &Segment, bytes: (u64, u64)) {
    if bytes.0 >= bytes.1 {
        return;
    }
    tracing::warn!(
        path = %segment.path.display(), from = bytes.0, to = bytes.1,
        "cutting the torn tail of the log"
    );
    let offsets = (segment.base, segment.base);
    quarantine.keep_tail(&Damage { offsets, path: segment.path.clone(), bytes });
}
