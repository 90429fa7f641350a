//! The platform, step by step: time passes, posts arrive, and dead processes are restarted.

mod processor;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tallylight_eventlog::memory::MemoryLog;
use tallylight_eventlog::{EventLog, TopicSettings};
use tallylight_schemas::clock::{Clock, ManualClock};
use tallylight_schemas::record::{EVENTS, ROWS};
use tallylight_store::history::History;
use tallylight_stream_processor::emit;
use tempfile::TempDir;

use crate::cast::{Cast, Sender};
use crate::chaos::{Chaos, Process, patience};
use crate::check::{self, Outcome};
use crate::collector::SimCollector;
use crate::life::Life;
use crate::log::SimLog;
use crate::network::{self, Post, Schedule};
use crate::player::T0;
use crate::trace::Trace;

/// Collectors of a run.
pub(crate) const COLLECTORS: usize = 2;

/// The result of a seed's run.
#[derive(Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// Flags that repeat it, besides the seed and the number of viewers.
    pub flags: &'static str,
    /// The trace, with every final row.
    pub trace: Trace,
    /// The violations.
    pub problems: Vec<String>,
}

impl Run {
    /// The violations, the trace, and how to repeat the run.
    pub fn report(&self, viewers: usize) -> String {
        format!(
            "{}\nseed {} fails:\n{}\nagain: tallylight-sim --seed {} --viewers {viewers}{} (docs/testing.md)",
            self.trace.text(),
            self.seed,
            self.problems.join("\n"),
            self.seed,
            self.flags
        )
    }
}

/// Runs a seed with this many viewers.
pub fn run(seed: u64, viewers: usize) -> Run {
    let cast = Cast::of(seed, viewers);
    let senders = cast.senders();
    let mut rng = StdRng::seed_from_u64(seed);
    let on_time = network::on_time(&senders, COLLECTORS, &mut rng);
    let schedule = network::disturbed(&on_time, COLLECTORS, &mut rng);
    let wanted = on_own_runtime(async {
        let mut world = World::new(seed, &senders);
        world.open().await;
        world.live(on_time).await;
        world.events().await
    });
    on_own_runtime(async {
        let mut world = World::new(seed, &senders);
        world.open().await;
        world.start_processor().await;
        world.live(schedule).await;
        let history = world.settle().await;
        let outcome = Outcome { wanted, ..world.outcome(&cast, history).await };
        let (problems, rows) = check::all(&outcome).await;
        world.over(problems, &rows)
    })
}

/// Runs a future on its own runtime with one thread: tasks take turns in an order that does not
/// depend on anything outside.
pub fn on_own_runtime<T>(of: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(of)
}

/// The platform of a run.
#[derive(Debug)]
pub(crate) struct World<'a> {
    seed: u64,
    senders: &'a [Sender<'a>],
    dir: TempDir,
    clock: Arc<ManualClock>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) chaos: Arc<Chaos>,
    pub(crate) rng: StdRng,
    collectors: Vec<SimCollector>,
    /// Tasks of an idle collector.
    collector_tasks: usize,
    pub(crate) life: Option<Life>,
    /// Checkpoints and snapshots as often as possible.
    careful: bool,
    acknowledged: BTreeSet<(usize, (u32, u64))>,
}

/// The steps, ms, in which a time of `rest` ms passes: half of what is left each, and for the last
/// four seconds `last` at most.
pub(crate) fn steps(mut rest: i64, last: i64) -> impl Iterator<Item = i64> {
    std::iter::from_fn(move || {
        let step = if rest <= 4_000 { rest.min(last) } else { rest / 2 };
        rest -= step;
        (step > 0).then_some(step)
    })
}

/// A folder in memory if possible: crashes of the machine are not tested here.
pub fn folder() -> TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

