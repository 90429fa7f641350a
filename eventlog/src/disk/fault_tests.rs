//! A disk that fails: nothing is acknowledged that is not there, and nothing after a failure.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tallylight_schemas::clock::ManualClock;

use super::files::SegmentFile;
use super::*;

/// The real file system until told otherwise.
#[derive(Debug, Default)]
struct Faults {
    write: AtomicBool,
    sync: AtomicBool,
    create: AtomicBool,
    /// What the disk is said to have used up of its free bytes.
    used: AtomicU64,
    syncs: AtomicU64,
}

#[derive(Debug)]
struct FaultyFiles(Arc<Faults>);

#[derive(Debug)]
struct FaultyFile(Arc<Faults>, Box<dyn SegmentFile>);

impl Files for FaultyFiles {
    fn create(&self, path: &Path, header: &[u8]) -> io::Result<Box<dyn SegmentFile>> {
        if self.0.create.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(Box::new(FaultyFile(self.0.clone(), RealFiles.create(path, header)?)))
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        Ok((1 << 30) - self.0.used.load(Ordering::SeqCst))
    }
}

impl SegmentFile for FaultyFile {
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        if self.0.write.load(Ordering::SeqCst) {
            // As a disk that fills up does: the start is written, the rest is not.
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

fn settings(dir: &Path) -> DiskSettings {
    let topics = vec![TopicSettings::new("events", 1 << 20), TopicSettings::new("rows", 1 << 20)];
    DiskSettings { segment_bytes: 1 << 10, ..DiskSettings::new(dir, topics) }
}

fn open(dir: &Path, faults: &Arc<Faults>) -> DiskLog {
    let files: Arc<dyn Files> = Arc::new(FaultyFiles(faults.clone()));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_us(0));
    DiskLog::open_with(settings(dir), &clock, &files).unwrap()
}

fn parts(len: usize) -> Vec<Part> {
    vec![Part { kind: 1, ranges: vec![], payload: vec![7; len].into() }]
}

async fn closed(log: &DiskLog) -> String {
    match log.append("events", parts(10)).await {
        Err(LogError::Closed(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// A failure stops the topic at the two entries it had; what comes after opening anew holds.
async fn stops_at_two(fault: impl Fn(&Faults) -> &AtomicBool, word: &str) {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let log = open(dir.path(), &faults);
    for offset in 0..2 {
        assert_eq!(log.append("events", parts(400)).await.unwrap(), offset);
    }
    fault(&faults).store(true, Ordering::SeqCst);
    // Enough at once that some wait behind the one that fails.
    let many = (0..20).map(|_| async { log.append("events", parts(300)).await.unwrap_err() });
    let mut tasks = Vec::new();
    for error in many {
        tasks.push(error.await);
    }
    assert!(tasks.iter().all(|error| matches!(error, LogError::Closed(_))), "{tasks:?}");
    assert!(closed(&log).await.contains(word), "{tasks:?}");
    let syncs = faults.syncs.load(Ordering::SeqCst);
    fault(&faults).store(false, Ordering::SeqCst);
    assert!(closed(&log).await.contains(word), "it does not come back by itself");
    assert_eq!(faults.syncs.load(Ordering::SeqCst), syncs, "a failed sync is not tried again");
    assert_eq!(*log.head("events").unwrap().borrow(), 2);
    assert_eq!(log.read("events", 0, 1 << 20).await.unwrap().entries.len(), 2);
    log.close().await;
    let log = open(dir.path(), &faults);
    let next = log.append("events", parts(10)).await.unwrap();
    let batch = log.read("events", 0, 1 << 20).await.unwrap();
    assert_eq!((batch.lost, batch.next, batch.entries.len() as u64), (0, next + 1, next + 1));
}

#[tokio::test]
async fn a_failed_sync_stops_the_topic() {
    stops_at_two(|faults| &faults.sync, "the disk said no").await;
}

#[tokio::test]
async fn a_failed_write_stops_the_topic() {
    stops_at_two(|faults| &faults.write, "the disk is full").await;
}

#[tokio::test]
async fn a_segment_that_cannot_be_made_stops_the_topic() {
    stops_at_two(|faults| &faults.create, "the disk is full").await;
}

#[tokio::test]
async fn a_nearly_full_disk_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let log = open(dir.path(), &faults);
    log.append("events", parts(10)).await.unwrap();
    faults.used.store((1 << 30) - (32 << 20), Ordering::SeqCst);
    let refused = log.append("events", parts(10)).await;
    assert!(
        matches!(&refused, Err(LogError::Unavailable(why)) if why.contains("nearly full")),
        "{refused:?}"
    );
    faults.used.store(0, Ordering::SeqCst);
    assert_eq!(log.append("events", parts(10)).await.unwrap(), 1);
}

#[tokio::test]
async fn many_appends_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let log = Arc::new(open(dir.path(), &faults));
    let before = faults.syncs.load(Ordering::SeqCst);
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move { log.append("rows", parts(1)).await.unwrap() })
        })
        .collect();
    let mut offsets = Vec::new();
    for task in tasks {
        offsets.push(task.await.unwrap());
    }
    offsets.sort_unstable();
    assert!(offsets.into_iter().eq(0..200));
    let syncs = faults.syncs.load(Ordering::SeqCst) - before;
    assert!(syncs < 150, "{syncs} syncs for 200 appends");
}
