//! The platform, step by step: time passes, posts arrive, and who died is started again.

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
use tallylight_stream_processor::{archive, emit};
use tempfile::TempDir;

use crate::VIEWERS;
use crate::chaos::{Chaos, Who, patience};
use crate::check::{self, Outcome};
use crate::door::Door;
use crate::life::{Life, Place};
use crate::log::SimLog;
use crate::network::{self, Post, Schedule};
use crate::player::{Player, T0};
use crate::trace::Trace;

/// Collectors of a run.
const DOORS: usize = 2;

/// How a seed's run came out.
#[derive(Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// What happened, and every final row.
    pub trace: Trace,
    /// What does not hold.
    pub problems: Vec<String>,
}

impl Run {
    /// What is wrong, how it came to that, and how to see it again.
    pub fn report(&self, viewers: usize) -> String {
        format!(
            "{}\nseed {} fails:\n{}\nagain: cargo run --locked --workspace --bin tallylight-sim -- --seed {} --viewers \
             {viewers}",
            self.trace.text(),
            self.seed,
            self.problems.join("\n"),
            self.seed
        )
    }
}

/// Runs a seed with so many viewers.
pub fn run(seed: u64, viewers: usize) -> Run {
    let mut rng = StdRng::seed_from_u64(seed);
    let players: Vec<Player> = (0..viewers).map(|n| Player::new(n, &mut rng)).collect();
    let calm = network::on_time(&players, DOORS, &mut rng);
    let schedule = network::disturbed(&calm, DOORS, &mut rng);
    let wanted = alone(async {
        let mut world = World::new(seed, &players);
        world.open().await;
        world.live(calm).await;
        world.events().await
    });
    alone(async {
        let mut world = World::new(seed, &players);
        world.open().await;
        world.start_processor().await;
        world.live(schedule).await;
        let history = world.settle().await;
        let outcome = Outcome {
            players: &players,
            acknowledged: &world.acknowledged,
            log: Arc::clone(&world.log),
            events: world.events().await,
            wanted,
            history,
            now_us: world.clock.now_us(),
        };
        let (problems, rows) = check::all(&outcome).await;
        let mut trace = world.chaos.trace();
        rows.iter().for_each(|row| trace.line(row));
        Run { seed, trace, problems }
    })
}

/// Runs something with a runtime of its own, of one thread: tasks take turns in an order that
/// nothing outside decides.
fn alone<T>(of: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(of)
}

struct World<'a> {
    players: &'a [Player],
    dir: TempDir,
    clock: Arc<ManualClock>,
    log: Arc<dyn EventLog>,
    chaos: Arc<Chaos>,
    rng: StdRng,
    doors: Vec<Door>,
    /// Tasks of a door.
    door_tasks: usize,
    life: Option<Life>,
    acknowledged: BTreeSet<(usize, (u32, u64))>,
}

/// A folder in memory where there is one: crashes of the machine are not what is tested here.
fn folder() -> TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

impl<'a> World<'a> {
    fn new(seed: u64, players: &'a [Player]) -> Self {
        let clock = Arc::new(ManualClock::at_us(T0 * 1_000));
        let topics = vec![TopicSettings::new(EVENTS, 1 << 30), TopicSettings::new(ROWS, 1 << 30)];
        let log = Arc::new(MemoryLog::new(topics, Arc::clone(&clock) as Arc<dyn Clock>));
        Self {
            players,
            dir: folder(),
            clock,
            log,
            chaos: Chaos::new(seed, scale(players.len())),
            rng: StdRng::seed_from_u64(!seed),
            doors: Vec::new(),
            door_tasks: 0,
            life: None,
            acknowledged: BTreeSet::new(),
        }
    }

    async fn open(&mut self) {
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
        Door::start(Arc::clone(&self.clock) as Arc<dyn Clock>, log).await
    }

    async fn start_processor(&mut self) {
        self.chaos.starts(Who::Processor);
        let chaos = Arc::clone(&self.chaos);
        let place = Place {
            dir: self.dir.path(),
            log: SimLog::new(Arc::clone(&self.log), Arc::clone(&chaos), Who::Processor),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            faults: Some(chaos),
        };
        let settings = archive::Settings {
            checkpoint_s: 3_600,
            snapshot_s: if self.rng.random_bool(0.7) { 0 } else { 3_600 },
            checkpoint_rows: self.rng.random_range(1..800 * u64::from(scale(self.players.len()))),
            retry_s: 0,
            ..Default::default()
        };
        let life = Life::start(place, settings).await;
        self.chaos.lives(Who::Processor, life.running.abort_handle(), 1);
        self.life = Some(life);
    }

    /// Lets every post arrive, and come again until it is acknowledged.
    async fn live(&mut self, mut schedule: Schedule) {
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
            self.players[post.player].skew != 0 && post.records.iter().any(|r| r.id.1 == 0)
        };
        // By the first record a wrong clock is found out: that one comes through.
        self.chaos.switch(self.life.is_some() && !posts.iter().any(heals));
        let body = |post: &Post| post.records.iter().map(|r| format!("{}\n", r.line)).collect();
        let answers =
            join_all(posts.iter().map(|post| self.doors[post.door].post(body(post)))).await;
        let mut again = Vec::new();
        for (post, taken) in posts.into_iter().zip(answers) {
            let records = post.records.iter().map(|record| (post.player, record.id));
            let who = &self.players[post.player].sid;
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

    async fn tick(&mut self, ms: i64) {
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

    /// Nothing goes wrong any more, and time passes until nothing can change.
    async fn settle(&mut self) -> History {
        self.chaos.switch(false);
        for _ in 0..4 {
            self.tick(1_000_000).await;
        }
        self.tick(1_000).await;
        self.life.take().unwrap().stop().await
    }

    async fn events(&self) -> Vec<tallylight_eventlog::Entry> {
        self.log.read(EVENTS, 0, usize::MAX).await.unwrap().entries
    }
}

/// How much rarer than in a run of [`VIEWERS`] a call fails and a checkpoint is made. A processor
/// that dies reads on from its snapshot, and would hardly come to the end of a long log by lives of
/// a hundred entries. More viewers still see more faults, each in more company.
fn scale(viewers: usize) -> u32 {
    u32::try_from((viewers / VIEWERS / 4).isqrt()).unwrap_or(u32::MAX).max(1)
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
