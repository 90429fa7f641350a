//! The loop, a step at a time.

use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tallylight_eventlog::TopicSettings;
use tallylight_eventlog::memory::{Fault, MemoryLog};
use tallylight_schemas::clock::ManualClock;
use tallylight_schemas::record::ROWS;
use tallylight_schemas::rows::{ProgressRow, TopicRows};
use tallylight_schemas::session::SessionRow;

use super::*;
use crate::queries::SessionQuery;

fn log() -> Arc<MemoryLog> {
    let topics = [EVENTS, ROWS].map(|name| TopicSettings::new(name, 1 << 30));
    Arc::new(MemoryLog::new(topics.to_vec(), Arc::new(ManualClock::at_us(1))))
}

async fn processor(log: &Arc<MemoryLog>) -> Processor {
    let parts = Parts {
        log: Arc::clone(log) as Arc<dyn EventLog>,
        clock: Arc::new(ManualClock::at_us(1)),
        archive: None,
        metrics: Metrics::default(),
    };
    build(Settings::default(), parts).await.unwrap()
}

/// Rows that are as far as that.
fn far(offset: u64) -> ProgressRow {
    ProgressRow {
        partition: 0,
        partitions: 4,
        offset,
        log_time: 1,
        final_up_to: 0,
        sessions: 0,
        lost_events: 0,
        lost_entries: 0,
    }
}

/// Seconds spent on this so far; none if that was never done.
fn spent(metrics: &Metrics, doing: &str) -> Option<f64> {
    let (mut registry, mut text) = (Registry::default(), String::new());
    metrics.register(&mut registry);
    encode(&mut text, &registry).unwrap();
    let label = format!("{{doing=\"{doing}\"}} ");
    let line = text.lines().find(|line| line.contains("spent_seconds") && line.contains(&label));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
}

type Waiting = Pin<Box<dyn Future<Output = Option<Vec<SessionRow>>> + Send>>;

/// Somebody who asks, and takes this long to take an answer, on the thread that answers.
struct Asking {
    handle: ProcessorHandle,
    takes: Duration,
    /// Questions that it asks yet, each at the moment in which the one before is answered.
    left: Mutex<u32>,
    waiting: Mutex<Vec<Waiting>>,
    me: Weak<Self>,
}

impl Asking {
    fn new(handle: ProcessorHandle, takes: Duration, left: u32) -> Arc<Self> {
        let (left, waiting) = (Mutex::new(left), Mutex::default());
        Arc::new_cyclic(|me| Self { handle, takes, left, waiting, me: Weak::clone(me) })
    }

    fn ask(&self) {
        let (handle, query) =
            (self.handle.clone(), SessionQuery { tenant: "demo".to_owned(), sid: None, limit: 1 });
        let mut question: Waiting = Box::pin(async move { handle.sessions(query).await });
        let waker = Waker::from(self.me.upgrade().unwrap());
        // It ends at once when the processor does, with the test.
        if question.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.waiting.lock().unwrap().push(question);
        }
    }

    fn left(&self) -> u32 {
        *self.left.lock().unwrap()
    }
}

impl Wake for Asking {
    #[allow(clippy::disallowed_methods, reason = "an answer that takes long holds up its thread")]
    fn wake(self: Arc<Self>) {
        std::thread::sleep(self.takes);
        if self.left() > 0 {
            *self.left.lock().unwrap() -= 1;
            self.ask();
        }
    }
}

#[tokio::test]
async fn who_asks_again_at_once_waits_for_the_next_entry() {
    let mut processor = processor(&log()).await;
    let asking = Asking::new(processor.handle(), Duration::ZERO, 1_000);
    asking.ask();
    asking.ask();
    processor.answer();
    assert_eq!(asking.left(), 998, "two waited");
    processor.answer();
    assert_eq!(asking.left(), 996);
}

#[tokio::test]
async fn nobody_is_answered_who_waits_no_more() {
    let mut processor = processor(&log()).await;
    let asking = Asking::new(processor.handle(), Duration::ZERO, 0);
    asking.ask();
    asking.waiting.lock().unwrap().clear();
    processor.answer();
    assert_eq!(spent(&processor.parts.metrics, "questions"), None);
    asking.ask();
    processor.answer();
    assert!(spent(&processor.parts.metrics, "questions").is_some());
}

