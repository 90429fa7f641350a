//! One owner per folder: of a log, and of everything that `tallylight up` keeps.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Holds the folder until dropped. The system lets go of it when the process dies, so a lock
/// file that is merely there means nothing.
#[derive(Debug)]
pub struct Owner {
    file: File,
}

/// Why a folder could not be claimed.
#[derive(Debug)]
pub enum Unclaimed {
    /// Another process has it.
    InUse {
        /// The folder.
        dir: PathBuf,
        /// The other process, by its number.
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
        // Closing is not enough: a child that this process is just starting may hold a copy of
        // the descriptor for a moment, and with it the lock.
        let _ = self.file.unlock();
    }
}

impl Owner {
    /// Claims `dir`, made if missing, or says who has it.
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
        // Only for the message above; failing to write it harms nothing.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = writeln!(file, "{}", std::process::id());
        Ok(Self { file })
    }
}
