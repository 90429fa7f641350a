//! Files that are synced while they are written, a few MiB at a time.
//!
//! Every commit of the log is synced, and a disk serves earlier writes first. If the end of a
//! snapshot synced some hundred MiB at once, a commit would wait behind it for most of a second,
//! and so would its sender.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes after which the written data is synced.
const STEP: usize = 4 << 20;

/// A new file.
#[derive(Debug)]
pub(crate) struct Synced {
    file: File,
    /// Bytes written since the last sync.
    unsynced: usize,
}

impl Synced {
    /// Creates the file, or truncates an existing one.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, unsynced: 0 })
    }

    /// Syncs the whole file and returns it.
    pub(crate) fn finish(self) -> io::Result<File> {
        self.file.sync_all()?;
        Ok(self.file)
    }
}

impl Write for Synced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(&bytes[..bytes.len().min(STEP - self.unsynced)])?;
        self.unsynced += written;
        if self.unsynced == STEP {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_a_step_is_written_whole_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let bytes: Vec<u8> = (0..2 * STEP + 3).map(|n| (n % 251) as u8).collect();
        let mut file = Synced::create(&path).unwrap();
        let (head, tail) = bytes.split_at(5);
        file.write_all(head).unwrap();
        file.write_all(tail).unwrap();
        assert_eq!(file.unsynced, 3);
        assert_eq!(file.finish().unwrap().metadata().unwrap().len(), bytes.len() as u64);
        assert!(std::fs::read(&path).unwrap() == bytes, "they are not the same bytes");
    }
}
