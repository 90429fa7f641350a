//! Damaged entries: each is counted exactly once, across restarts, and its bytes are copied, within
//! limits.
//!
//! `quarantine/index` is a text file of offset ranges, replaced atomically. The copies beside it
//! are for inspection by people; no program reads them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{self, Files};

const TITLE: &str = "tallylight quarantine 1";
/// Copies kept per topic.
const MAX_COPIES: usize = 256;
/// Bytes kept per damaged range.
const MAX_COPY_BYTES: u64 = 1 << 20;

/// Bytes that are not a valid record, and the entries missing there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    /// First lost entry, and the first one after the gap. Equal if no entry is missing.
    pub(super) offsets: (u64, u64),
    /// File that contains the bytes.
    pub(super) path: PathBuf,
    /// First byte, and the first one after the range.
    pub(super) bytes: (u64, u64),
}

/// The damaged offsets of one topic.
#[derive(Debug)]
pub(super) struct Quarantine {
    files: Arc<dyn Files>,
    dir: PathBuf,
    ranges: BTreeMap<u64, u64>,
    /// Entries of ranges that have since been dropped with their segments.
    retired: u64,
}

impl Quarantine {
    /// Loads the earlier count. If the index itself is damaged, counting starts again: the damage
    /// is found again when it is read.
    pub(super) fn load(files: &Arc<dyn Files>, topic_dir: &Path) -> io::Result<Self> {
        let (files, dir) = (files.clone(), topic_dir.join("quarantine"));
        let mut fresh = Self { files, dir, ranges: BTreeMap::new(), retired: 0 };
        let path = fresh.index_path();
        let text = match files::read_text(&*fresh.files, &path) {
            Ok(None) => return Ok(fresh),
            Ok(Some(text)) => text,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
            Err(error) => return Err(error),
        };
        match parse(&text) {
            Some((ranges, retired)) => (fresh.ranges, fresh.retired) = (ranges, retired),
            None => {
                tracing::error!(path = %path.display(), "quarantine index is damaged; counting again");
            }
        }
        Ok(fresh)
    }

    /// Entries found damaged since the log was created.
    pub(super) fn entries(&self) -> u64 {
        self.retired + self.ranges.iter().map(|(from, to)| to - from).sum::<u64>()
    }

    /// First offset after all damage. Readers may have been told of losses up to here.
    pub(super) fn end(&self) -> u64 {
        self.ranges.last_key_value().map_or(0, |(_, to)| *to)
    }

    /// Counts `found`, copies the bytes and saves the count; damage that is already known changes
    /// nothing. Offsets below `earliest` have been dropped, so only their number is kept.
    pub(super) fn add(&mut self, found: &[Damage], earliest: u64) {
        let before = self.entries();
        let new: Vec<_> = found.iter().filter(|damage| self.insert(damage.offsets)).collect();
        if new.is_empty() {
            return;
        }
        for damage in &new {
            tracing::error!(
                path = %damage.path.display(), bytes = ?damage.bytes, offsets = ?damage.offsets,
                "stored entries are damaged and were quarantined"
            );
            self.copy("damaged", damage);
        }
        self.retire(earliest);
        if self.entries() != before
            && let Err(error) = self.save()
        {
            // Not a permanent loss: the damage is found again after a restart.
            tracing::error!(%error, "cannot save the quarantine index");
        }
    }

    /// Copies the torn tail that is about to be cut. It contains nothing acknowledged, unless the
    /// last acknowledged entries were damaged: then the copy helps to investigate.
    pub(super) fn keep_tail(&self, tail: &Damage) {
        self.copy("tail", tail);
    }

    /// Merges a range into the others; `true` if it was not known in full.
    fn insert(&mut self, (mut from, mut to): (u64, u64)) -> bool {
        if from >= to || self.ranges.range(..=from).next_back().is_some_and(|(_, end)| to <= *end) {
            return false;
        }
        while let Some((&start, &end)) = self.ranges.range(..=to).next_back() {
            if end < from {
                break;
            }
            (from, to) = (from.min(start), to.max(end));
            self.ranges.remove(&start);
        }
        self.ranges.insert(from, to);
        true
    }

    fn retire(&mut self, earliest: u64) {
        while let Some((&from, &to)) = self.ranges.first_key_value()
            && to <= earliest
        {
            self.ranges.remove(&from);
            self.retired += to - from;
        }
    }

