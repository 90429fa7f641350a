//! History that could not be written for a while is filled from the log, and never says that it reaches
//! further than it does.

use tallylight_schemas::record::EVENTS;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_filled_is_said_to_reach_no_further_than_it_does() {
    let mut way = Way::without_processor();
    let dir = tempfile::tempdir().unwrap();
    let few = Arc::new(Few(AtomicI64::new(i64::MAX)));
    let settings = archive::Settings {
        hot_bytes: 64 << 10,
        checkpoint_rows: 1,
        snapshot_s: 0,
        retry_s: 0,
        ..Default::default()
    };
    let log = Arc::clone(&way.log) as Arc<dyn EventLog>;
    let faults = Some(Arc::clone(&few) as Arc<dyn Faults>);
    let life = Life::with((log, &way.clock), dir.path(), faults, settings).await;
    // What is written begins with an emission.
    let clock = Arc::clone(&way.clock);
    let pass = async || clock.advance_us(100_000);
    for second in 0..120 {
        if second == 20 {
            until(life.handle.stats(), |archive| archive.snapshot > 0, &pass).await;
            few.0.store(0, Ordering::SeqCst);
        }
        way.second(second, 30).await;
        way.clock.advance_us(1_000_000);
        life.caught_up().await;
    }
    until(life.handle.stats(), |archive| archive.standing, &pass).await;
    // Where it stood is written, then the first that was read anew.
    few.0.store(2, Ordering::SeqCst);
    until(life.handle.stats(), |_| few.0.load(Ordering::SeqCst) < 0, &pass).await;
    let committed = life.history.status().committed;
    let log = way.log.read(EVENTS, committed, usize::MAX).await.unwrap();
    let next = log.entries.first().expect("not all is filled");
    let reach = life.history.reach().await.unwrap().unwrap();
    assert!(reach <= next.appended_at_us, "{reach} is said, {} is missing", next.appended_at_us);
    life.stop().await;
}
