//! The committer is woken only when it would look too late by itself (`collector/src/append.rs`).
//! If a wake-up is missing, a request waits forever: no later request here wakes the committer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tallylight_collector::Settings;
use tallylight_collector::admit::Caller;
use tallylight_collector::append::{Committer, Outcome, Queue, Reservation, Set};
use tallylight_collector::dead_letters::DeadLetters;
use tallylight_collector::fates::{Source, Tally};
use tallylight_eventlog::memory::MemoryLog;
use tallylight_eventlog::{EventLog, TopicSettings};
use tallylight_schemas::clock::ManualClock;
use tallylight_schemas::cmcd::{Mode, parse};
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::player::{About, Envelope};
use tallylight_schemas::record::EVENTS;
use tokio::sync::oneshot::Receiver;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

const NOW: i64 = 1_795_000_000_000_000;
/// How long to wait before a request counts as never committed.
const PATIENCE: Duration = Duration::from_secs(5);
/// The number of records that make a commit full.
const FULL: usize = 8;

/// A queue with its committer.
struct Pipeline {
    queue: Arc<Queue>,
    log: Arc<MemoryLog>,
    caller: Caller,
    _running: DropGuard,
}

impl Pipeline {
    fn new(flush_ms: u64) -> Self {
        let settings = Settings { flush_ms, flush_rows: FULL, ..Settings::default() };
        let clock = Arc::new(ManualClock::at_us(NOW));
        let log = Arc::new(MemoryLog::new(vec![TopicSettings::new(EVENTS, 1 << 30)], clock));
        let metrics = Arc::new(Default::default());
        let queue = Arc::new(Queue::new(&settings, Arc::clone(&metrics)));
        let letters = Arc::new(DeadLetters::new(0, Arc::clone(&metrics)));
        let healthy = Arc::new(AtomicBool::new(true));
        let committer =
            Committer::new(queue.clone(), log.clone().into(), letters, metrics, healthy);
        let stop = CancellationToken::new();
        tokio::spawn(committer.run(stop.clone()));
        let caller = Caller { tenant: "demo".into(), key: 0 };
        Self { queue, log, caller, _running: stop.drop_guard() }
    }

    /// Waits until the committer has looked, found nothing, and waits to be woken.
    async fn asleep(self) -> Self {
        sleep(Duration::from_millis(30)).await;
        self
    }

    /// Decodes a request's records into a set.
    fn decode(&self, records: usize) -> (Set, Reservation) {
        let (room, _) = self.queue.reserve(&self.caller, (records, 100), NOW).unwrap();
        let mut set = self.queue.lend(&room);
        let record =
            parse("e=ps,sta=p,sid=\"one\",cid=\"demo\",sn=1,ts=1795000000000,v=2", Mode::Event);
        let record = record.unwrap();
        let envelope = Envelope {
            tenant: "demo",
            mode: Mode::Event,
            source: "events",
            received_at: NOW,
            about: About::default(),
        };
        for _ in 0..records {
            assert!(set.rows.push_player(&envelope, &record, 7));
        }
        (set, room)
    }

    fn hand_over(&self, (set, room): (Set, Reservation), records: usize) -> Receiver<Outcome> {
        let tally = Tally::all(Fate::Accepted, Reason::None, records as u64);
        self.queue.hand_over(set, Source::Events, &tally, room)
    }

    fn send(&self, records: usize) -> Receiver<Outcome> {
        self.hand_over(self.decode(records), records)
    }

    fn shed(&self) {
        let source = (&self.caller.tenant, Source::Events);
        self.queue.shed(source, 1, Reason::Overload);
    }
}

async fn answered(what: &str, waiting: Receiver<Outcome>) {
    let answer = timeout(PATIENCE, waiting).await;
    answer.unwrap_or_else(|_| panic!("{what} is never committed")).unwrap().unwrap();
}

#[tokio::test]
async fn a_request_after_a_silence_is_committed() {
    let pipeline = Pipeline::new(10).asleep().await;
    answered("the first", pipeline.send(1)).await;
    let pipeline = pipeline.asleep().await;
    answered("the next", pipeline.send(1)).await;
}

#[tokio::test]
async fn a_full_commit_does_not_wait_for_its_time() {
    let pipeline = Pipeline::new(3_600_000).asleep().await;
    let first = pipeline.send(1);
    let pipeline = pipeline.asleep().await;
    answered("what fills it", pipeline.send(FULL)).await;
    answered("what was there", first).await;
}

#[tokio::test]
async fn fates_of_records_shed_in_a_silence_are_stored() {
    let pipeline = Pipeline::new(10).asleep().await;
    pipeline.shed();
    let mut head = pipeline.log.head(EVENTS).unwrap();
    let stored = timeout(PATIENCE, head.wait_for(|head| *head > 0)).await;
    stored.expect("the fates are never stored").unwrap();
}

/// The committer looks while a request decodes into the set, and finds nothing.
#[tokio::test]
async fn a_set_that_is_lent_at_commit_time_is_committed_once_returned() {
    for brings in [true, false] {
        let pipeline = Pipeline::new(10);
        let first = pipeline.send(1);
        let (set, room) = pipeline.decode(usize::from(brings));
        let pipeline = pipeline.asleep().await;
        if brings {
            answered("the second", pipeline.hand_over((set, room), 1)).await;
        } else {
            pipeline.queue.give_back(set);
        }
        answered("the first", first).await;
    }
}

/// Requests in any order and at any moment, from silence to silence.
#[tokio::test]
async fn no_request_waits_forever() {
    let mut rng = StdRng::seed_from_u64(11);
    for run in 0..150 {
        let pipeline = Pipeline::new(3);
        let (mut lent, mut waiting) = (Vec::new(), Vec::new());
        for _ in 0..rng.random_range(1..7) {
            sleep(Duration::from_millis(rng.random_range(0..5))).await;
            match rng.random_range(0..5) {
                0 | 1 => waiting.push(pipeline.send(rng.random_range(1..FULL))),
                2 => lent.push(pipeline.decode(1)),
                3 => pipeline.shed(),
                _ => {
                    if let Some(one) = lent.pop() {
                        waiting.push(pipeline.hand_over(one, 1));
                    }
                }
            }
        }
        for (set, room) in lent {
            sleep(Duration::from_millis(rng.random_range(0..5))).await;
            waiting.push(pipeline.hand_over((set, room), 1));
        }
        for one in waiting {
            answered(&format!("a request of run {run}"), one).await;
        }
    }
}
