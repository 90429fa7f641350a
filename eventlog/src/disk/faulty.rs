//! The real file system, with failures that a test injects.

use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::files::{Files, ReadAt, RealFiles, SegmentFile};

/// The failures to inject; none by default.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) write: AtomicBool,
    pub(super) sync: AtomicBool,
    pub(super) create: AtomicBool,
    /// Error number that making a file fails with, and the sync of a folder.
    pub(super) make: AtomicI32,
    pub(super) sync_dir: AtomicI32,
    /// Free bytes that the disk reports as used.
    pub(super) used: AtomicU64,
    pub(super) syncs: AtomicU64,
    /// Bytes that the disk cannot read, of the segment with this base.
    pub(super) bad: Mutex<Option<(u64, Range<u64>)>>,
    /// In the segment whose cache is dropped next, bytes from here on are only in the page cache.
    pub(super) unwritten: Mutex<Option<u64>>,
    /// Error number that opening a file for reading fails with.
    pub(super) open: AtomicI32,
}

#[derive(Debug)]
pub(super) struct FaultyFiles(pub(super) Arc<Faults>);

#[derive(Debug)]
struct FaultyFile(Arc<Faults>, Box<dyn SegmentFile>);

impl Files for FaultyFiles {
    fn make(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        if self.0.create.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        fail(&self.0.make)?;
        Ok(Box::new(FaultyFile(self.0.clone(), RealFiles.make(path)?)))
    }

    fn cut(&self, path: &Path, end: u64) -> io::Result<Box<dyn SegmentFile>> {
        RealFiles.cut(path, end)
    }

    fn drop_cached(&self, path: &Path) -> io::Result<()> {
        if let Some(end) = self.0.unwritten.lock().unwrap().take() {
            // The disk has the length, which is stored separately, and zeros.
            let file = File::options().write(true).open(path)?;
            let len = file.metadata()?.len();
            file.set_len(end)?;
            file.set_len(len)?;
        }
        RealFiles.drop_cached(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealFiles.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealFiles.remove(path)
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        RealFiles.make_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fail(&self.0.sync_dir)?;
        RealFiles.sync_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        RealFiles.list(dir)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>> {
        fail(&self.0.open)?;
        // Files other than segments have no base, so no read fault applies to them.
        let stem = path.file_stem().unwrap_or_default().to_str().unwrap_or_default();
        let base = stem.parse().unwrap_or(u64::MAX);
        Ok(Box::new(FaultyReads(self.0.clone(), base, RealFiles.open(path)?)))
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        Ok((1 << 30) - self.0.used.load(Ordering::SeqCst))
    }
}

/// Fails with this error number, unless it is 0.
fn fail(code: &AtomicI32) -> io::Result<()> {
    match code.load(Ordering::SeqCst) {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

#[derive(Debug)]
struct FaultyReads(Arc<Faults>, u64, Box<dyn ReadAt>);

impl ReadAt for FaultyReads {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let read = self.2.read_at(buffer, at)?;
        // As with direct reads, one bad block fails any read that touches it.
        match &*self.0.bad.lock().unwrap() {
            Some((base, bad))
                if *base == self.1 && bad.start < at + read as u64 && at < bad.end =>
            {
                buffer.fill(0xaa);
                Err(io::Error::from_raw_os_error(nix::libc::EIO))
            }
            _ => Ok(read),
        }
    }

    fn len(&self) -> io::Result<u64> {
        self.2.len()
    }
}

impl SegmentFile for FaultyFile {
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        if self.0.write.load(Ordering::SeqCst) {
            // Like a disk that fills up: the start is written, the rest is not.
            self.1.append(&mut slices[..1])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.1.append(slices)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        if self.0.sync.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk said no"));
        }
        self.1.sync()
    }
}
