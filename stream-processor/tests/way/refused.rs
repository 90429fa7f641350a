//! A log that refuses rows for a while.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tallylight_eventlog::memory::MemoryLog;
use tallylight_eventlog::{Batch, EventLog, LogError, Part, Usage};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::record::ROWS;
use tallylight_stream_processor::{Parts, SessionQuery, Settings, build};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::log::Pipeline;

const SOON: Duration = Duration::from_secs(10);

/// Refuses rows while `refuses`: the first append fails at once, later ones when it is over. Counts
/// the refused appends.
#[derive(Debug)]
struct Refusing {
    log: Arc<MemoryLog>,
    refuses: watch::Sender<bool>,
    refused: watch::Sender<u64>,
}

#[async_trait]
impl EventLog for Refusing {
    fn id(&self) -> &str {
        self.log.id()
    }

    async fn append(&self, topic: &str, parts: Vec<Part>) -> Result<u64, LogError> {
        if topic == ROWS && *self.refuses.borrow() {
            self.refused.send_modify(|refused| *refused += 1);
            if *self.refused.borrow() > 1 {
                self.refuses.subscribe().wait_for(|refuses| !refuses).await.unwrap();
            }
            return Err(LogError::Unavailable("as the test wants it".to_owned()));
        }
        self.log.append(topic, parts).await
    }

    async fn read(&self, topic: &str, from: u64, max_bytes: usize) -> Result<Batch, LogError> {
        self.log.read(topic, from, max_bytes).await
    }

    fn head(&self, topic: &str) -> Result<watch::Receiver<u64>, LogError> {
        self.log.head(topic)
    }

    fn usage(&self, topic: &str) -> Result<Usage, LogError> {
        self.log.usage(topic)
    }

    async fn close(&self) {
        self.log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_sessions_are_answered_while_rows_wait_and_then_the_rows_are_written() {
    let mut pipeline = Pipeline::without_processor();
    let (refuses, refused) = (watch::Sender::new(true), watch::Sender::new(0));
    let log = Arc::new(Refusing { log: Arc::clone(&pipeline.log), refuses, refused });
    let parts = Parts {
        log: Arc::clone(&log) as Arc<dyn EventLog>,
        clock: Arc::clone(&pipeline.clock) as Arc<dyn Clock>,
        archive: None,
        metrics: Default::default(),
    };
    let settings = Settings { tick_ms: 10, retry_ms: 200, ..Settings::default() };
    let processor = build(settings, parts).await.unwrap();
    let (handle, cancel) = (processor.handle(), CancellationToken::new());
    // All sessions are in the log before the processor starts, so that its first rows have them.
    for second in 0..2 {
        pipeline.second(second, 3).await;
        pipeline.clock.advance_us(2_000_000);
    }
    let running = tokio::spawn(processor.run(cancel.clone()));
    let mut refused = log.refused.subscribe();
    timeout(SOON, refused.wait_for(|refused| *refused > 1)).await.unwrap().unwrap();

    let query = SessionQuery { tenant: "demo".to_owned(), sid: None, limit: 10 };
    let answered = timeout(SOON, handle.sessions(query)).await.expect("an answer while rows wait");
    assert_eq!(answered.unwrap().len(), 3);
    assert_eq!(pipeline.log.usage(ROWS).unwrap().next, 0);

    log.refuses.send_replace(false);
    let mut rows = pipeline.log.head(ROWS).unwrap();
    timeout(SOON, rows.wait_for(|rows| *rows > 0)).await.unwrap().unwrap();
    cancel.cancel();
    running.await.unwrap().unwrap();
}
