//! One owner per folder: for a log, and for everything that `tallylight up` stores.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Holds the folder until dropped. The system releases the lock when the process dies, so the mere
/// presence of a lock file means nothing.
#[derive(Debug)]
pub struct Owner {
    file: File,
}

/// Why a folder could not be claimed.
#[derive(Debug)]
pub enum Unclaimed {
    /// Another process holds it.
    InUse {
        /// The folder.
        dir: PathBuf,
        /// Process id of the holder.
        by: String,
    },
    /// The folder or the lock file in it cannot be used.
    Io(io::Error),
}

impl fmt::Display for Unclaimed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { dir, by } => write!(to, "{} is in use by process {by}", dir.display()),
            Self::Io(error) => error.fmt(to),
        }
    }
}

impl std::error::Error for Unclaimed {}

impl Drop for Owner {
    fn drop(&mut self) {
        // Closing is not enough: a child process being started may briefly hold a copy of the
        // descriptor, and with it the lock.
        let _ = self.file.unlock();
    }
}

impl Owner {
    /// Claims `dir`, creating it if missing; the error names the process that holds it.
    pub fn claim(dir: &Path) -> Result<Self, Unclaimed> {
        std::fs::create_dir_all(dir).map_err(Unclaimed::Io)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("LOCK"))
            .map_err(Unclaimed::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.take(20).read_to_string(&mut holder);
                return Err(Unclaimed::InUse { dir: dir.to_owned(), by: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(Unclaimed::Io(error)),
        }
        // Only for the message above, so a failure to write it does no harm.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = writeln!(file, "{}", std::process::id());
        Ok(Self { file })
    }
}