impl<'a> World<'a> {
    pub(crate) fn new(seed: u64, senders: &'a [Sender<'a>]) -> Self {
        let clock = Arc::new(ManualClock::at_us(T0 * 1_000));
        let topics = vec![TopicSettings::new(EVENTS, 1 << 30), TopicSettings::new(ROWS, 1 << 30)];
        let log = Arc::new(MemoryLog::new(topics, Arc::clone(&clock) as Arc<dyn Clock>));
        Self {
            seed,
            senders,
            dir: folder(),
            clock,
            log,
            chaos: Chaos::new(seed, processor::scale(senders.len())),
            rng: StdRng::seed_from_u64(!seed),
            collectors: Vec::new(),
            collector_tasks: 0,
            life: None,
            careful: false,
            acknowledged: BTreeSet::new(),
        }
    }

    pub(crate) async fn open(&mut self) {
        for n in 0..COLLECTORS {
            let before = tasks();
            let new = self.start_collector(n).await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            self.collector_tasks = tasks() - before;
            let handle = new.running.abort_handle();
            self.chaos.lives(Process::Collector(n), handle, self.collector_tasks);
            self.collectors.push(new);
        }
    }

    async fn start_collector(&self, n: usize) -> SimCollector {
        let (log, chaos) = (Arc::clone(&self.log), Arc::clone(&self.chaos));
        let log = SimLog::new(log, chaos, Process::Collector(n));
        SimCollector::start(Arc::clone(&self.clock) as Arc<dyn Clock>, log.into()).await
    }

    /// Delivers every post, and repeats it until it is acknowledged.
    pub(crate) async fn live(&mut self, mut schedule: Schedule) {
        let mut number = schedule.len();
        while let Some(((at, _), first)) = schedule.pop_first() {
            let mut posts = vec![first];
            while schedule.first_key_value().is_some_and(|((then, _), _)| *then == at) {
                posts.extend(schedule.pop_first().map(|(_, post)| post));
            }
            self.pass_to(at).await;
            for post in self.post(posts).await {
                let post = Post { collector: self.rng.random_range(0..COLLECTORS), ..post };
                // A session whose first record is late looks like one with a slow clock.
                let first = post.records.iter().any(|record| record.id.1 == 0);
                let wait = self.rng.random_range(if first { 50..300 } else { 1_000..8_000 });
                schedule.insert((at + wait, number), post);
                number += 1;
            }
            self.quiet().await;
        }
    }

    /// Delivers posts at one moment; returns those that must be sent again.
    async fn post(&mut self, posts: Vec<Post>) -> Vec<Post> {
        let corrects_clock = |post: &Post| {
            self.senders[post.sender].skew != 0 && post.records.iter().any(|r| r.id.1 == 0)
        };
        // A wrong clock is detected by the first record, so that one must arrive.
        self.chaos.switch(self.life.is_some() && !posts.iter().any(corrects_clock));
        let answers = join_all(posts.iter().map(|post| {
            let lines = post.records.iter().map(|r| format!("{}\n", r.line));
            self.collectors[post.collector].post(self.senders[post.sender].form, lines.collect())
        }))
        .await;
        let mut again = Vec::new();
        for (post, taken) in posts.into_iter().zip(answers) {
            let records = post.records.iter().map(|record| (post.sender, record.id));
            let name = &self.senders[post.sender].name;
            self.chaos.note(format_args!("{name} posts {} records: {taken:?}", post.records.len()));
            match taken {
                Some(taken) => {
                    assert_eq!(taken, post.records.len() as u64, "each record has its fate");
                    self.acknowledged.extend(records);
                }
                None => again.push(post),
            }
        }
        again
    }

    /// Moves time to `at` (ms after the start).
    async fn pass_to(&mut self, at: i64) {
        for ms in steps(at - (self.clock.now_us() / 1_000 - T0), 1_000) {
            self.tick(ms).await;
        }
    }

    pub(crate) async fn tick(&mut self, ms: i64) {
        self.clock.advance_us(ms * 1_000);
        if self.life.is_some() {
            self.log.append(EVENTS, vec![emit::tick()]).await.unwrap();
            self.quiet().await;
        }
    }

    /// Returns when everything is read and written, and every process runs.
    async fn quiet(&mut self) {
        for round in 0.. {
            for n in 0..COLLECTORS {
                let id = Process::Collector(n);
                if !self.chaos.is_alive(id) {
                    let new = self.start_collector(n).await;
                    self.chaos.lives(id, new.running.abort_handle(), self.collector_tasks);
                    let _ = std::mem::replace(&mut self.collectors[n], new).running.await;
                }
            }
            let Some(life) = &mut self.life else { return };
            if life.running.is_finished() || !self.chaos.is_alive(Process::Processor) {
                let how = (&mut life.running).await;
                self.chaos
                    .note(format_args!("the processor ended: {:?}", how.map_err(|_| "killed")));
                self.start_processor().await;
                continue;
            }
            let read = life.handle.stats().borrow().position;
            if read >= *self.log.head(EVENTS).unwrap().borrow() {
                self.chaos.calm().await;
                if self.chaos.is_alive(Process::Processor) {
                    return;
                }
            }
            patience(round).await;
        }
    }

    /// The outcome, without losses and without the expected events.
    pub(crate) async fn outcome<'b>(&'b self, cast: &'b Cast, history: History) -> Outcome<'b> {
        Outcome {
            cast,
            acknowledged: &self.acknowledged,
            log: Arc::clone(&self.log),
            events: self.events().await,
            lost: 0..0,
            wanted: Vec::new(),
            history,
            now_us: self.clock.now_us(),
        }
    }

    /// The result of the run, from its violations and final rows.
    pub(crate) fn over(&self, problems: Vec<String>, rows: &[String]) -> Run {
        let mut trace = self.chaos.trace();
        rows.iter().for_each(|row| trace.line(row));
        let flags = if self.chaos.given_up() > 0 { " --loss" } else { "" };
        Run { seed: self.seed, flags, trace, problems }
    }

    /// Switches faults off, and lets time pass until nothing can change any more.
    pub(crate) async fn settle(&mut self) -> History {
        self.chaos.switch(false);
        for _ in 0..4 {
            self.tick(1_000_000).await;
        }
        self.tick(1_000).await;
        self.life.take().unwrap().stop().await
    }

    pub(crate) async fn events(&self) -> Vec<tallylight_eventlog::Entry> {
        self.log.read(EVENTS, 0, usize::MAX).await.unwrap().entries
    }
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
