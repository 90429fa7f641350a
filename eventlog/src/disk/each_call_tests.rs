//! Each call to the file system fails once, in turn, over the whole life of a log: acknowledged
//! entries are kept, nothing is lost or counted as damaged, and no sync is retried.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tallylight_schemas::clock::ManualClock;

use super::files::{ReadAt, SegmentFile};
use super::*;

const CAP: u64 = 4 << 10;
const OPENED: usize = 3;
const APPENDS: u64 = 7;

/// Which call fails, counted from 0, and what it was.
#[derive(Debug)]
struct Calls {
    made: AtomicU64,
    failing: u64,
    failed: Mutex<Option<&'static str>>,
}

impl Calls {
    fn call(&self, what: &'static str) -> io::Result<()> {
        if self.made.fetch_add(1, Ordering::SeqCst) != self.failing {
            return Ok(());
        }
        *self.failed.lock().unwrap() = Some(what);
        Err(io::Error::from_raw_os_error(nix::libc::EIO))
    }
}

#[derive(Debug)]
struct Failing(Arc<Calls>);

impl Failing {
    fn file(&self, inner: Box<dyn SegmentFile>, path: &Path, synced: u64) -> Box<dyn SegmentFile> {
        let (calls, path) = (self.0.clone(), path.to_owned());
        Box::new(FailingFile { calls, inner, path, synced, written: synced, over: false })
    }
}

impl Files for Failing {
    fn make(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        self.0.call("make")?;
        Ok(self.file(RealFiles.make(path)?, path, 0))
    }

    fn cut(&self, path: &Path, end: u64) -> io::Result<Box<dyn SegmentFile>> {
        self.0.call("cut")?;
        Ok(self.file(RealFiles.cut(path, end)?, path, end))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>> {
        self.0.call("open")?;
        Ok(Box::new(FailingReads(self.0.clone(), RealFiles.open(path)?)))
    }

    fn drop_cached(&self, path: &Path) -> io::Result<()> {
        self.0.call("drop_cached")?;
        RealFiles.drop_cached(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.call("rename")?;
        RealFiles.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.call("remove")?;
        RealFiles.remove(path)
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.call("make_dir")?;
        RealFiles.make_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.call("sync_dir")?;
        RealFiles.sync_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.0.call("list")?;
        RealFiles.list(dir)
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        self.0.call("free_bytes")?;
        Ok(1 << 30)
    }
}

#[derive(Debug)]
struct FailingReads(Arc<Calls>, Box<dyn ReadAt>);

impl ReadAt for FailingReads {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.call("read_at")?;
        self.1.read_at(buffer, at)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.call("len")?;
        self.1.len()
    }
}

#[derive(Debug)]
struct FailingFile {
    calls: Arc<Calls>,
    inner: Box<dyn SegmentFile>,
    path: PathBuf,
    synced: u64,
    written: u64,
    over: bool,
}

impl SegmentFile for FailingFile {
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        assert!(!self.over, "written to after it failed");
        if let Err(error) = self.calls.call("append") {
            // Like a disk that fills up: the start is written, the rest is not.
            self.over = true;
            self.inner.append(&mut slices[..1])?;
            return Err(error);
        }
        self.written += slices.iter().map(|slice| slice.len() as u64).sum::<u64>();
        self.inner.append(slices)
    }

    fn sync(&mut self) -> io::Result<()> {
        assert!(!self.over, "synced again after it failed");
        if let Err(error) = self.calls.call("sync") {
            self.over = true;
            // Like real systems: data that could not be written back is dropped from memory. The
            // file may have been renamed to its final name since it was created.
            let named = self.path.with_extension("");
            let at = if named.exists() { &named } else { &self.path };
            RealFiles.cut(at, self.synced)?;
            return Err(error);
        }
        self.synced = self.written;
        self.inner.sync()
    }
}

/// What a writer knows about a log.
#[derive(Debug, Default)]
struct Story {
    sent: u64,
    /// Acknowledged entries, by offset.
    acknowledged: BTreeMap<u64, u64>,
}

