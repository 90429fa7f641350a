//! The platform, step by step: time passes, posts arrive, and who died is started again.

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
use tallylight_store::archive::History;
use tallylight_stream_processor::emit;
use tempfile::TempDir;

use crate::cast::{Cast, Sender};
use crate::chaos::{Chaos, Who, patience};
use crate::check::{self, Outcome};
use crate::door::Door;
use crate::life::Life;
use crate::log::SimLog;
use crate::network::{self, Post, Schedule};
use crate::player::T0;
use crate::trace::Trace;

/// Collectors of a run.
pub(crate) const DOORS: usize = 2;

/// How a seed's run came out.
#[derive(Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// How it is asked for again, beside the seed and the number of viewers.
    pub flags: &'static str,
    /// What happened, and every final row.
    pub trace: Trace,
    /// What does not hold.
    pub problems: Vec<String>,
}

impl Run {
    /// What is wrong, how it came to that, and how to see it again.
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

/// Runs a seed with so many viewers.
pub fn run(seed: u64, viewers: usize) -> Run {
    let cast = Cast::of(seed, viewers);
    let senders = cast.senders();
    let mut rng = StdRng::seed_from_u64(seed);
    let calm = network::on_time(&senders, DOORS, &mut rng);
    let schedule = network::disturbed(&calm, DOORS, &mut rng);
    let wanted = alone(async {
        let mut world = World::new(seed, &senders);
        world.open().await;
        world.live(calm).await;
        world.events().await
    });
    alone(async {
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

/// Runs something with a runtime of its own, of one thread: tasks take turns in an order that
/// nothing outside decides.
pub fn alone<T>(of: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(of)
}

/// See the module.
#[derive(Debug)]
pub(crate) struct World<'a> {
    seed: u64,
    senders: &'a [Sender<'a>],
    dir: TempDir,
    clock: Arc<ManualClock>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) chaos: Arc<Chaos>,
    pub(crate) rng: StdRng,
    doors: Vec<Door>,
    /// Tasks of a door.
    door_tasks: usize,
    pub(crate) life: Option<Life>,
    /// Everything is kept as soon as it can be.
    careful: bool,
    acknowledged: BTreeSet<(usize, (u32, u64))>,
}

/// A folder in memory where there is one: crashes of the machine are not what is tested here.
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
            doors: Vec::new(),
            door_tasks: 0,
            life: None,
            careful: false,
            acknowledged: BTreeSet::new(),
        }
    }

    pub(crate) async fn open(&mut self) {
        for n in 0..DOORS {
            let before = tasks();
            let door = self.door(n).await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            self.door_tasks = tasks() - before;
            self.chaos.lives(Who::Door(n), door.running.abort_handle(), self.door_tasks);
            self.doors.push(door);
        }
    }

    async fn door(&self, n: usize) -> Door {
        let log = SimLog::new(Arc::clone(&self.log), Arc::clone(&self.chaos), Who::Door(n));
        Door::start(Arc::clone(&self.clock) as Arc<dyn Clock>, log.into()).await
    }

    /// Lets every post arrive, and come again until it is acknowledged.
    pub(crate) async fn live(&mut self, mut schedule: Schedule) {
        let mut number = schedule.len();
        while let Some(((at, _), first)) = schedule.pop_first() {
            let mut posts = vec![first];
            while schedule.first_key_value().is_some_and(|((then, _), _)| *then == at) {
                posts.extend(schedule.pop_first().map(|(_, post)| post));
            }
            self.pass_to(at).await;
            for post in self.post(posts).await {
                let post = Post { door: self.rng.random_range(0..DOORS), ..post };
                // A session whose first record is late has a slow clock, as far as can be told.
                let first = post.records.iter().any(|record| record.id.1 == 0);
                let wait = self.rng.random_range(if first { 50..300 } else { 1_000..8_000 });
                schedule.insert((at + wait, number), post);
                number += 1;
            }
            self.quiet().await;
        }
    }

    /// Posts at one moment; answers those that must be sent again.
    async fn post(&mut self, posts: Vec<Post>) -> Vec<Post> {
        let heals = |post: &Post| {
            self.senders[post.sender].skew != 0 && post.records.iter().any(|r| r.id.1 == 0)
        };
        // By the first record a wrong clock is found out: that one comes through.
        self.chaos.switch(self.life.is_some() && !posts.iter().any(heals));
        let answers = join_all(posts.iter().map(|post| {
            let lines = post.records.iter().map(|r| format!("{}\n", r.line));
            self.doors[post.door].post(self.senders[post.sender].form, lines.collect())
        }))
        .await;
        let mut again = Vec::new();
        for (post, taken) in posts.into_iter().zip(answers) {
            let records = post.records.iter().map(|record| (post.sender, record.id));
            let who = &self.senders[post.sender].name;
            self.chaos.note(format_args!("{who} posts {} records: {taken:?}", post.records.len()));
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

    /// Moves time to `at` (ms after the start), in steps that grow with the way to go.
    async fn pass_to(&mut self, at: i64) {
        loop {
            let rest = at - (self.clock.now_us() / 1_000 - T0);
            if rest <= 0 {
                return;
            }
            self.tick(if rest <= 4_000 { rest.min(1_000) } else { rest / 2 }).await;
        }
    }

    pub(crate) async fn tick(&mut self, ms: i64) {
        self.clock.advance_us(ms * 1_000);
        if self.life.is_some() {
            self.log.append(EVENTS, vec![emit::tick()]).await.unwrap();
            self.quiet().await;
        }
    }

    /// Returns when everything is read and written, and everybody lives.
    async fn quiet(&mut self) {
        for round in 0.. {
            for n in 0..DOORS {
                if !self.chaos.is_alive(Who::Door(n)) {
                    let door = self.door(n).await;
                    self.chaos.lives(Who::Door(n), door.running.abort_handle(), self.door_tasks);
                    let _ = std::mem::replace(&mut self.doors[n], door).running.await;
                }
            }
            let Some(life) = &mut self.life else { return };
            if life.running.is_finished() || !self.chaos.is_alive(Who::Processor) {
                let how = (&mut life.running).await;
                self.chaos
                    .note(format_args!("the processor ended: {:?}", how.map_err(|_| "killed")));
                self.start_processor().await;
                continue;
            }
            let read = life.handle.stats().borrow().position;
            if read >= *self.log.head(EVENTS).unwrap().borrow() {
                self.chaos.calm().await;
                if self.chaos.is_alive(Who::Processor) {
                    return;
                }
            }
            patience(round).await;
        }
    }

    /// What came of it; nothing was lost, and what is wanted is not known.
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

    /// The run, with what does not hold and its final rows.
    pub(crate) fn over(&self, problems: Vec<String>, rows: &[String]) -> Run {
        let mut trace = self.chaos.trace();
        rows.iter().for_each(|row| trace.line(row));
        let flags = if self.chaos.given_up() > 0 { " --loss" } else { "" };
        Run { seed: self.seed, flags, trace, problems }
    }

    /// Nothing goes wrong any more, and time passes until nothing can change.
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
