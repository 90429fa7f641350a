//! Log time stands still, since a clock was ahead of it for a moment: rows come all the same.

use tallylight_schemas::record::EVENTS;

use super::*;

/// What rows may take.
const HOT: u64 = 256 << 10;

async fn start(way: &Way, dir: &std::path::Path, few: &Arc<Few>) -> Life {
    let settings = archive::Settings {
        hot_bytes: HOT,
        checkpoint_s: 3_600,
        snapshot_s: 0,
        retry_s: 0,
        ..Default::default()
    };
    let log = Arc::clone(&way.log) as Arc<dyn EventLog>;
    let faults = Some(Arc::clone(few) as Arc<dyn Faults>);
    Life::with((log, &way.clock), dir, faults, settings).await
}

/// So many seconds' records, all of them at one moment. What waits never takes much more than it may.
async fn come(way: &mut Way, life: &Life, seconds: std::ops::Range<i64>) {
    for second in seconds {
        way.second(second, 30).await;
        life.caught_up().await;
        let waiting = life.history.status().hot_bytes;
        assert!(waiting < 2 * HOT, "{waiting} bytes wait after {second}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_written_while_log_time_stands_still() {
    let (mut way, dir) = (Way::without_processor(), tempfile::tempdir().unwrap());
    let few = Arc::new(Few(AtomicI64::new(i64::MAX)));
    let life = start(&way, dir.path(), &few).await;
    come(&mut way, &life, 0..40).await;
    assert!(life.history.status().committed > 0);
    let stats = life.handle.stats().borrow().archive.unwrap();
    assert_eq!((stats.failures, stats.waiting_entries), (0, 0), "{stats:?}");
    life.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_meanwhile_takes_no_more_memory_and_is_filled_later() {
    let (mut way, dir) = (Way::without_processor(), tempfile::tempdir().unwrap());
    let few = Arc::new(Few(AtomicI64::new(0)));
    let life = start(&way, dir.path(), &few).await;
    come(&mut way, &life, 0..40).await;
    until(life.handle.stats(), |archive| archive.standing, async || {}).await;
    few.0.store(i64::MAX, Ordering::SeqCst);
    until(life.handle.stats(), |archive| !archive.standing, async || {}).await;
    life.caught_up().await;
    assert!(way.log.usage(EVENTS).unwrap().next >= 40);
    let history = life.stop().await;
    let events = rows(&history, Table::PlayerEvents).await;
    let accepted = events.iter().filter(|row| row.contains("|accepted|")).count();
    assert_eq!(accepted as u64, way.sent);
}