fn parts(n: u64) -> Vec<Part> {
    let payload = n.to_le_bytes().repeat(50);
    vec![Part { kind: 1, ranges: vec![], payload: payload.into() }]
}

fn number(parts: &[Part]) -> u64 {
    u64::from_le_bytes(parts[0].payload[..8].try_into().unwrap())
}

fn try_open(dir: &Path, calls: &Arc<Calls>) -> Result<DiskLog, LogError> {
    let files: Arc<dyn Files> = Arc::new(Failing(calls.clone()));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_us(0));
    let topics = vec![TopicSettings::new("events", CAP)];
    DiskLog::open_with(
        DiskSettings { segment_bytes: 1 << 10, dir: dir.into(), topics },
        &clock,
        &files,
    )
}

impl Story {
    /// Opens a log, appends, reads all of it and closes it.
    async fn go_on(&mut self, dir: &Path, calls: &Arc<Calls>) {
        let log = match try_open(dir, calls) {
            Ok(log) => log,
            // Opening reported the failure; the second attempt works, since the call fails once.
            Err(_) => try_open(dir, calls).unwrap(),
        };
        let mut closed = false;
        for _ in 0..APPENDS {
            self.sent += 1;
            match log.append("events", parts(self.sent)).await {
                Ok(offset) => {
                    assert!(!closed, "nothing is acknowledged after a failure");
                    assert_eq!(self.acknowledged.insert(offset, self.sent), None);
                }
                Err(error) => {
                    assert!(matches!(error, LogError::Closed(_)), "{error:?}");
                    closed = true;
                }
            }
        }
        self.check(&log).await;
        log.close().await;
    }

    /// Entries read are entries sent; those acknowledged and not dropped by the cap are present.
    async fn check(&self, log: &DiskLog) {
        let usage = log.usage("events").unwrap();
        assert_eq!((usage.quarantined_entries, usage.dropped_entries), (0, usage.earliest));
        let mut read = BTreeMap::new();
        let mut from = usage.earliest;
        while from < usage.next {
            let batch = match log.read("events", from, 1 << 20).await {
                Err(LogError::Unavailable(_)) => log.read("events", from, 1 << 20).await.unwrap(),
                batch => batch.unwrap(),
            };
            assert_eq!(batch.lost, 0);
            from = batch.next;
            let entries = batch.entries.iter();
            read.extend(entries.map(|entry| (entry.offset, number(&entry.parts))));
        }
        assert!(read.keys().copied().eq(usage.earliest..usage.next));
        assert!(read.values().is_sorted() && read.values().all(|n| (1..=self.sent).contains(n)));
        for (offset, n) in self.acknowledged.range(usage.earliest..) {
            assert_eq!(read.get(offset), Some(n), "offset {offset}");
        }
    }
}

/// In a memory file system if there is one: hundreds of logs need no real disk.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

#[tokio::test]
async fn each_call_fails_once_and_nothing_acknowledged_is_lost() {
    let mut failed = BTreeMap::<&str, u64>::new();
    for failing in 0.. {
        let dir = folder();
        let calls = Arc::new(Calls { made: AtomicU64::new(0), failing, failed: Mutex::default() });
        let mut story = Story::default();
        for _ in 0..OPENED {
            story.go_on(dir.path(), &calls).await;
        }
        let log = try_open(dir.path(), &calls).or_else(|_| try_open(dir.path(), &calls)).unwrap();
        story.check(&log).await;
        let usage = log.usage("events").unwrap();
        let fits = usage.bytes.is_some_and(|bytes| bytes <= CAP);
        assert!(usage.earliest > 0 && fits, "{usage:?}");
        let what = *calls.failed.lock().unwrap();
        match what {
            Some(what) => *failed.entry(what).or_default() += 1,
            None => break,
        }
    }
    println!("{failed:?}");
    let kinds: Vec<_> = failed.keys().copied().collect();
    let every = [
        "append",
        "cut",
        "drop_cached",
        "free_bytes",
        "len",
        "list",
        "make",
        "make_dir",
        "open",
        "read_at",
        "remove",
        "rename",
        "sync",
        "sync_dir",
    ];
    assert_eq!(kinds, every, "{failed:?}");
}
