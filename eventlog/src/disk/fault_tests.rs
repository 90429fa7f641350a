//! A failing disk: only stored entries are acknowledged, and none after a failure.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use tallylight_schemas::clock::ManualClock;

use super::faulty::{Faults, FaultyFiles};
use super::*;

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

/// A failure stops the topic at the two entries that it had; after reopening, appends work again.
async fn stops_at_two(fault: impl Fn(&Faults) -> &AtomicBool, word: &str) {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let log = open(dir.path(), &faults);
    for offset in 0..2 {
        assert_eq!(log.append("events", parts(400)).await.unwrap(), offset);
    }
    fault(&faults).store(true, Ordering::SeqCst);
    // Enough that some follow the one that fails.
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
async fn what_a_failed_sync_left_only_in_the_page_cache_is_gone_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let log = open(dir.path(), &faults);
    log.append("events", parts(100)).await.unwrap();
    let synced = log.opened("events").unwrap().topic.state.lock().segments[0].bytes;
    faults.sync.store(true, Ordering::SeqCst);
    log.append("events", parts(100)).await.unwrap_err();
    faults.sync.store(false, Ordering::SeqCst);
    log.close().await;
    *faults.unwritten.lock().unwrap() = Some(synced);
    let log = open(dir.path(), &faults);
    assert_eq!(*log.head("events").unwrap().borrow(), 1, "the one that was acknowledged");
    assert_eq!(log.append("events", parts(100)).await.unwrap(), 1);
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
async fn a_segment_for_which_there_was_no_file_descriptor_is_made_later() {
    let faults: [fn(&Faults) -> &AtomicI32; 2] = [|faults| &faults.make, |faults| &faults.sync_dir];
    for fault in faults {
        let dir = tempfile::tempdir().unwrap();
        let faults = Arc::new(Faults::default());
        let log = open(dir.path(), &faults);
        for offset in 0..2 {
            assert_eq!(log.append("events", parts(400)).await.unwrap(), offset);
        }
        fault(&faults).store(nix::libc::EMFILE, Ordering::SeqCst);
        // The second would have room in the segment that is left.
        for bytes in [300, 10] {
            let refused = log.append("events", parts(bytes)).await;
            assert!(matches!(&refused, Err(LogError::Unavailable(_))), "{refused:?}");
        }
        fault(&faults).store(0, Ordering::SeqCst);
        assert_eq!(log.append("events", parts(10)).await.unwrap(), 2, "no offset was lost");
        log.close().await;
        let log = open(dir.path(), &faults);
        assert_eq!(log.append("events", parts(10)).await.unwrap(), 3);
        let batch = log.read("events", 0, 1 << 20).await.unwrap();
        assert_eq!((batch.lost, batch.next, batch.entries.len()), (0, 4, 4));
    }
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
async fn a_nearly_full_disk_still_drops_what_is_too_old() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let files: Arc<dyn Files> = Arc::new(FaultyFiles(faults.clone()));
    let manual = Arc::new(ManualClock::at_us(0));
    let clock: Arc<dyn Clock> = manual.clone();
    let cap_age = Some(Duration::from_secs(60));
    let topics = vec![TopicSettings { cap_age, ..TopicSettings::new("events", 1 << 20) }];
    let settings = DiskSettings { segment_bytes: 1 << 10, ..DiskSettings::new(dir.path(), topics) };
    let log = DiskLog::open_with(settings, &clock, &files).unwrap();
    // One segment each.
    for offset in 0..4 {
        assert_eq!(log.append("events", parts(700)).await.unwrap(), offset);
    }
    faults.used.store((1 << 30) - (32 << 20), Ordering::SeqCst);
    manual.advance_us(120_000_000);
    let refused = log.append("events", parts(10)).await;
    assert!(matches!(&refused, Err(LogError::Unavailable(_))), "{refused:?}");
    assert_eq!(log.usage("events").unwrap().earliest, 3, "the active segment alone is left");
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

/// Offsets that a reader gets, and how many are reported lost.
async fn offsets(log: &DiskLog) -> (Vec<u64>, u64) {
    let (mut offsets, mut lost, mut from) = (Vec::new(), 0, 0);
    let end = *log.head("events").unwrap().borrow();
    while from < end {
        let batch = log.read("events", from, 20_000).await.unwrap();
        offsets.extend(batch.entries.iter().map(|entry| entry.offset));
        (lost, from) = (lost + batch.lost, batch.next);
    }
    assert_eq!(offsets.len() as u64 + lost, end, "each entry is read or lost");
    (offsets, lost)
}

/// A log of two segments, with many blocks in the first, which contains the entries below the
/// returned offset.
async fn two_segments(dir: &Path, faults: &Arc<Faults>) -> (DiskLog, u64) {
    let files: Arc<dyn Files> = Arc::new(FaultyFiles(faults.clone()));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_us(0));
    let topics = vec![TopicSettings::new("events", 64 << 20)];
    let settings = DiskSettings { segment_bytes: 1 << 20, ..DiskSettings::new(dir, topics) };
    let log = DiskLog::open_with(settings, &clock, &files).unwrap();
    let topic = log.opened("events").unwrap().topic.clone();
    while topic.state.lock().segments.len() < 2 {
        log.append("events", parts(1_000)).await.unwrap();
    }
    let second = topic.state.lock().segments[1].segment.base;
    log.append("events", parts(1_000)).await.unwrap();
    (log, second)
}

#[tokio::test]
async fn a_block_that_cannot_be_read_costs_the_entries_in_it_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let (log, sealed) = two_segments(dir.path(), &faults).await;
    let all = (0..*log.head("events").unwrap().borrow()).collect::<Vec<_>>();
    assert_eq!(offsets(&log).await, (all.clone(), 0));

    // One sector: its block of 4 KiB is lost, which at most six records touch.
    *faults.bad.lock().unwrap() = Some((0, 200_000..200_512));
    let (read, lost) = offsets(&log).await;
    assert!((1..=6).contains(&lost), "{lost}");
    assert!(read.contains(&0) && read.ends_with(&all[sealed as usize - 1..]));
    // The start of the segment: its header is already known, so it does not matter.
    *faults.bad.lock().unwrap() = Some((0, 0..512));
    assert!((1..=5).contains(&offsets(&log).await.1));
    // So much that the rest of the segment is skipped: what is before it and after it is read.
    *faults.bad.lock().unwrap() = Some((0, 100_000..u64::MAX));
    let (read, lost) = offsets(&log).await;
    assert!(read.contains(&90) && lost > sealed - 100, "{lost} of {sealed}");
    assert!(read.ends_with(&all[sealed as usize..]));

    // It may become readable again, so nothing was quarantined.
    *faults.bad.lock().unwrap() = None;
    assert_eq!(offsets(&log).await, (all, 0));
    assert_eq!(log.usage("events").unwrap().quarantined_entries, 0);
}

