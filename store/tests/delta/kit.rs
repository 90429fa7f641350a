//! A history in its own folder, and failures on request.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{Int64Array, RecordBatch, StringArray};
use datafusion::prelude::SessionContext;
use tallylight_schemas::clock::ManualClock;
use tallylight_schemas::ident::Shard;
use tallylight_schemas::ipc;
use tallylight_schemas::rows::{Cell, Cuboid, Measures, PlaybackRow};
use tallylight_schemas::sketch::Sketch;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{Faults, History, HistoryError, Parts, Settings, Step};

pub const T0: i64 = 1_795_000_020_000_000;

pub struct TestHistory {
    folder: tempfile::TempDir,
    pub settings: Settings,
}

impl TestHistory {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), settings: Settings::default() }
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("history")
    }

    pub async fn open(&self) -> Result<History, HistoryError> {
        self.open_with("log", None).await
    }

    pub async fn open_as(&self, log: &str) -> Result<History, HistoryError> {
        self.open_with(log, None).await
    }

    pub async fn open_failing(&self, faults: &Arc<Failing>) -> Result<History, HistoryError> {
        self.open_with("log", Some(Arc::clone(faults) as Arc<dyn Faults>)).await
    }

    /// The history of one shard of a log.
    pub async fn open_shard(&self, shard: Shard) -> Result<History, HistoryError> {
        self.open_of("log", shard, None).await
    }

    pub async fn open_with(
        &self,
        log_id: &str,
        faults: Option<Arc<dyn Faults>>,
    ) -> Result<History, HistoryError> {
        self.open_of(log_id, Shard::WHOLE, faults).await
    }

    async fn open_of(
        &self,
        log_id: &str,
        shard: Shard,
        faults: Option<Arc<dyn Faults>>,
    ) -> Result<History, HistoryError> {
        let (dir, log_id, clock) =
            (self.dir(), log_id.to_owned(), Arc::new(ManualClock::at_us(T0)));
        let parts = Parts { dir, log_id, shard, clock, faults };
        History::open(self.settings.clone(), parts).await
    }
}

/// Fails at the step of this number, either from then on (a crash) or once.
#[derive(Debug)]
pub struct Failing {
    at: usize,
    is_crash: bool,
    seen: AtomicUsize,
    last: Mutex<Option<Step>>,
}

impl Failing {
    pub fn after(at: usize) -> Arc<Self> {
        let (seen, last) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { at, is_crash: true, seen, last })
    }

    pub fn once(at: usize) -> Arc<Self> {
        let (seen, last) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { at, is_crash: false, seen, last })
    }

    pub fn last(&self) -> Option<Step> {
        *self.last.lock().unwrap()
    }
}

impl Faults for Failing {
    fn pass(&self, step: Step) -> Result<(), String> {
        let seen = self.seen.fetch_add(1, Ordering::SeqCst);
        *self.last.lock().unwrap() = Some(step);
        let fails = seen == self.at || (self.is_crash && seen > self.at);
        if fails { Err(format!("as the test wants it, at {step:?}")) } else { Ok(()) }
    }
}

pub fn events(rows: usize) -> RecordBatch {
    let sids: Vec<String> = (0..rows).map(|row| format!("s{row}")).collect();
    let ts: Vec<i64> = (0..rows as i64).rev().map(|row| T0 / 1_000 + row).collect();
    RecordBatch::try_from_iter([
        ("sid", Arc::new(StringArray::from(sids)) as _),
        ("ts", Arc::new(Int64Array::from(ts)) as _),
    ])
    .unwrap()
}

pub fn panes(rows: usize) -> RecordBatch {
    let row = |n: usize| PlaybackRow {
        tenant: "demo".into(),
        partition: 0,
        pane: T0 + n as i64 * 1_000_000,
        width_s: 1,
        cuboid: Cuboid::Content,
        cell: Cell::default(),
        measures: Measures { events: 1, ..Measures::default() },
        startup_sketch: Sketch::default(),
        latency_sketch: Sketch::default(),
        r#final: true,
        version: 0,
        metrics_version: 1,
    };
    ipc::to_batch(&(0..rows).map(row).collect::<Vec<_>>()).unwrap()
}

/// Rows of a table by its view: those in files as DataFusion reads them, and those in memory.
pub async fn total(history: &History, table: Table) -> usize {
    let view = history.view(table).await.unwrap();
    let hot: usize = view.hot.iter().map(RecordBatch::num_rows).sum();
    let Some(delta) = view.delta else { return hot };
    hot + SessionContext::new().read_table(delta).unwrap().count().await.unwrap()
}
