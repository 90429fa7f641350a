//! Input for logs of any kind: what collectors make of a seed's posts through a bad network, as
//! entries with their times, followed by enough time for everything to become final.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tallylight_eventlog::memory::MemoryLog;
use tallylight_eventlog::{Entry, Shards, TopicSettings};
use tallylight_schemas::clock::{Clock, ManualClock};
use tallylight_schemas::record::EVENTS;
use tallylight_stream_processor::emit;

use crate::cast::Cast;
use crate::collector::SimCollector;
use crate::network::{self, Schedule};
use crate::player::T0;
use crate::world::{COLLECTORS, on_own_runtime, steps};

/// Length of a step of time after the last post, ms: four of them finish all sessions and panes.
const AFTER_MS: i64 = 1_000_000;

/// The entries of each shard of a log with this many shards.
pub fn entries(seed: u64, viewers: usize, shards: u16) -> Vec<Vec<Entry>> {
    let cast = Cast::of(seed, viewers);
    let senders = cast.senders();
    let mut rng = StdRng::seed_from_u64(seed);
    let on_time = network::on_time(&senders, COLLECTORS, &mut rng);
    let schedule = network::disturbed(&on_time, COLLECTORS, &mut rng);
    on_own_runtime(async {
        let manual = Arc::new(ManualClock::at_us(T0 * 1_000));
        let clock = Arc::clone(&manual) as Arc<dyn Clock>;
        let logs = MemoryLog::shards(shards, &[TopicSettings::new(EVENTS, 1 << 30)], &clock);
        let log = Shards::new(logs).unwrap();
        fill(&log, &manual, &cast, &schedule).await;
        let mut all = Vec::new();
        for log in log.iter() {
            all.push(log.read(EVENTS, 0, usize::MAX).await.unwrap().entries);
        }
        all
    })
}

/// Posts one after the other, so that every log has the order of the schedule.
async fn fill(log: &Shards, clock: &Arc<ManualClock>, cast: &Cast, schedule: &Schedule) {
    let (senders, mut collectors) = (cast.senders(), Vec::new());
    for _ in 0..COLLECTORS {
        collectors
            .push(SimCollector::start(Arc::clone(clock) as Arc<dyn Clock>, log.clone()).await);
    }
    for ((at, _), post) in schedule {
        for ms in steps(at - (clock.now_us() / 1_000 - T0), i64::MAX) {
            tick(log, clock, ms).await;
        }
        let lines: String = post.records.iter().map(|r| format!("{}\n", r.line)).collect();
        let taken = collectors[post.collector].post(senders[post.sender].form, lines).await;
        assert_eq!(taken, Some(post.records.len() as u64));
    }
    for _ in 0..4 {
        tick(log, clock, AFTER_MS).await;
    }
    tick(log, clock, 1_000).await;
}

async fn tick(log: &Shards, clock: &ManualClock, ms: i64) {
    clock.advance_us(ms * 1_000);
    for log in log.iter() {
        log.append(EVENTS, vec![emit::tick()]).await.unwrap();
    }
}
