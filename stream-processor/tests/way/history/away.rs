//! The place of snapshots is away for a minute while everything else goes on: the tables are written,
//! a restart goes on from the last good one, and once they can be written again nothing is missing.

use tallylight_eventlog::memory::MemoryLog;
use tallylight_eventlog::{Entry, TopicSettings};
use tallylight_schemas::record::{EVENTS, ROWS};

use super::*;

/// Lets every snapshot fail while it is on.
#[derive(Debug, Default)]
struct Away(AtomicBool);

impl Faults for Away {
    fn pass(&self, step: Step) -> Result<(), String> {
        let fails = step == Step::Snapshot && self.0.load(Ordering::SeqCst);
        if fails { Err("as the test wants it".to_owned()) } else { Ok(()) }
    }
}

/// A processor's lives, with everything that was in its log.
struct Lives {
    way: Way,
    dir: tempfile::TempDir,
    away: Arc<Away>,
    entries: Vec<Entry>,
    life: Life,
    /// How many there were with records.
    seconds: i64,
}

async fn start(way: &Way, dir: &std::path::Path, away: Option<&Arc<Away>>) -> Life {
    let often = archive::Settings {
        checkpoint_rows: 1,
        snapshot_s: 0,
        snapshot_sessions: 10,
        snapshot_pause: 0,
        retry_s: 0,
        ..Default::default()
    };
    let log = Arc::clone(&way.log) as Arc<dyn EventLog>;
    let faults = away.map(|away| Arc::clone(away) as Arc<dyn Faults>);
    Life::with((log, &way.clock), dir, faults, often).await
}

impl Lives {
    /// The log forgets what is older than so much, if given.
    async fn begin(cap_age: Option<Duration>) -> Self {
        let (mut way, dir) = (Way::without_processor(), tempfile::tempdir().unwrap());
        let events = TopicSettings { cap_age, ..TopicSettings::new(EVENTS, 1 << 30) };
        let clock = Arc::clone(&way.clock) as Arc<dyn Clock>;
        way.log = Arc::new(MemoryLog::new(vec![events, TopicSettings::new(ROWS, 1 << 30)], clock));
        let away = Arc::<Away>::default();
        let life = start(&way, dir.path(), Some(&away)).await;
        Self { way, dir, away, entries: Vec::new(), life, seconds: 0 }
    }

    /// Log time passes, by a tick at least.
    async fn pass(&mut self, ms: i64) {
        self.way.clock.advance_us(ms * 1_000);
        let next = self.way.log.usage(EVENTS).unwrap().next;
        let mut head = self.way.log.head(EVENTS).unwrap();
        let ticked = head.wait_for(|head| *head > next);
        tokio::time::timeout(Duration::from_secs(30), ticked).await.unwrap().unwrap();
        self.life.caught_up().await;
        let from = self.entries.len() as u64;
        let batch = self.way.log.read(EVENTS, from, usize::MAX).await.unwrap();
        assert_eq!(batch.lost, 0, "the test is slower than the log forgets");
        self.entries.extend(batch.entries);
    }

    async fn go_on(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.way.second(self.seconds, 30).await;
            self.seconds += 1;
            self.pass(1_000).await;
        }
    }

    fn archive(&self) -> archive::ArchiveStats {
        self.life.handle.stats().borrow().archive.unwrap()
    }

    /// Goes on until that is so, by few seconds of log time.
    async fn until(&mut self, so: impl Fn(&archive::ArchiveStats) -> bool) {
        let (stats, mut steps) = (self.life.handle.stats(), 0);
        let step = async || {
            match steps % 100 {
                0 => self.go_on(1).await,
                _ => self.pass(1).await,
            }
            steps += 1;
        };
        until(stats, so, step).await;
    }

    /// A crash, and another life. Answers where it went on from.
    async fn crash(self) -> (Self, u64) {
        let Self { way, dir, away, entries, life, seconds } = self;
        life.crash().await;
        let life = start(&way, dir.path(), Some(&away)).await;
        life.caught_up().await;
        let lives = Self { way, dir, away, entries, life, seconds };
        let folder = lives.dir.path().join("snapshots").join("0");
        let kept = Snapshots::open(folder, lives.way.log.id(), STATE_VERSION).unwrap();
        let newest = kept.newest().next().unwrap().position;
        (lives, newest)
    }

    /// Waits until everything is over and written. The folder goes with what is answered.
    async fn end(mut self) -> (History, tempfile::TempDir, Vec<Entry>) {
        let mut rounds = 0;
        while rounds < 80 || !self.life.is_written().await {
            rounds += 1;
            assert!(rounds < 1_000, "{:?}", self.life.history.status());
            self.pass(10_000).await;
        }
        assert_eq!(self.archive().lost_entries, 0);
        (self.life.stop().await, self.dir, self.entries)
    }
}

/// History as one life without a fault writes it, from a log that forgets nothing.
async fn straight(entries: &[Entry]) -> (History, tempfile::TempDir) {
    let (way, dir) = (Way::without_processor(), tempfile::tempdir().unwrap());
    for entry in entries {
        way.clock.advance_us(entry.appended_at_us - way.clock.now_us());
        way.log.append(EVENTS, entry.parts.clone()).await.unwrap();
    }
    let life = start(&way, dir.path(), None).await;
    life.caught_up().await;
    (life.stop().await, dir)
}

async fn a_minute_away(cap_age: Option<Duration>) {
    let mut lives = Lives::begin(cap_age).await;
    lives.go_on(20).await;
    lives.until(|archive| archive.snapshot > 0).await;
    lives.away.0.store(true, Ordering::SeqCst);
    lives.until(|archive| archive.failures > 0).await;
    let good = lives.archive().snapshot;

    lives.go_on(30).await;
    let (again, from) = lives.crash().await;
    assert_eq!(from, good, "there is none but the last good one");
    lives = again;
    lives.go_on(30).await;
    // The tables do not wait for it.
    lives.until(|archive| archive.failures > 0 && archive.committed > good).await;
    let archive = lives.archive();
    assert_eq!((archive.snapshot, archive.lost_entries), (good, 0), "{archive:?}");
    assert!(!archive.standing, "{archive:?}");

    lives.away.0.store(false, Ordering::SeqCst);
    lives.until(|archive| archive.snapshot > good).await;
    lives.go_on(60).await;
    let earliest = lives.way.log.usage(EVENTS).unwrap().earliest;
    assert_eq!(earliest > good, cap_age.is_some(), "{earliest} after {good}");
    let (lives, from) = lives.crash().await;
    assert!(from > good && from >= earliest, "{from} after {good}, {earliest}");

    let (one, _dir, entries) = lives.end().await;
    let (other, _other_dir) = straight(&entries).await;
    for table in Table::ALL {
        let got = rows_without(&one, table, &["log_id"]).await;
        let want = rows_without(&other, table, &["log_id"]).await;
        let differs = got.iter().zip(&want).find(|(got, want)| got != want);
        assert_eq!((got.len(), differs), (want.len(), None), "{}", table.name());
    }
    assert_eq!(rows(&one, Table::Sessions).await.len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_may_be_away_for_a_minute() {
    a_minute_away(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_may_be_away_while_the_log_forgets_what_is_older_than_a_hundred_seconds() {
    a_minute_away(Some(Duration::from_secs(100))).await;
}
