//! History after crashes and failed writes equals the history of one run that read the whole log
//! without a fault: no row is lost or doubled in any table.

mod away;
mod fill;
mod hole;
mod slow;
mod still;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tallylight_eventlog::EventLog;
use tallylight_schemas::clock::{Clock, ManualClock};
use tallylight_schemas::tables::Table;
use tallylight_store::history::{Faults, History, Parts as HistoryParts, Step};
use tallylight_store::snapshot::Snapshots;
use tallylight_stream_processor::archive::{self, STATE_VERSION};
use tallylight_stream_processor::{Parts, ProcessorHandle, ProcessorStats, Settings, build};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::log::Pipeline;

/// Lets this many writes of player events pass, and no more.
#[derive(Debug)]
struct WriteBudget(AtomicI64);

impl Faults for WriteBudget {
    fn pass(&self, step: Step) -> Result<(), String> {
        let is_one = step == Step::Write(Table::PlayerEvents);
        let fails = is_one && self.0.fetch_sub(1, Ordering::SeqCst) <= 0;
        if fails { Err("as the test wants it".to_owned()) } else { Ok(()) }
    }
}

/// Fails at random while it is on.
#[derive(Debug)]
pub struct RandomFaults {
    on: AtomicBool,
    seed: AtomicU64,
}

impl Faults for RandomFaults {
    fn pass(&self, step: Step) -> Result<(), String> {
        let seed = self.seed.fetch_add(1, Ordering::SeqCst);
        let fails =
            self.on.load(Ordering::SeqCst) && StdRng::seed_from_u64(seed).random_range(0..20) == 0;
        if fails { Err(format!("as the test wants it, at {step:?}")) } else { Ok(()) }
    }
}

/// One run of a processor, with its history.
pub struct Life {
    pub log: Arc<dyn EventLog>,
    pub handle: ProcessorHandle,
    pub history: History,
    cancel: CancellationToken,
    running: JoinHandle<()>,
}

impl Life {
    /// Starts a run with a checkpoint after each row, and a snapshot with each checkpoint or none.
    pub async fn start(
        pipeline: &Pipeline,
        dir: &std::path::Path,
        faults: Option<Arc<RandomFaults>>,
        snapshots: bool,
    ) -> Self {
        let often = archive::Settings {
            checkpoint_rows: 1,
            snapshot_s: if snapshots { 0 } else { 3_600 },
            // Written over many entries, its partitions at different moments, like a large one.
            snapshot_sessions: 10,
            snapshot_pause: 0,
            retry_s: 1,
            ..Default::default()
        };
        let log = Arc::clone(&pipeline.log) as Arc<dyn EventLog>;
        let faults = faults.map(|faults| faults as Arc<dyn Faults>);
        Self::with((log, &pipeline.clock), dir, faults, often).await
    }

    pub async fn with(
        log: (Arc<dyn EventLog>, &Arc<ManualClock>),
        dir: &std::path::Path,
        faults: Option<Arc<dyn Faults>>,
        archive: archive::Settings,
    ) -> Self {
        let (tick_ms, retry_ms) = (10, 1);
        let settings = Settings { tick_ms, retry_ms, archive, ..Settings::default() };
        Self::of(log, dir, faults, settings).await
    }

    pub async fn of(
        (log, clock): (Arc<dyn EventLog>, &Arc<ManualClock>),
        dir: &std::path::Path,
        faults: Option<Arc<dyn Faults>>,
        settings: Settings,
    ) -> Self {
        let clock = Arc::clone(clock) as Arc<dyn Clock>;
        let parts = HistoryParts {
            dir: dir.join("history"),
            log_id: log.id().to_owned(),
            shard: log.shard(),
            clock: Arc::clone(&clock),
            faults,
        };
        let history = History::open(Default::default(), parts).await.unwrap();
        let snapshots = dir.join("snapshots").join(log.shard().number().to_string());
        let snapshots = Snapshots::open(snapshots, log.id(), STATE_VERSION).unwrap();
        let archive = archive::Parts { history: history.clone(), snapshots, writers: None };
        let archive = Some(archive);
        let parts = Parts { log: Arc::clone(&log), clock, archive, metrics: Default::default() };
        let processor = build(settings, parts).await.unwrap();
        let (handle, cancel) = (processor.handle(), CancellationToken::new());
        let stop = cancel.clone();
        let running = tokio::spawn(async move { processor.run(stop).await.unwrap() });
        Self { log, handle, history, cancel, running }
    }

    pub async fn caught_up(&self) {
        let head = self.log.usage("events").unwrap().next;
        let mut stats = self.handle.stats();
        let seen = stats.wait_for(|stats| stats.position >= head);
        tokio::time::timeout(Duration::from_secs(30), seen).await.unwrap().unwrap();
    }

