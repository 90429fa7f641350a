//! Snapshots fail for a minute while everything else continues: the tables are written, a restart
//! continues from the last good snapshot, and once they can be written again nothing is missing.

use tallylight_eventlog::memory::MemoryLog;
use tallylight_eventlog::{Entry, TopicSettings};
use tallylight_schemas::record::{EVENTS, ROWS};

use super::*;

/// Fails every snapshot while it is on.
#[derive(Debug, Default)]
struct SnapshotOutage(AtomicBool);

impl Faults for SnapshotOutage {
    fn pass(&self, step: Step) -> Result<(), String> {
        let fails = step == Step::Snapshot && self.0.load(Ordering::SeqCst);
        if fails { Err("as the test wants it".to_owned()) } else { Ok(()) }
    }
}

/// The runs of a processor, with every entry that was in its log.
struct Lives {
    pipeline: Pipeline,
    dir: tempfile::TempDir,
    outage: Arc<SnapshotOutage>,
    entries: Vec<Entry>,
    life: Life,
    /// Seconds with records until now.
    seconds: i64,
}

async fn start(
    pipeline: &Pipeline,
    dir: &std::path::Path,
    outage: Option<&Arc<SnapshotOutage>>,
) -> Life {
    let often = archive::Settings {
        checkpoint_rows: 1,
        snapshot_s: 0,
        snapshot_sessions: 10,
        snapshot_pause: 0,
        retry_s: 0,
        ..Default::default()
    };
    let log = Arc::clone(&pipeline.log) as Arc<dyn EventLog>;
    let faults = outage.map(|outage| Arc::clone(outage) as Arc<dyn Faults>);
    Life::with((log, &pipeline.clock), dir, faults, often).await
}

impl Lives {
    /// The log drops entries older than `cap_age`, if given.
    async fn begin(cap_age: Option<Duration>) -> Self {
        let (mut pipeline, dir) = (Pipeline::without_processor(), tempfile::tempdir().unwrap());
        let events = TopicSettings { cap_age, ..TopicSettings::new(EVENTS, 1 << 30) };
        let clock = Arc::clone(&pipeline.clock) as Arc<dyn Clock>;
        pipeline.log =
            Arc::new(MemoryLog::new(vec![events, TopicSettings::new(ROWS, 1 << 30)], clock));
        let outage = Arc::<SnapshotOutage>::default();
        let life = start(&pipeline, dir.path(), Some(&outage)).await;
        Self { pipeline, dir, outage, entries: Vec::new(), life, seconds: 0 }
    }

    /// Advances log time, at least by a tick.
    async fn pass(&mut self, ms: i64) {
        self.pipeline.clock.advance_us(ms * 1_000);
        let next = self.pipeline.log.usage(EVENTS).unwrap().next;
        let mut head = self.pipeline.log.head(EVENTS).unwrap();
        let ticked = head.wait_for(|head| *head > next);
        tokio::time::timeout(Duration::from_secs(30), ticked).await.unwrap().unwrap();
        self.life.caught_up().await;
        let from = self.entries.len() as u64;
        let batch = self.pipeline.log.read(EVENTS, from, usize::MAX).await.unwrap();
        assert_eq!(batch.lost, 0, "the log dropped entries before the test read them");
        self.entries.extend(batch.entries);
    }

    async fn go_on(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.pipeline.second(self.seconds, 30).await;
            self.seconds += 1;
            self.pass(1_000).await;
        }
    }

    fn archive(&self) -> archive::ArchiveStats {
        self.life.handle.stats().borrow().archive.unwrap()
    }

    /// Continues, by few seconds of log time, until the archive's state matches.
    async fn until(&mut self, matches: impl Fn(&archive::ArchiveStats) -> bool) {
        let (stats, mut steps) = (self.life.handle.stats(), 0);
        let step = async || {
            match steps % 100 {
                0 => self.go_on(1).await,
                _ => self.pass(1).await,
            }
            steps += 1;
        };
        until(stats, matches, step).await;
    }

    /// A crash, and another run. Returns the position of the snapshot from which it continued.
    async fn crash(self) -> (Self, u64) {
        let Self { pipeline, dir, outage, entries, life, seconds } = self;
        life.crash().await;
        let life = start(&pipeline, dir.path(), Some(&outage)).await;
        life.caught_up().await;
        let lives = Self { pipeline, dir, outage, entries, life, seconds };
        let folder = lives.dir.path().join("snapshots").join("0");
        let kept = Snapshots::open(folder, lives.pipeline.log.id(), STATE_VERSION).unwrap();
        let newest = kept.newest().next().unwrap().position;
        (lives, newest)
    }

    /// Waits until everything is over and written. The returned folder keeps the history's files.
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

/// The history of one run without a fault, from a log that drops nothing.
async fn baseline(entries: &[Entry]) -> (History, tempfile::TempDir) {
    let (pipeline, dir) = (Pipeline::without_processor(), tempfile::tempdir().unwrap());
    for entry in entries {
        pipeline.clock.advance_us(entry.appended_at_us - pipeline.clock.now_us());
        pipeline.log.append(EVENTS, entry.parts.clone()).await.unwrap();
    }
    let life = start(&pipeline, dir.path(), None).await;
    life.caught_up().await;
    (life.stop().await, dir)
}

async fn a_minute_without_snapshots(cap_age: Option<Duration>) {
    let mut lives = Lives::begin(cap_age).await;
    lives.go_on(20).await;
    lives.until(|archive| archive.snapshot > 0).await;
    lives.outage.0.store(true, Ordering::SeqCst);
    lives.until(|archive| archive.failures > 0).await;
    let good = lives.archive().snapshot;

    lives.go_on(30).await;
    let (again, from) = lives.crash().await;
    assert_eq!(from, good, "it continues from the last good snapshot");
    lives = again;
    lives.go_on(30).await;
    // The tables do not wait for snapshots.
    lives.until(|archive| archive.failures > 0 && archive.committed > good).await;
    let archive = lives.archive();
    assert_eq!((archive.snapshot, archive.lost_entries), (good, 0), "{archive:?}");
    assert!(!archive.standing, "{archive:?}");

    lives.outage.0.store(false, Ordering::SeqCst);
    lives.until(|archive| archive.snapshot > good).await;
    lives.go_on(60).await;
    let earliest = lives.pipeline.log.usage(EVENTS).unwrap().earliest;
    assert_eq!(earliest > good, cap_age.is_some(), "{earliest} after {good}");
    let (lives, from) = lives.crash().await;
    assert!(from > good && from >= earliest, "{from} after {good}, {earliest}");

    let (one, _dir, entries) = lives.end().await;
    let (other, _other_dir) = baseline(&entries).await;
    for table in Table::ALL {
        let got = rows_without(&one, table, &["log_id"]).await;
        let want = rows_without(&other, table, &["log_id"]).await;
        let differs = got.iter().zip(&want).find(|(got, want)| got != want);
        assert_eq!((got.len(), differs), (want.len(), None), "{}", table.name());
    }
    assert_eq!(rows(&one, Table::Sessions).await.len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_may_fail_for_a_minute() {
    a_minute_without_snapshots(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_may_fail_while_the_log_drops_entries_after_a_hundred_seconds() {
    a_minute_without_snapshots(Some(Duration::from_secs(100))).await;
}
