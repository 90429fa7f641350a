//! Runs the suite on the in-process logs. Kafka passes it in `tests/tests/kafka.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::memory::{Fault, MemoryLog};
use tallylight_eventlog::{EventLog, LogError, conformance};
use tallylight_schemas::clock::ManualClock;

#[tokio::test(flavor = "multi_thread")]
async fn disk() {
    let dirs = Mutex::new(Vec::new());
    conformance::run(conformance::STRICT, async |clock| {
        let dir = tempfile::tempdir().unwrap();
        let settings =
            DiskSettings::new(dir.path().join("log"), conformance::topics(conformance::STRICT));
        dirs.lock().unwrap().push(dir);
        Arc::new(DiskLog::open(settings, clock).unwrap()) as Arc<dyn EventLog>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    conformance::run(conformance::STRICT, async |clock| {
        Arc::new(MemoryLog::new(conformance::topics(conformance::STRICT), clock))
            as Arc<dyn EventLog>
    })
    .await;
}

#[tokio::test]
async fn memory_fails_on_request() {
    let clock = Arc::new(ManualClock::at_us(0));
    let log = MemoryLog::new(conformance::topics(conformance::STRICT), clock);
    for fault in
        [Fault::FailBefore, Fault::FailAfter, Fault::Delay(Duration::from_millis(1)), Fault::Stop]
    {
        log.inject(fault);
    }
    let append = || log.append("events", vec![]);
    assert!(matches!(append().await, Err(LogError::Unavailable(_))));
    assert_eq!(log.usage("events").unwrap().next, 0);
    assert!(matches!(append().await, Err(LogError::Unsure(_))));
    assert_eq!(log.usage("events").unwrap().next, 1, "stored, although the answer was lost");
    assert_eq!(append().await.unwrap(), 1);
    assert!(matches!(append().await, Err(LogError::Closed(_))));
    assert!(matches!(append().await, Err(LogError::Closed(_))));
    assert_eq!(log.usage("events").unwrap().next, 2);
}
