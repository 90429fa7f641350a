//! Files that are synced while they are written, a few MiB at a time.
//!
//! Every commit of the log is synced, and a disk serves earlier writes first. If the end of a
//! snapshot synced some hundred MiB at once, a commit would wait behind it for most of a second,
//! and so would its sender.
//!
//! Nor do they take the room on the disk without which the log refuses its senders: what is written
//! here can also be written later.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes after which the written data is synced.
const STEP: usize = 4 << 20;
/// Bytes that are left free on the disk: the reserve of the log (`eventlog/src/disk/writer.rs`),
/// and a margin for steps of other files and for the logs of the tables.
const LEFT_FREE: u64 = (32 << 20) + 4 * STEP as u64;

/// A new file.
#[derive(Debug)]
pub(crate) struct Synced {
    file: File,
    /// Bytes written since the last sync.
    unsynced: usize,
    /// Free bytes on the disk of a file.
    free: fn(&File) -> io::Result<u64>,
}

impl Synced {
    /// Creates the file, or truncates an existing one. Writing fails while the disk is nearly full.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, unsynced: 0, free: free_bytes })
    }

    /// Refuses the next step while the disk is nearly full.
    fn check_room(&self) -> io::Result<()> {
        match (self.free)(&self.file) {
            Ok(free) if free < LEFT_FREE => {
                let why = format!(
                    "the disk is nearly full: {free} bytes are free and {LEFT_FREE} are left so, \
                     mostly for the log"
                );
                Err(io::Error::new(io::ErrorKind::StorageFull, why))
            }
            // Unknown is not full: writing will tell.
            _ => Ok(()),
        }
    }

    /// Syncs the whole file and returns it.
    pub(crate) fn finish(self) -> io::Result<File> {
        self.file.sync_all()?;
        Ok(self.file)
    }
}

impl Write for Synced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.unsynced == 0 {
            self.check_room()?;
        }
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

fn free_bytes(file: &File) -> io::Result<u64> {
    let facts = nix::sys::statvfs::fstatvfs(file)?;
    // The field types differ between platforms.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    Ok(facts.blocks_available() as u64 * facts.fragment_size() as u64)
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

    #[test]
    fn a_file_ends_before_it_takes_the_reserve_of_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = Synced::create(&dir.path().join("a")).unwrap();
        // The first step takes what was above it.
        file.free = |file| Ok(LEFT_FREE - u64::from(file.metadata()?.len() > 0));
        let error = file.write_all(&vec![1; 2 * STEP]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
        assert_eq!(file.finish().unwrap().metadata().unwrap().len(), STEP as u64);
        let mut file = Synced::create(&dir.path().join("b")).unwrap();
        file.free = |_| Err(io::ErrorKind::Unsupported.into());
        file.write_all(&[1]).unwrap();
    }
}
