//! Whole segments are dropped; the number of dropped entries survives a restart.

use std::sync::Arc;
use std::time::Duration;

use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::{EventLog, TopicSettings};
use tallylight_schemas::clock::ManualClock;

use super::kit::{TOPIC, append, fast_dir, read_all, segments};

#[tokio::test]
async fn the_byte_cap_drops_whole_segments_and_remembers_how_many() {
    let dir = fast_dir();
    let settings = DiskSettings::new(dir.path(), vec![TopicSettings::new(TOPIC, 8 << 10)]);
    let clock = Arc::new(ManualClock::at_us(0));
    let log = DiskLog::open(settings.clone(), clock.clone()).unwrap();
    append(&log, 0..300).await;
    let before = log.usage(TOPIC).unwrap();
    assert!(before.bytes <= Some(8 << 10) && before.earliest > 100, "{before:?}");
    let on_disk: u64 = segments(dir.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(before.bytes, Some(on_disk));
    let batch = log.read(TOPIC, 0, 1 << 20).await.unwrap();
    assert_eq!((batch.lost, batch.next), (before.dropped_entries, 300));
    drop(log);

    let log = DiskLog::open(settings, clock).unwrap();
    let after = log.usage(TOPIC).unwrap();
    assert_eq!((after.dropped_entries, after.next), (before.dropped_entries, 300));
    assert_eq!(read_all(&log).await.entries.len() as u64, 300 - before.dropped_entries);
}

#[tokio::test]
async fn a_lower_cap_is_enforced_at_once() {
    let dir = fast_dir();
    let clock = Arc::new(ManualClock::at_us(0));
    let mut settings = DiskSettings::new(dir.path(), vec![TopicSettings::new(TOPIC, 64 << 10)]);
    settings.segment_bytes = 2 << 10;
    let log = DiskLog::open(settings.clone(), clock.clone()).unwrap();
    append(&log, 0..200).await;
    assert_eq!(log.usage(TOPIC).unwrap().dropped_entries, 0);
    drop(log);
    settings.topics[0].cap_bytes = 8 << 10;
    let usage = DiskLog::open(settings, clock).unwrap().usage(TOPIC).unwrap();
    assert!(
        usage.bytes.is_some_and(|bytes| bytes <= 8 << 10) && usage.dropped_entries > 50,
        "{usage:?}"
    );
}

#[tokio::test]
async fn the_age_cap_drops_what_is_older() {
    let dir = fast_dir();
    let clock = Arc::new(ManualClock::at_us(0));
    let mut topic = TopicSettings::new(TOPIC, 1 << 30);
    topic.cap_age = Some(Duration::from_secs(80));
    let log = DiskLog::open(DiskSettings::new(dir.path(), vec![topic]), clock.clone()).unwrap();
    for n in 0..300 {
        append(&log, n..n + 1).await;
        clock.advance_us(1_000_000);
    }
    let usage = log.usage(TOPIC).unwrap();
    assert!((200..=220).contains(&usage.earliest), "{usage:?}");
    let all = read_all(&log).await;
    assert_eq!((all.entries[0].offset, all.next), (usage.earliest, 300));
}

/// Readers far behind get a number of lost entries, never damage, while segments are dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reading_while_segments_are_dropped_is_no_damage() {
    const ENTRIES: u64 = 6_000;
    let dir = fast_dir();
    let settings = DiskSettings::new(dir.path(), vec![TopicSettings::new(TOPIC, 4 << 10)]);
    let log = Arc::new(DiskLog::open(settings, Arc::new(ManualClock::at_us(0))).unwrap());
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut next = 0;
                while next < ENTRIES {
                    // Always from the start: the oldest segment is dropped first.
                    let batch = log.read(TOPIC, 0, 1 << 20).await.unwrap();
                    assert_eq!(batch.next, batch.lost + batch.entries.len() as u64);
                    assert!(batch.entries.iter().map(|e| e.offset).eq(batch.lost..batch.next));
                    assert!(batch.next >= next);
                    next = batch.next;
                }
            })
        })
        .collect();
    append(&log, 0..ENTRIES).await;
    for reader in readers {
        reader.await.unwrap();
    }
    assert_eq!(log.usage(TOPIC).unwrap().quarantined_entries, 0);
}
