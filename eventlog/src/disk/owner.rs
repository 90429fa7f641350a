//! One owner per log folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::files::{Files, RealFiles, unavailable};
use crate::LogError;

/// Holds the folder until dropped. The system lets go of it when the process dies, so a lock
/// file that is merely there means nothing.
#[derive(Debug)]
pub(super) struct Owner {
    file: File,
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Closing is not enough: a child that this process is just starting may hold a copy of
        // the descriptor for a moment, and with it the lock.
        let _ = self.file.unlock();
    }
}

impl Owner {
    /// Claims `dir`, made if missing, or says who has it.
    pub(super) fn claim(dir: &Path) -> Result<Self, LogError> {
        let failed = |error: io::Error| unavailable("cannot claim", dir, &error);
        std::fs::create_dir_all(dir).map_err(failed)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("LOCK"))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.take(20).read_to_string(&mut holder);
                return Err(LogError::Unavailable(format!(
                    "{} is in use by process {}; a log has one owner: stop that one first",
                    dir.display(),
                    holder.trim()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Only for the message above; failing to write it harms nothing.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = writeln!(file, "{}", std::process::id());
        RealFiles.sync_dir(dir).map_err(failed)?;
        Ok(Self { file })
    }
}