#[tokio::test]
async fn what_answers_take_while_rows_wait_is_counted_once() {
    let log = log();
    let mut processor = processor(&log).await;
    let asking = Asking::new(processor.handle(), Duration::from_millis(200), 0);
    asking.ask();
    log.inject(Fault::Delay(Duration::from_millis(20)));
    let rows = TopicRows { progress: vec![far(7)], ..TopicRows::default() };
    let began = Instant::now();
    processor.emit(&rows, &CancellationToken::new()).await.unwrap();
    let passed = began.elapsed().as_secs_f64();
    let of = |doing| spent(&processor.parts.metrics, doing).unwrap();
    assert!(of("questions") >= 0.2, "{}", of("questions"));
    assert!(of("rows") + of("questions") <= passed, "{} + {}", of("rows"), of("questions"));
}

#[tokio::test]
async fn questions_are_answered_while_a_tick_waits_for_the_log() {
    let (log, cancel) = (log(), CancellationToken::new());
    let mut processor = processor(&log).await;
    let handle = processor.handle();
    log.inject(Fault::Delay(Duration::from_secs(3_600)));
    let asking = async {
        let query = SessionQuery { tenant: "demo".to_owned(), sid: None, limit: 1 };
        let answer = handle.sessions(query).await;
        cancel.cancel();
        answer
    };
    let (ticked, answer) = tokio::join!(processor.tick(&cancel), asking);
    assert!(ticked.is_ok() && answer.is_some());
}

/// Entries 2 to 4 are missing, and 6 to 8.
fn with_gaps() -> Batch {
    Batch { entries: [0, 1, 5].map(entry).into(), next: 9, lost: 6 }
}

fn entry(offset: u64) -> Entry {
    let appended_at_us = 1_000_000 * (1 + offset.cast_signed());
    Entry { offset, appended_at_us, parts: Vec::new() }
}

/// What the rows of the first partition say of it: the next offset, and how many entries are gone.
async fn progress(log: &MemoryLog) -> Vec<(u64, u64)> {
    let entries = log.read(ROWS, 0, usize::MAX).await.unwrap().entries;
    let parts = entries.iter().flat_map(|entry| &entry.parts);
    let rows = TopicRows::decode(parts.map(|part| (part.kind, &part.payload[..]))).unwrap();
    let of_first = rows.progress.iter().filter(|row| row.partition == 0);
    of_first.map(|row| (row.offset, row.lost_entries)).collect()
}

#[tokio::test]
async fn a_gap_of_the_log_is_noted_where_it_is_and_told_once() {
    let (log, cancel) = (log(), CancellationToken::new());
    let mut processor = processor(&log).await;
    let before = processor.partitions.clone();
    processor.take(with_gaps(), &cancel).await.unwrap();
    assert_eq!((processor.position, processor.lost_entries), (9, 6));
    // Whatever was written down before a gap has nothing of it.
    let progress_of_first = progress(&log).await;
    assert_eq!(progress_of_first, [(1, 0), (2, 0), (6, 3)]);

    // Back to where it began: the state has them once, and they are not counted again.
    (processor.position, processor.partitions, processor.covered) = (0, before.clone(), 9);
    processor.take(with_gaps(), &cancel).await.unwrap();
    assert_eq!((processor.position, processor.lost_entries), (9, 6));
    let rest = Batch { entries: vec![entry(9)], next: 10, lost: 0 };
    processor.take(rest, &cancel).await.unwrap();
    assert_eq!(progress(&log).await.last(), Some(&(10, 6)));

    // Back again, and meanwhile two more are gone, before those that were counted.
    (processor.position, processor.partitions, processor.covered) = (0, before, 10);
    let shorter = Batch { entries: vec![entry(3)], next: 4, lost: 3 };
    processor.take(shorter, &cancel).await.unwrap();
    assert_eq!((processor.position, processor.lost_entries), (4, 8));
}
