//! History that could not be written for a while is filled from the log, and never claims to reach
//! further than it does.

use tallylight_schemas::record::EVENTS;

use super::*;

/// A run with little memory, and how many more files of events it may write.
pub(super) async fn with_budget(
    pipeline: &Pipeline,
    dir: &tempfile::TempDir,
) -> (Life, Arc<WriteBudget>) {
    let budget = Arc::new(WriteBudget(AtomicI64::new(i64::MAX)));
    let settings = archive::Settings {
        hot_bytes: 64 << 10,
        checkpoint_rows: 1,
        snapshot_s: 0,
        retry_s: 0,
        ..Default::default()
    };
    let log = Arc::clone(&pipeline.log) as Arc<dyn EventLog>;
    let faults = Some(Arc::clone(&budget) as Arc<dyn Faults>);
    let life = Life::with((log, &pipeline.clock), dir.path(), faults, settings).await;
    (life, budget)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filled_history_claims_no_more_than_it_has() {
    let mut pipeline = Pipeline::without_processor();
    let dir = tempfile::tempdir().unwrap();
    let (life, budget) = with_budget(&pipeline, &dir).await;
    // A checkpoint begins with an emission, and log time has to pass for one.
    let clock = Arc::clone(&pipeline.clock);
    let pass = async || clock.advance_us(100_000);
    for second in 0..120 {
        if second == 20 {
            until(life.handle.stats(), |archive| archive.snapshot > 0, &pass).await;
            budget.0.store(0, Ordering::SeqCst);
        }
        pipeline.second(second, 30).await;
        pipeline.clock.advance_us(1_000_000);
        life.caught_up().await;
    }
    until(life.handle.stats(), |archive| archive.standing, &pass).await;
    // The rows that waited are written, then the first that were reread.
    budget.0.store(2, Ordering::SeqCst);
    until(life.handle.stats(), |_| budget.0.load(Ordering::SeqCst) < 0, &pass).await;
    let committed = life.history.status().committed;
    let log = pipeline.log.read(EVENTS, committed, usize::MAX).await.unwrap();
    let next = log.entries.first().expect("not all is filled");
    let reach = life.history.reach().await.unwrap().unwrap();
    assert!(reach <= next.appended_at_us, "{reach} is claimed, {} is missing", next.appended_at_us);
    life.stop().await;
}
