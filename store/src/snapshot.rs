//! Snapshots of the processor's state. Each is one file, complete or absent; the newest few are
//! kept.
//!
//! The content is the processor's concern. The store adds a name, a version, a checksum, the log
//! that they belong to and the position in it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::synced::Synced;

/// How many are kept.
pub const KEPT: usize = 3;

const MAGIC: &[u8; 6] = b"TLYSNP";
/// Magic, version of this header, version of the state, position, log id, length, checksum.
const HEADER: usize = 6 + 2 + 4 + 8 + 32 + 8 + 4;
const FORMAT: u16 = 1;
const SUFFIX: &str = ".snap";
/// Suffix of a file while it is written.
const ASIDE: &str = "new";

/// A snapshot that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Everything before this offset of the events topic is in it.
    pub position: u64,
    /// The state.
    pub state: Vec<u8>,
}

/// What went wrong with the folder of snapshots.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A disk operation failed.
    #[error("snapshots in {dir}: {error}")]
    Disk {
        /// The folder.
        dir: PathBuf,
        /// The disk's error.
        error: io::Error,
    },
    /// The snapshots belong to another log.
    #[error(
        "the snapshots in {0} belong to another log than the one that is opened: put that log \
         back, or move `history` and `snapshots` of the data folder away to start again"
    )]
    Foreign(PathBuf),
}

/// The folder of snapshots of one log.
#[derive(Debug, Clone)]
pub struct Snapshots {
    dir: PathBuf,
    log_id: String,
    /// Version of the state that is written and read.
    version: u32,
}

impl Snapshots {
    /// Opens the snapshots in `dir`, which is made if missing. A snapshot of another log is
    /// refused.
    pub fn open(dir: PathBuf, log_id: &str, version: u32) -> Result<Self, SnapshotError> {
        let failed = |error| SnapshotError::Disk { dir: dir.clone(), error };
        fs::create_dir_all(&dir).map_err(failed)?;
        for path in list(&dir).map_err(failed)? {
            if is_foreign(&path, log_id) {
                return Err(SnapshotError::Foreign(dir));
            }
        }
        sweep(&dir).map_err(failed)?;
        Ok(Self { dir, log_id: log_id.to_owned(), version })
    }

    /// Stores a state, which is the concatenation of these pieces. The file is complete or absent.
    /// Of older snapshots the newest [`KEPT`] stay; of snapshots beyond this position, which a
    /// process that rereads the log could not use, as many stay. Blocks on the disk.
    pub fn write(&self, position: u64, state: &[&[u8]]) -> Result<(), SnapshotError> {
        self.store(position, state)
            .map_err(|error| SnapshotError::Disk { dir: self.dir.clone(), error })
    }