    /// Whether all is in files. Checks twice: while it rereads the log, a processor holds nothing.
    async fn is_written(&self) -> bool {
        for _ in 0..2 {
            self.caught_up().await;
            if self.history.status().hot_rows > 0 {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Like `kill -9`: everything stops but the system calls already made.
    async fn crash(self) {
        self.running.abort();
        let _ = self.running.await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    pub async fn stop(self) -> History {
        self.cancel.cancel();
        self.running.await.unwrap();
        self.history
    }
}

/// Runs the test's `step` until the archive's state matches: files are slower than log time here.
async fn until(
    stats: watch::Receiver<ProcessorStats>,
    matches: impl Fn(&archive::ArchiveStats) -> bool,
    mut step: impl AsyncFnMut(),
) {
    for _ in 0..3_000 {
        let archive = stats.borrow().archive;
        if archive.is_some_and(|archive| matches(&archive)) {
            return;
        }
        step().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the archive never got there: {:?}", *stats.borrow());
}

/// All rows of a table as sorted text.
async fn rows(history: &History, table: Table) -> Vec<String> {
    rows_without(history, table, &[]).await
}

/// The same without some columns.
pub async fn rows_without(history: &History, table: Table, skip: &[&str]) -> Vec<String> {
    let view = history.view(table).await.unwrap();
    let mut batches: Vec<RecordBatch> = view.hot;
    if let Some(delta) = view.delta {
        batches.extend(SessionContext::new().read_table(delta).unwrap().collect().await.unwrap());
    }
    let mut out = Vec::new();
    let options = FormatOptions::default().with_null("NULL");
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .zip(batch.schema().fields())
            .filter(|(_, field)| !skip.contains(&field.name().as_str()))
            .map(|(column, _)| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> =
                columns.iter().map(|column| column.value(row).to_string()).collect();
            out.push(values.join("|"));
        }
    }
    out.sort();
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_and_failing_writes_leave_no_trace() {
    let mut pipeline = Pipeline::without_processor();
    let (disturbed, baseline) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let faults = Arc::new(RandomFaults { on: AtomicBool::new(true), seed: AtomicU64::new(7) });
    let mut life = Life::start(&pipeline, disturbed.path(), Some(Arc::clone(&faults)), true).await;
    let mut rng = StdRng::seed_from_u64(3);
    for second in 0..40 {
        pipeline.second(second, 30).await;
        if second % 4 == 1 {
            pipeline.append(crate::dead::unusable()).await;
        }
        pipeline.clock.advance_us(1_000_000);
        life.caught_up().await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..200))).await;
        if rng.random_range(0..5) == 0 {
            life.crash().await;
            let snapshots = rng.random_bool(0.5);
            life = Life::start(&pipeline, disturbed.path(), Some(Arc::clone(&faults)), snapshots)
                .await;
        }
    }
    faults.on.store(false, Ordering::SeqCst);
    // Continue until every pane is final, every session forgotten, and all of it written: a failed
    // write is retried only after a real second.
    let mut rounds = 0;
    while rounds < 80 || !life.is_written().await {
        rounds += 1;
        assert!(rounds < 1_000, "{:?}", life.history.status());
        pipeline.clock.advance_us(10_000_000);
        let next = pipeline.log.usage("events").unwrap().next;
        let mut head = pipeline.log.head("events").unwrap();
        let ticked = head.wait_for(|head| *head > next);
        tokio::time::timeout(Duration::from_secs(30), ticked).await.unwrap().unwrap();
        life.caught_up().await;
    }
    let live = life.history.clone();
    let sessions = rows(&live, Table::Sessions).await;
    assert_eq!(sessions.len(), 30, "{sessions:#?}");
    let one = life.stop().await;
    let status = one.status();
    assert_eq!(status.hot_rows, 0, "{status:?}");

    let life = Life::start(&pipeline, baseline.path(), None, true).await;
    life.caught_up().await;
    let other = life.stop().await;
    for table in Table::ALL {
        let (got, want) = (rows(&one, table).await, rows(&other, table).await);
        assert_eq!(got.len(), want.len(), "{}", table.name());
        let differs = got.iter().zip(&want).find(|(got, want)| got != want);
        assert_eq!(differs, None, "{}", table.name());
    }
    // And they are the records that were sent.
    let events = rows(&one, Table::PlayerEvents).await;
    let fate = |fate: &str| events.iter().filter(|row| row.contains(&format!("|{fate}|"))).count();
    assert_eq!(fate("accepted") as u64, pipeline.sent);
    assert!(fate("duplicate") > 0);
    let has_source = |row: &&String| row.contains("|events|") || row.contains("|cmcd|");
    assert_eq!(events.iter().filter(has_source).count(), events.len(), "each has its source");
    assert_eq!(rows(&one, Table::InfraMetrics).await.len(), 40);
    assert_eq!(rows(&one, Table::DeadLetters).await.len(), 20);
    assert!(!rows(&one, Table::Playback).await.is_empty());
    assert!(!rows(&one, Table::SessionSpans).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_begins_before_memory_is_full() {
    const HOT: u64 = 4 << 20;
    let mut pipeline = Pipeline::without_processor();
    let dir = tempfile::tempdir().unwrap();
    let settings = archive::Settings { hot_bytes: HOT, checkpoint_s: 3_600, ..Default::default() };
    let log = Arc::clone(&pipeline.log) as Arc<dyn EventLog>;
    let life = Life::with((log, &pipeline.clock), dir.path(), None, settings).await;
    let began = std::time::Instant::now();
    let mut second = 0;
    while life.history.status().committed == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", life.history.status());
        let waiting = life.history.status().hot_bytes;
        assert!(waiting < HOT, "{waiting} bytes wait and nothing is written");
        if waiting < HOT / 2 {
            pipeline.second(second, 30).await;
            second += 1;
        } else {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        pipeline.clock.advance_us(1_000_000);
        life.caught_up().await;
    }
    life.stop().await;
}
