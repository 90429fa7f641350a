//! Log time is stalled, because a clock was ahead for a moment: rows are written all the same.

use tallylight_schemas::record::EVENTS;

use super::*;

/// Memory for rows, bytes.
const HOT: u64 = 256 << 10;

async fn start(pipeline: &Pipeline, dir: &std::path::Path, budget: &Arc<WriteBudget>) -> Life {
    let settings = archive::Settings {
        hot_bytes: HOT,
        checkpoint_s: 3_600,
        snapshot_s: 0,
        retry_s: 0,
        ..Default::default()
    };
    let log = Arc::clone(&pipeline.log) as Arc<dyn EventLog>;
    let faults = Some(Arc::clone(budget) as Arc<dyn Faults>);
    Life::with((log, &pipeline.clock), dir, faults, settings).await
}

/// Appends the records of these seconds, all at one moment. The rows that wait never take much more
/// than their memory.
async fn append_seconds(pipeline: &mut Pipeline, life: &Life, seconds: std::ops::Range<i64>) {
    for second in seconds {
        pipeline.second(second, 30).await;
        life.caught_up().await;
        let waiting = life.history.status().hot_bytes;
        assert!(waiting < 2 * HOT, "{waiting} bytes wait after {second}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_written_while_log_time_is_stalled() {
    let (mut pipeline, dir) = (Pipeline::without_processor(), tempfile::tempdir().unwrap());
    let budget = Arc::new(WriteBudget(AtomicI64::new(i64::MAX)));
    let life = start(&pipeline, dir.path(), &budget).await;
    append_seconds(&mut pipeline, &life, 0..40).await;
    assert!(life.history.status().committed > 0);
    let stats = life.handle.stats().borrow().archive.unwrap();
    assert_eq!((stats.failures, stats.waiting_entries), (0, 0), "{stats:?}");
    life.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_cannot_be_written_meanwhile_take_no_more_memory_and_are_filled_later() {
    let (mut pipeline, dir) = (Pipeline::without_processor(), tempfile::tempdir().unwrap());
    let budget = Arc::new(WriteBudget(AtomicI64::new(0)));
    let life = start(&pipeline, dir.path(), &budget).await;
    append_seconds(&mut pipeline, &life, 0..40).await;
    until(life.handle.stats(), |archive| archive.standing, async || {}).await;
    budget.0.store(i64::MAX, Ordering::SeqCst);
    until(life.handle.stats(), |archive| !archive.standing, async || {}).await;
    life.caught_up().await;
    assert!(pipeline.log.usage(EVENTS).unwrap().next >= 40);
    let history = life.stop().await;
    let events = rows(&history, Table::PlayerEvents).await;
    let accepted = events.iter().filter(|row| row.contains("|accepted|")).count();
    assert_eq!(accepted as u64, pipeline.sent);
}