#[tokio::test]
async fn temporary_errors_are_retried_instead_of_counted_as_losses() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let (log, sealed) = two_segments(dir.path(), &faults).await;
    let unavailable = async |from| match log.read("events", from, 1 << 30).await {
        Err(LogError::Unavailable(why)) => assert!(why.contains("cannot read"), "{why}"),
        other => panic!("{other:?}"),
    };
    *faults.bad.lock().unwrap() = Some((sealed, 0..u64::MAX));
    unavailable(sealed).await;
    *faults.bad.lock().unwrap() = None;
    faults.open.store(nix::libc::EMFILE, Ordering::SeqCst);
    unavailable(0).await;
    // A sealed file that cannot be opened is lost as a whole; the active one fails the read.
    faults.open.store(nix::libc::EIO, Ordering::SeqCst);
    unavailable(0).await;
    faults.open.store(0, Ordering::SeqCst);
    assert_eq!(offsets(&log).await.1, 0);
}

#[tokio::test]
async fn a_log_opens_although_a_sealed_header_is_unreadable() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let (log, sealed) = two_segments(dir.path(), &faults).await;
    log.close().await;
    *faults.bad.lock().unwrap() = Some((0, 0..512));
    let (log, _) = two_segments(dir.path(), &faults).await;
    let (read, lost) = offsets(&log).await;
    assert!((1..=5).contains(&lost) && read.contains(&sealed), "{lost}");
}