    fn index_path(&self) -> PathBuf {
        self.dir.join("index")
    }

    fn save(&self) -> io::Result<()> {
        let mut text = format!("{TITLE}\nretired {}\n", self.retired);
        for (from, to) in &self.ranges {
            let _ = writeln!(text, "{from} {to}");
        }
        let crc = crc32c::crc32c(text.as_bytes());
        let _ = writeln!(text, "crc32c {crc:08x}");
        self.make_dir()?;
        files::create(&*self.files, &self.index_path(), text.as_bytes())?;
        Ok(())
    }

    fn make_dir(&self) -> io::Result<()> {
        if !self.dir.is_dir() {
            self.files.make_dir(&self.dir)?;
            self.files.sync_dir(self.dir.parent().unwrap_or(&self.dir))?;
        }
        Ok(())
    }

    fn copy(&self, what: &str, damage: &Damage) {
        let copied = self.make_dir().and_then(|()| {
            if fs::read_dir(&self.dir)?.count() >= MAX_COPIES {
                return Ok(());
            }
            let segment = damage.path.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{what}-{segment}-{}.bin", damage.bytes.0);
            let mut file = fs::File::open(&damage.path)?;
            file.seek(SeekFrom::Start(damage.bytes.0))?;
            let len = damage.bytes.1.saturating_sub(damage.bytes.0).min(MAX_COPY_BYTES);
            io::copy(&mut file.take(len), &mut fs::File::create(self.dir.join(name))?)?;
            Ok(())
        });
        if let Err(error) = copied {
            tracing::warn!(%error, "cannot copy damaged bytes");
        }
    }
}

fn parse(text: &str) -> Option<(BTreeMap<u64, u64>, u64)> {
    let end = text.strip_suffix('\n')?.rfind('\n')? + 1;
    let crc = text[end..].trim_end().strip_prefix("crc32c ")?;
    if u32::from_str_radix(crc, 16).ok()? != crc32c::crc32c(&text.as_bytes()[..end]) {
        return None;
    }
    let mut lines = text[..end].lines();
    if lines.next()? != TITLE {
        return None;
    }
    let retired = lines.next()?.strip_prefix("retired ")?.parse().ok()?;
    let range = |line: &str| {
        let (from, to) = line.split_once(' ')?;
        Some((from.parse().ok()?, to.parse().ok()?))
    };
    Some((lines.map(range).collect::<Option<_>>()?, retired))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(dir: &Path) -> io::Result<Quarantine> {
        let files: Arc<dyn Files> = Arc::new(files::RealFiles);
        Quarantine::load(&files, dir)
    }

    fn damage(from: u64, to: u64) -> Damage {
        Damage { offsets: (from, to), path: PathBuf::from("/nowhere"), bytes: (0, 0) }
    }

    #[test]
    fn entries_are_counted_once_and_survive() {
        let dir = tempfile::tempdir().unwrap();
        let mut quarantine = load(dir.path()).unwrap();
        quarantine.add(&[damage(3, 5), damage(8, 9), damage(7, 7)], 0);
        quarantine.add(&[damage(3, 5), damage(4, 5), damage(8, 9)], 0);
        assert_eq!(quarantine.entries(), 3);
        quarantine.add(&[damage(4, 8)], 0);
        assert_eq!((quarantine.entries(), quarantine.end()), (6, 9));

        let mut again = load(dir.path()).unwrap();
        assert_eq!((again.entries(), again.end()), (6, 9));
        again.add(&[damage(20, 21)], 15);
        assert_eq!((again.entries(), again.ranges.len()), (7, 1));
        let again = load(dir.path()).unwrap();
        assert_eq!((again.entries(), again.end()), (7, 21));
    }

    #[test]
    fn a_damaged_index_starts_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut quarantine = load(dir.path()).unwrap();
        quarantine.add(&[damage(3, 5)], 0);
        let path = dir.path().join("quarantine/index");
        let text = fs::read_to_string(&path).unwrap();
        for (from, to) in
            [("3 5", "3 9"), ("retired 0", "retired 7"), ("crc32c", "crc"), ("\n", "")]
        {
            fs::write(&path, text.replace(from, to)).unwrap();
            assert_eq!(load(dir.path()).unwrap().entries(), 0, "{from} -> {to}");
        }
    }
}