    fn store(&self, position: u64, state: &[&[u8]]) -> io::Result<()> {
        let header = Header {
            version: self.version,
            position,
            log_id: id_bytes(&self.log_id),
            length: state.iter().map(|piece| piece.len() as u64).sum(),
        };
        let path = self.dir.join(format!("{position:020}{SUFFIX}"));
        let aside = aside(&path);
        let put = put(&aside, &header.encode(state), state);
        if let Err(error) = put.and_then(|()| fs::rename(&aside, &path)) {
            // On a full disk the next try would find even less room.
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
        File::open(&self.dir)?.sync_all()?;
        let (beyond, upto): (Vec<_>, Vec<_>) =
            list(&self.dir)?.into_iter().rev().partition(|other| *other > path);
        for old in beyond.iter().skip(KEPT).chain(upto.iter().skip(KEPT)) {
            match fs::remove_file(old) {
                // Another owner, which does not know yet that it lost ownership, removed it first.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// The usable snapshots, newest first. Unusable ones are reported in the log.
    pub fn newest(&self) -> impl Iterator<Item = Snapshot> + '_ {
        let all = list(&self.dir).unwrap_or_else(|error| {
            tracing::warn!(dir = %self.dir.display(), %error, "snapshots cannot be listed");
            Vec::new()
        });
        all.into_iter().rev().filter_map(|path| match self.read(&path) {
            Ok(snapshot) => Some(snapshot),
            Err(why) => {
                tracing::warn!(path = %path.display(), why, "snapshot passed over");
                None
            }
        })
    }

    fn read(&self, path: &Path) -> Result<Snapshot, String> {
        let mut bytes = fs::read(path).map_err(|error| error.to_string())?;
        let header = Header::whole(&bytes)?;
        if header.version != self.version {
            return Err(format!("state of version {}, not {}", header.version, self.version));
        }
        bytes.drain(..HEADER);
        Ok(Snapshot { position: header.position, state: bytes })
    }
}

/// Whether a snapshot belongs to another log. The whole file is read only if its header says so,
/// since a damaged header may say anything.
fn is_foreign(path: &Path, log_id: &str) -> bool {
    let says_so = Header::peek(path).is_ok_and(|found| found.log_id != id_bytes(log_id));
    says_so && fs::read(path).is_ok_and(|bytes| Header::whole(&bytes).is_ok())
}

/// The unique path at which a file is first written. An owner that does not know yet that it lost
/// ownership may be at the same position, and a shared file would be renamed before it is complete.
fn aside(path: &Path) -> PathBuf {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let (own, number) = (std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed));
    path.with_extension(format!("{own}-{number}.{ASIDE}"))
}

fn put(path: &Path, header: &[u8], state: &[&[u8]]) -> io::Result<()> {
    let mut file = Synced::create(path)?;
    file.write_all(header)?;
    state.iter().try_for_each(|piece| file.write_all(piece))?;
    file.finish().map(drop)
}

/// Removes files that a crashed process was writing.
fn sweep(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|is| is == ASIDE) {
            match fs::remove_file(path) {
                // A previous owner was still writing it, and has finished now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}

/// Snapshot files, oldest first.
fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(SUFFIX) {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn id_bytes(log_id: &str) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(log_id.bytes()) {
        *to = from;
    }
    out
}

struct Header {
    version: u32,
    position: u64,
    log_id: [u8; 32],
    length: u64,
}

impl Header {
    fn encode(&self, state: &[&[u8]]) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..6].copy_from_slice(MAGIC);
        out[6..8].copy_from_slice(&FORMAT.to_le_bytes());
        out[8..12].copy_from_slice(&self.version.to_le_bytes());
        out[12..20].copy_from_slice(&self.position.to_le_bytes());
        out[20..52].copy_from_slice(&self.log_id);
        out[52..60].copy_from_slice(&self.length.to_le_bytes());
        let head = crc32c::crc32c(&out[..60]);
        let sum = state.iter().fold(head, |sum, piece| crc32c::crc32c_append(sum, piece));
        out[60..].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// The header of a file, whatever follows it.
    fn peek(path: &Path) -> Result<Self, String> {
        let mut header = [0; HEADER];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
        read.map_err(|error| error.to_string())?;
        Self::decode(&header).map(|(found, _)| found)
    }

    /// The header of a complete snapshot whose checksum matches.
    fn whole(bytes: &[u8]) -> Result<Self, String> {
        let (header, state) = bytes.split_first_chunk::<HEADER>().ok_or("it is cut off")?;
        let (found, checksum) = Self::decode(header)?;
        if crc32c::crc32c_append(crc32c::crc32c(&header[..60]), state) != checksum {
            return Err("its checksum does not hold".to_owned());
        }
        if found.length != state.len() as u64 {
            return Err("it is cut off".to_owned());
        }
        Ok(found)
    }

    /// The fields of a header, and the checksum over it and the state.
    fn decode(header: &[u8; HEADER]) -> Result<(Self, u32), String> {
        let number = |from: usize| {
            let mut out = [0; 8];
            out.copy_from_slice(&header[from..from + 8]);
            u64::from_le_bytes(out)
        };
        let short = |from: usize| {
            let mut out = [0; 4];
            out.copy_from_slice(&header[from..from + 4]);
            u32::from_le_bytes(out)
        };
        if header[..6] != *MAGIC || header[6..8] != FORMAT.to_le_bytes() {
            return Err("it is not a snapshot of this format".to_owned());
        }
        let mut log_id = [0; 32];
        log_id.copy_from_slice(&header[20..52]);
        let (version, position, length) = (short(8), number(12), number(52));
        Ok((Self { version, position, log_id, length }, short(60)))
    }
}
