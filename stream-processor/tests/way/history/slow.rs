//! Snapshots that take long to write while records come in, and owners that stay for less than the
//! time between two.

use super::*;

/// Makes the writing of each snapshot slow.
#[derive(Debug)]
struct SlowSnapshots;

impl Faults for SlowSnapshots {
    #[allow(clippy::disallowed_methods, reason = "a disk that is slow holds up its thread")]
    fn pass(&self, step: Step) -> Result<(), String> {
        if step == Step::Snapshot {
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_fill_memory_while_a_snapshot_is_written_are_written_next() {
    let mut pipeline = Pipeline::without_processor();
    let dir = tempfile::tempdir().unwrap();
    let settings = archive::Settings {
        hot_bytes: 64 << 10,
        checkpoint_rows: 1,
        snapshot_s: 0,
        ..Default::default()
    };
    let log = Arc::clone(&pipeline.log) as Arc<dyn EventLog>;
    let slow = Some(Arc::new(SlowSnapshots) as Arc<dyn Faults>);
    let life = Life::with((log, &pipeline.clock), dir.path(), slow, settings).await;
    let mut stats = life.handle.stats();
    let stalled = tokio::spawn(async move {
        stats.wait_for(|stats| stats.archive.is_some_and(|archive| archive.standing)).await.is_ok()
    });
    for second in 0..60 {
        pipeline.second(second, 30).await;
        pipeline.clock.advance_us(1_000_000);
    }
    life.caught_up().await;
    assert!(life.history.status().committed > 0);
    life.stop().await;
    assert!(!stalled.await.unwrap(), "it could be written all the time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_that_change_before_a_snapshot_is_due_leave_newer_ones_all_the_same() {
    let (mut pipeline, dir) = (Pipeline::without_processor(), tempfile::tempdir().unwrap());
    let mut newest = 0;
    for owner in 0..5 {
        let life = Life::start(&pipeline, dir.path(), None, false).await;
        for second in 0..20 {
            pipeline.second(owner * 20 + second, 30).await;
            pipeline.clock.advance_us(1_000_000);
            life.caught_up().await;
        }
        // The first one reads nothing that was read before.
        if owner > 0 {
            let pass = async || pipeline.clock.advance_us(100_000);
            until(life.handle.stats(), |archive| archive.snapshot > newest, pass).await;
            newest = life.handle.stats().borrow().archive.unwrap().snapshot;
        }
        life.stop().await;
    }
}
