//! Brokers that are down, and brokers that have lost records when they return.

use std::sync::Arc;
use std::time::Duration;

use tallylight_eventlog::{EventLog, LogError};
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::record;
use tallylight_tests::kafka::Brokers;

/// The first shard of the log as the services see it, with this clock.
async fn open(brokers: &Brokers, clock: Arc<dyn Clock>) -> Result<Arc<dyn EventLog>, LogError> {
    Ok(Arc::clone(brokers.open(clock).await?.of(0)))
}

/// While no broker runs, appends fail and reads wait; when it is back both continue.
pub(super) async fn a_broker_that_is_away_costs_errors_and_nothing_else(brokers: &Brokers) {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let log = open(brokers, Arc::clone(&clock)).await.unwrap();
    // It keeps what comes after the first read.
    assert_eq!(log.read(record::EVENTS, 0, 1).await.unwrap().next, 0);
    assert_eq!(log.append(record::EVENTS, vec![]).await.unwrap(), 0);
    assert_eq!(log.read(record::EVENTS, 0, 1).await.unwrap().entries.len(), 1);
    let id = log.id().to_owned();
    brokers.stop();
    let failed = log.append(record::EVENTS, vec![]).await;
    assert!(matches!(failed, Err(LogError::Unsure(_))), "{failed:?}");
    let refused = open(brokers, Arc::clone(&clock)).await.map(drop);
    assert!(matches!(refused, Err(LogError::Unavailable(_))), "{refused:?}");
    assert_eq!(log.read(record::EVENTS, 0, 1).await.unwrap().entries.len(), 1, "it was kept");
    brokers.start_again();
    // A broker that has just started may not lead yet.
    let mut tries = 0..20;
    let again = loop {
        match log.append(record::EVENTS, vec![]).await {
            Ok(again) => break again,
            Err(error) => assert!(tries.next().is_some(), "{error}"),
        }
    };
    let read = log.read(record::EVENTS, 0, 1 << 20).await.unwrap();
    assert_eq!((read.next, read.lost), (again + 1, 0));
    let another = open(brokers, clock).await.unwrap();
    assert_eq!(another.id(), id, "the log has the name that it was made with");
    assert_eq!(another.read(record::EVENTS, 0, 1 << 20).await.unwrap(), read);
}

/// Entries written after the loss have offsets that were already read, so no reader would ever see
/// them.
pub(super) async fn a_log_that_has_become_shorter_says_so(brokers: &Brokers) {
    let log = open(brokers, Arc::new(WallClock)).await.unwrap();
    // It is followed before the entry comes.
    let at = *log.head(record::EVENTS).unwrap().borrow();
    assert_eq!(log.append(record::EVENTS, vec![]).await.unwrap(), at);
    let end = at + 1;
    assert_eq!(log.read(record::EVENTS, end - 1, 1).await.unwrap().next, end);
    brokers.stop();
    brokers.empty("tallylight-events");
    brokers.start_again();
    for _ in 0..100 {
        match log.read(record::EVENTS, end, 1).await {
            Ok(batch) => assert!(batch.entries.is_empty() && batch.next == end, "{batch:?}"),
            Err(LogError::Data(why)) => return assert!(why.contains("ends at 0"), "{why}"),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the log does not report that it has become shorter");
}
