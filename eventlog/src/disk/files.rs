//! What writer and readers ask of the file system, as a seam where tests let it fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::LogError;

/// The active segment file, open at its end.
pub(super) trait SegmentFile: Send + std::fmt::Debug {
    /// Writes all of `slices` at the end.
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()>;
    /// Makes what was written survive a power cut.
    fn sync(&mut self) -> io::Result<()>;
}

/// A segment file, open for reading.
pub(super) trait ReadAt: Send + std::fmt::Debug {
    /// Reads some bytes from `at` on; none at the end.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    /// Bytes it has now.
    fn len(&self) -> io::Result<u64>;
}

/// Files and folders.
pub(super) trait Files: Send + Sync + std::fmt::Debug {
    /// Makes a file that holds `header`, durable together with its name, open at its end.
    fn create(&self, path: &Path, header: &[u8]) -> io::Result<Box<dyn SegmentFile>>;
    /// Opens the file at `path` for reading.
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>>;
    /// Bytes free for this process on the file system of `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// The real file system.
#[derive(Debug)]
pub(super) struct RealFiles;

impl Files for RealFiles {
    fn create(&self, path: &Path, header: &[u8]) -> io::Result<Box<dyn SegmentFile>> {
        // Written aside and renamed, so that no crash leaves a segment without its header.
        let aside = with_suffix(path, ".new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&aside)?;
        file.write_all(header)?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        sync_dir(path.parent().unwrap_or(Path::new(".")))?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>> {
        Ok(Box::new(File::open(path)?))
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let facts = nix::sys::statvfs::statvfs(dir)?;
        // The field types differ between platforms.
        #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
        Ok(facts.blocks_available() as u64 * facts.fragment_size() as u64)
    }
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, at)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl SegmentFile for File {
    fn append(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match self.write_vectored(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut slices, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Opens the segment at `path` to go on at byte `end`: cuts what follows, and makes durable
/// what stands before, since a crash may have left it in the page cache only.
pub(super) fn resume(path: &Path, end: u64) -> io::Result<Box<dyn SegmentFile>> {
    use std::io::Seek;
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.set_len(end)?;
    file.seek(io::SeekFrom::Start(end))?;
    file.sync_all()?;
    Ok(Box::new(file))
}

/// Makes the names in `dir` durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Replaces the file at `path` in one step.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = with_suffix(path, ".new");
    let mut file = File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Says what failed, where, and for a full disk what to do.
pub(super) fn unavailable(what: &str, path: &Path, error: &io::Error) -> LogError {
    LogError::Unavailable(describe(what, path, error))
}

/// The words of [`unavailable`].
pub(super) fn describe(what: &str, path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!(
            "{what} {path}: the disk is full; free space or lower the topic's cap, then reopen"
        ),
        _ => format!("{what} {path}: {error}"),
    }
}
