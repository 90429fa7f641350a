//! One owner, settings, reading without the lock, and continuing after the last process.

use std::fs;
use std::sync::Arc;

use tallylight_eventlog::disk::{DiskLog, DiskSettings, ReadOnly};
use tallylight_eventlog::{EventLog, LogError, TopicSettings};
use tallylight_schemas::clock::ManualClock;

use super::kit::{
    TOPIC, append, borders, crashed, fast_dir, folder, open, parts, read_all, segment_path,
    segments, settings, try_open,
};

#[tokio::test]
async fn a_log_has_one_owner() {
    let dir = fast_dir();
    let log = open(dir.path());
    let refused = try_open(dir.path()).unwrap_err().to_string();
    let me = std::process::id().to_string();
    assert!(refused.contains("in use by process") && refused.contains(&me), "{refused}");
    append(&log, 0..2).await;
    log.close().await;
    // Closed but not dropped: the folder is free.
    let log = open(dir.path());
    append(&log, 2..3).await;
    drop(log);
    assert_eq!(read_all(&open(dir.path())).await.entries.len(), 3);
}

#[tokio::test]
async fn segments_follow_each_other_across_reopenings() {
    let dir = fast_dir();
    for round in 0..5 {
        let log =
            DiskLog::open(settings(dir.path(), 1 << 10), Arc::new(ManualClock::at_us(7))).unwrap();
        append(&log, round * 40..(round + 1) * 40).await;
        // A round without appends leaves nothing behind.
        log.close().await;
        let before = segments(dir.path()).len();
        open(dir.path()).close().await;
        assert_eq!(segments(dir.path()).len(), before);
    }
    assert!(segments(dir.path()).len() > 10);
    let log = open(dir.path());
    let all = read_all(&log).await;
    assert_eq!((all.entries.len(), all.lost), (200, 0));
    for from in [0, 1, 57, 133, 199] {
        assert_eq!(log.read(TOPIC, from, 1).await.unwrap().entries[0].offset, from);
    }
}

#[tokio::test]
async fn append_times_do_not_fall_across_a_restart() {
    let dir = fast_dir();
    for (now, closed) in [(900, true), (500, false), (100, true), (50, false)] {
        let clock = Arc::new(ManualClock::at_us(now));
        let log = DiskLog::open(settings(dir.path(), 1 << 20), clock).unwrap();
        log.append(TOPIC, vec![]).await.unwrap();
        if closed {
            log.close().await;
        }
    }
    let batch = open(dir.path()).read(TOPIC, 0, 1 << 20).await.unwrap();
    assert!(batch.entries.iter().all(|entry| entry.appended_at_us == 900), "{batch:?}");
}

#[tokio::test]
async fn a_new_segment_left_incomplete_by_a_crash_is_made_again() {
    let bytes = crashed(3).await;
    for leftover in [&b""[..], b"TLYSEG", &[0; 40], &[0; 4_096]] {
        let dir = folder(&[(0, &bytes), (3, leftover)]);
        fs::write(dir.path().join(TOPIC).join("00000000000000000003.seg.new"), b"x").unwrap();
        let log = open(dir.path());
        append(&log, 3..5).await;
        let all = read_all(&log).await;
        assert_eq!((all.entries.len(), all.lost), (5, 0));
        assert!(all.entries.is_sorted_by_key(|entry| entry.appended_at_us));
    }
}

#[tokio::test]
async fn a_missing_segment_is_counted() {
    let dir = fast_dir();
    let log =
        DiskLog::open(settings(dir.path(), 1 << 10), Arc::new(ManualClock::at_us(7))).unwrap();
    append(&log, 0..60).await;
    drop(log);
    let paths = segments(dir.path());
    let base = |at: usize| paths[at].file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    fs::remove_file(&paths[1]).unwrap();
    let all = read_all(&open(dir.path())).await;
    assert_eq!(all.lost, base(2) - base(1));
}

#[tokio::test]
async fn a_segment_of_a_later_version_is_left_alone() {
    let mut bytes = crashed(2).await;
    bytes[6] = 2;
    let crc = crc32c::crc32c(&bytes[..36]);
    bytes[36..40].copy_from_slice(&crc.to_le_bytes());
    let dir = folder(&[(0, &bytes)]);
    let refused = try_open(dir.path()).unwrap_err();
    assert!(matches!(&refused, LogError::Data(why) if why.contains("later release")), "{refused}");
    assert_eq!(fs::read(segment_path(dir.path(), 0)).unwrap(), bytes);
}

#[tokio::test]
async fn a_reader_without_the_lock_changes_nothing() {
    let dir = fast_dir();
    let log = open(dir.path());
    append(&log, 0..4).await;
    let reader = ReadOnly::open(dir.path(), TOPIC).unwrap();
    let batch = reader.read(1, 1 << 20).unwrap();
    assert_eq!((batch.entries.len(), batch.next, batch.lost), (3, 4, 0));
    append(&log, 4..5).await;
    assert_eq!(reader.read(4, 1 << 20).unwrap().entries[0].parts, parts(4));
    let end = reader.read(5, 1 << 20).unwrap();
    assert_eq!((end.entries.len(), end.next, end.lost), (0, 5, 0));

    // A tail that is being written is neither lost nor cut; damage before it is counted.
    let mut bytes = fs::read(segment_path(dir.path(), 0)).unwrap();
    let borders = borders(&bytes);
    bytes.truncate(borders[5] - 3);
    bytes[borders[1] + 45] ^= 1;
    let torn = folder(&[(0, &bytes)]);
    let reader = ReadOnly::open(torn.path(), TOPIC).unwrap();
    let batch = reader.read(0, 1 << 20).unwrap();
    assert_eq!((batch.entries.len(), batch.next, batch.lost), (3, 4, 1));
    assert_eq!(fs::read(segment_path(torn.path(), 0)).unwrap(), bytes);
    assert_eq!(fs::read_dir(torn.path()).unwrap().count(), 1, "no lock was taken");
    assert!(ReadOnly::open(torn.path(), "rows").is_err());
    assert!(ReadOnly::open(torn.path(), "../events").is_err());
}

#[test]
fn mistakes_in_settings_are_reported_together() {
    let topics = ["events", "events", "../up", ""].map(|name| TopicSettings::new(name, 0));
    let settings =
        DiskSettings { segment_bytes: 1, ..DiskSettings::new("/nowhere", topics.into()) };
    assert_eq!(settings.validate().unwrap_err().len(), 1 + 4 + 1 + 2);
    let refused = DiskLog::open(settings, Arc::new(ManualClock::at_us(0))).unwrap_err();
    assert!(matches!(refused, LogError::Invalid(_)));
}
