//! The suite that every log must pass. `make` opens a new, empty log of [`topics`] that reads the
//! given clock; a failed check panics. [`Caps`] says what the log's cap is and how soon it is
//! enforced.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a suite of assertions")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tallylight_schemas::clock::{Clock, ManualClock};

use crate::{EventLog, LogError, MAX_ENTRY_BYTES, Part, PartitionRange, TopicSettings, Usage};

const TOPIC: &str = "events";
const OTHER: &str = "rows";
const CAPPED: &str = "capped";
/// How a log enforces its caps.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// The cap of one topic of the suite.
    pub bytes: u64,
    /// How long after an append entries beyond the cap may remain; zero: none remain.
    pub within: Duration,
}

/// Caps enforced by each append, for a log that drops entries itself.
pub const STRICT: Caps = Caps { bytes: 16 << 10, within: Duration::ZERO };

/// The topics that the suite uses.
pub fn topics(caps: Caps) -> Vec<TopicSettings> {
    vec![
        TopicSettings::new(TOPIC, 1 << 30),
        TopicSettings::new(OTHER, 1 << 30),
        TopicSettings::new(CAPPED, caps.bytes),
    ]
}

/// Runs every check, each on a log of its own.
pub async fn run(caps: Caps, make: impl AsyncFn(Arc<dyn Clock>) -> Arc<dyn EventLog>) {
    let clock = Arc::new(ManualClock::at_us(1_000));
    what_is_appended_is_read(&*make(clock.clone()).await).await;
    topics_are_apart(&*make(clock.clone()).await).await;
    concurrent_appends_take_consecutive_offsets(make(clock.clone()).await).await;
    an_acknowledged_entry_is_visible(&*make(clock.clone()).await).await;
    reads_are_limited(&*make(clock.clone()).await).await;
    append_times_never_fall(&*make(clock.clone()).await, &clock).await;
    the_cap_drops_the_oldest_and_counts(&*make(clock.clone()).await, caps).await;
    impossible_requests_are_refused(&*make(clock.clone()).await).await;
    a_closed_log_refuses_appends(&*make(clock).await).await;
}

fn part(text: &str) -> Part {
    let ranges = vec![PartitionRange { partition: 3, first_row: 0, rows: 1 }];
    Part { kind: 1, ranges, payload: Bytes::copy_from_slice(text.as_bytes()) }
}

async fn what_is_appended_is_read(log: &dyn EventLog) {
    let empty = log.read(TOPIC, 0, 1 << 20).await.unwrap();
    assert_eq!((empty.entries.len(), empty.next, empty.lost), (0, 0, 0));
    let tick = vec![Part { kind: 4, ranges: vec![], payload: Bytes::new() }];
    let written = [vec![part("a"), part("bb"), part("")], vec![], tick];
    for (offset, parts) in (0..).zip(&written) {
        assert_eq!(log.append(TOPIC, parts.clone()).await.unwrap(), offset);
    }
    let batch = log.read(TOPIC, 0, 1 << 20).await.unwrap();
    assert_eq!((batch.next, batch.lost), (3, 0));
    assert!(batch.entries.iter().map(|entry| entry.offset).eq(0..3));
    assert!(batch.entries.iter().map(|entry| &entry.parts).eq(&written));
    let rest = log.read(TOPIC, 2, 1 << 20).await.unwrap();
    assert_eq!(rest.entries, batch.entries[2..]);
}

async fn topics_are_apart(log: &dyn EventLog) {
    assert_eq!(log.append(TOPIC, vec![part("a")]).await.unwrap(), 0);
    assert_eq!(log.append(OTHER, vec![part("b")]).await.unwrap(), 0);
    assert_eq!(log.append(TOPIC, vec![part("c")]).await.unwrap(), 1);
    assert_eq!(*log.head(OTHER).unwrap().borrow(), 1);
    let batch = log.read(OTHER, 0, 1 << 20).await.unwrap();
    assert_eq!(batch.entries.len(), 1);
    assert_eq!(batch.entries[0].parts, [part("b")]);
}

async fn concurrent_appends_take_consecutive_offsets(log: Arc<dyn EventLog>) {
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut written = Vec::new();
                for n in 0..25 {
                    let text = format!("{writer}/{n}");
                    let offset = log.append(TOPIC, vec![part(&text)]).await.unwrap();
                    written.push((offset, text));
                }
                written
            })
        })
        .collect();
    let mut acknowledged = Vec::new();
    for writer in writers {
        let written = writer.await.unwrap();
        assert!(written.is_sorted(), "a writer's entries stay in its order");
        acknowledged.extend(written);
    }
    acknowledged.sort();
    let batch = log.read(TOPIC, 0, 1 << 20).await.unwrap();
    assert_eq!((batch.next, batch.lost), (200, 0));
    assert_eq!(acknowledged.len(), 200);
    for (at, (entry, (offset, text))) in batch.entries.iter().zip(&acknowledged).enumerate() {
        assert_eq!((entry.offset, entry.offset), (at as u64, *offset));
        assert_eq!(entry.parts, [part(text)]);
    }
}

