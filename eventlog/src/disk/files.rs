//! What writer and readers ask of the file system, as a seam where tests let it fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use crate::LogError;

/// A file, open for writing at its end.
pub(super) trait SegmentFile: Send + std::fmt::Debug {
    /// Writes all of `slices` at the end.
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()>;
    /// Makes what was written survive a power cut.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file, open for reading.
pub(super) trait ReadAt: Send + std::fmt::Debug {
    /// Reads some bytes from `at` on; none at the end.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    /// Bytes it has now.
    fn len(&self) -> io::Result<u64>;
}

/// Files and folders, call by call.
pub(super) trait Files: Send + Sync + std::fmt::Debug {
    /// Makes an empty file, or empties the one that is there.
    fn make(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>>;
    /// Opens the file at `path` to go on at byte `end`, and cuts what follows.
    fn cut(&self, path: &Path, end: u64) -> io::Result<Box<dyn SegmentFile>>;
    /// Opens the file at `path` for reading.
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>>;
    /// Asks the system to forget what its page cache holds of a file, except what is still to be
    /// written, so that the file is read from the disk again.
    fn drop_cached(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, in place of what has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder and those above it, if missing.
    fn make_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in `dir` survive a power cut.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// The paths in `dir`.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;
    /// Bytes free for this process on the file system of `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// The real file system.
#[derive(Debug)]
pub(super) struct RealFiles;

impl Files for RealFiles {
    fn make(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(File::create(path)?))
    }

    fn cut(&self, path: &Path, end: u64) -> io::Result<Box<dyn SegmentFile>> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.set_len(end)?;
        file.seek(io::SeekFrom::Start(end))?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>> {
        Ok(Box::new(File::open(path)?))
    }

    fn drop_cached(&self, path: &Path) -> io::Result<()> {
        let all = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
        Ok(posix_fadvise(File::open(path)?, 0, 0, all)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
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

/// Makes a file that holds `bytes`, durable together with its name, open at its end. It is
/// written aside and renamed, so that no crash leaves it half, or what was there before.
pub(super) fn create(
    files: &dyn Files,
    path: &Path,
    bytes: &[u8],
) -> io::Result<Box<dyn SegmentFile>> {
    let aside = with_suffix(path, ".new");
    let mut file = files.make(&aside)?;
    file.append(&mut [IoSlice::new(bytes)])?;
    file.sync()?;
    files.rename(&aside, path)?;
    files.sync_dir(path.parent().unwrap_or(Path::new(".")))?;
    Ok(file)
}

/// Opens the segment at `path` to go on at byte `end`: cuts what follows, and makes durable
/// what stands before, since a crash may have left it in the page cache only.
pub(super) fn resume(files: &dyn Files, path: &Path, end: u64) -> io::Result<Box<dyn SegmentFile>> {
    let mut file = files.cut(path, end)?;
    file.sync()?;
    Ok(file)
}

/// All of a text file; `None` if there is none.
pub(super) fn read_text(files: &dyn Files, path: &Path) -> io::Result<Option<String>> {
    let file = match files.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    let mut buffer = [0; 4 << 10];
    loop {
        match file.read_at(&mut buffer, bytes.len() as u64)? {
            0 => break,
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
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
