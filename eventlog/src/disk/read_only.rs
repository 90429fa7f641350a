//! Reads a log that another process may be writing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{RealFiles, unavailable};
use super::reader::{self, Span};
use super::segment::{self, Segment};
use crate::{Batch, LogError};

/// How often to retry when segments are dropped while they are read.
const MAX_LOOKS: usize = 100;

/// A topic opened for reading only: takes no lock, cuts no tail and counts no damage.
///
/// It sees whole records as soon as they are written, possibly a moment before they are synced and
/// acknowledged. So use it for inspection only.
#[derive(Debug)]
pub struct ReadOnly {
    dir: PathBuf,
}

impl ReadOnly {
    /// Opens `topic` of the log in `dir`, which must exist.
    pub fn open(dir: impl AsRef<Path>, topic: &str) -> Result<Self, LogError> {
        let dir = dir.as_ref().join(topic);
        if !super::valid_name(topic) || !dir.is_dir() {
            return Err(LogError::Invalid(format!("there is no topic in {}", dir.display())));
        }
        Ok(Self { dir })
    }

    /// Oldest offset that can be read.
    pub fn earliest(&self) -> Result<u64, LogError> {
        Ok(self.segments()?.first().map_or(0, |(base, _)| *base))
    }

    /// As [`crate::EventLog::read`], but blocks on the disk. A read past the end returns an empty
    /// batch.
    pub fn read(&self, from: u64, max_bytes: usize) -> Result<Batch, LogError> {
        for _ in 0..MAX_LOOKS {
            let listed = self.segments()?;
            let earliest = listed.first().map_or(0, |(base, _)| *base);
            let Some(spans) = spans(&listed, from)? else { continue };
            if spans.is_empty() {
                return Ok(Batch { next: from, ..Batch::default() });
            }
            let outcome = reader::read(&RealFiles, &spans, from, max_bytes)?;
            // The owner may have dropped segments meanwhile, which is not damage: retry.
            if outcome.damage.is_empty() || self.earliest()? == earliest {
                return Ok(outcome.batch);
            }
        }
        Err(LogError::Unavailable(format!("the segments in {} keep changing", self.dir.display())))
    }

    fn segments(&self) -> Result<Vec<(u64, PathBuf)>, LogError> {
        segment::list(&RealFiles, &self.dir)
            .map_err(|error| unavailable("cannot list", &self.dir, &error))
    }
}

/// The segments from the one that contains `from` on; `None` if one was dropped since it was
/// listed.
fn spans(listed: &[(u64, PathBuf)], from: u64) -> Result<Option<Vec<Span>>, LogError> {
    let first = listed.partition_point(|(base, _)| *base <= from).saturating_sub(1);
    let mut spans = Vec::new();
    for (at, (base, path)) in listed.iter().enumerate().skip(first) {
        let loaded = fs::metadata(path)
            .map_err(|error| unavailable("cannot read", path, &error))
            .and_then(|facts| Ok((facts.len(), Segment::load(&RealFiles, path.clone(), *base)?)));
        match loaded {
            Ok((limit, segment)) => spans.push(Span {
                segment: Arc::new(segment),
                limit,
                end: listed.get(at + 1).map(|(base, _)| *base),
            }),
            Err(_) if !path.exists() => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(spans))
}