async fn an_acknowledged_entry_is_visible(log: &dyn EventLog) {
    let mut head = log.head(TOPIC).unwrap();
    assert_eq!(*head.borrow_and_update(), 0);
    for offset in 0..20 {
        assert_eq!(log.append(TOPIC, vec![part("a")]).await.unwrap(), offset);
        assert!(*head.borrow_and_update() > offset, "the head is past what was acknowledged");
        assert_eq!(log.read(TOPIC, offset, 1).await.unwrap().entries.len(), 1);
        assert_eq!(log.usage(TOPIC).unwrap().next, offset + 1);
    }
    let reader = async {
        head.changed().await.unwrap();
        *head.borrow()
    };
    let (seen, _) = tokio::join!(reader, log.append(TOPIC, vec![part("wakes the reader")]));
    assert_eq!(seen, 21);
}

async fn reads_are_limited(log: &dyn EventLog) {
    let text = "x".repeat(1_000);
    for _ in 0..10 {
        log.append(TOPIC, vec![part(&text)]).await.unwrap();
    }
    for (max_bytes, most) in [(0, 1), (999, 1), (2_500, 3), (5_000, 6)] {
        let batch = log.read(TOPIC, 4, max_bytes).await.unwrap();
        let entries = batch.entries.len();
        assert!((1..=most).contains(&entries), "{entries} entries within {max_bytes} bytes");
        assert_eq!((batch.next, batch.lost), (4 + entries as u64, 0));
    }
    let end = log.read(TOPIC, 10, 0).await.unwrap();
    assert_eq!((end.entries.len(), end.next), (0, 10));
}

async fn append_times_never_fall(log: &dyn EventLog, clock: &ManualClock) {
    for step in [0, 500, -300, 100, 1_000] {
        clock.advance_us(step);
        log.append(TOPIC, vec![part("a")]).await.unwrap();
    }
    let batch = log.read(TOPIC, 0, 1 << 20).await.unwrap();
    let start = batch.entries[0].appended_at_us;
    let times = batch.entries.iter().map(|entry| entry.appended_at_us - start);
    assert_eq!(times.collect::<Vec<_>>(), [0, 500, 500, 500, 1_300]);
}

async fn the_cap_drops_the_oldest_and_counts(log: &dyn EventLog, caps: Caps) {
    // Sixteen of these are about the cap, apart from the log's overhead.
    let text = "x".repeat(usize::try_from(caps.bytes).unwrap() / 16 - 24);
    for _ in 0..64 {
        log.append(CAPPED, vec![part(&text)]).await.unwrap();
    }
    let fits = |usage: &Usage| usage.bytes.is_some_and(|bytes| bytes <= caps.bytes);
    let deadline = tokio::time::Instant::now() + caps.within;
    let (usage, batch) = loop {
        let usage = log.usage(CAPPED).unwrap();
        let mut batch = log.read(CAPPED, 5, 2 * text.len() * 64).await.unwrap();
        // A log may answer a long read in pieces.
        while batch.next < usage.next {
            let more = log.read(CAPPED, batch.next, 2 * text.len() * 64).await.unwrap();
            batch.entries.extend(more.entries);
            (batch.next, batch.lost) = (more.next, batch.lost + more.lost);
        }
        let settled = fits(&usage) && usage == log.usage(CAPPED).unwrap();
        if settled || tokio::time::Instant::now() >= deadline {
            break (usage, batch);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(fits(&usage) && usage.cap_bytes == caps.bytes, "{usage:?}");
    assert!(usage.earliest > 32 && usage.earliest < 60, "{usage:?}");
    assert_eq!((usage.dropped_entries, usage.next), (usage.earliest, 64));
    assert_eq!((batch.lost, batch.next), (usage.earliest - 5, 64));
    assert!(batch.entries.iter().map(|entry| entry.offset).eq(usage.earliest..64));
}

async fn impossible_requests_are_refused(log: &dyn EventLog) {
    let huge = Part { kind: 1, ranges: vec![], payload: vec![0; MAX_ENTRY_BYTES].into() };
    let results = [
        log.append(TOPIC, vec![huge]).await.map(|_| ()),
        log.append("no-such-topic", vec![part("a")]).await.map(|_| ()),
        log.read("no-such-topic", 0, 1).await.map(|_| ()),
        log.head("no-such-topic").map(|_| ()),
        log.usage("no-such-topic").map(|_| ()),
        log.read(TOPIC, 1, 1).await.map(|_| ()),
    ];
    for (at, result) in results.iter().enumerate() {
        assert!(matches!(result, Err(LogError::Invalid(_))), "{at}: {result:?}");
    }
    let most = Part { kind: 1, ranges: vec![], payload: vec![1; MAX_ENTRY_BYTES - 12].into() };
    assert_eq!(log.append(TOPIC, vec![most.clone()]).await.unwrap(), 0);
    assert_eq!(log.read(TOPIC, 0, 1).await.unwrap().entries[0].parts, [most]);
}

async fn a_closed_log_refuses_appends(log: &dyn EventLog) {
    log.append(TOPIC, vec![part("a")]).await.unwrap();
    log.close().await;
    log.close().await;
    let refused = log.append(TOPIC, vec![part("b")]).await;
    assert!(matches!(refused, Err(LogError::Closed(_))), "{refused:?}");
    assert_eq!(log.read(TOPIC, 0, 1 << 20).await.unwrap().entries.len(), 1);
}
