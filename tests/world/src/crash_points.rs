//! A processor that crashes at each of its actions: before it reads an entry, after it has appended
//! rows, before each step of a checkpoint. It crashes once at each (at a step of a checkpoint once
//! for each snapshot that it continues from), so that in the end one life completes.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use tallylight_eventlog::{Batch, Entry, EventLog, LogError, Part, Usage};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::ident::Shard;
use tallylight_schemas::record::EVENTS;
use tallylight_store::history::{Faults, Step};
use tallylight_stream_processor::archive;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::chaos::patience;
use crate::life::{Life, Setup};

/// Returns when no task but those of this many processors is alive: nothing is being written.
async fn nothing_else_runs(processors: &AtomicUsize) {
    let metrics = tokio::runtime::Handle::current().metrics();
    let mut round = 0;
    while metrics.num_alive_tasks() > processors.load(Ordering::Relaxed) {
        patience(round).await;
        round += 1;
    }
}

/// Bytes read at a time from the underlying log.
const READ_BYTES: usize = 4 << 20;

/// Where a processor crashes, and where it has already crashed.
#[derive(Debug)]
pub struct CrashPoints {
    /// Crash only before this entry, once.
    only: Option<u64>,
    /// Number of processors running on this runtime, this one included.
    processors: Arc<AtomicUsize>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    living: Option<AbortHandle>,
    /// The first entry of this life.
    from: Option<u64>,
    /// The entry requested last.
    position: u64,
    died_at: BTreeSet<String>,
}

/// A life that is over.
#[derive(Debug, Clone, Copy)]
pub struct LifeOutcome {
    /// Whether it crashed.
    pub died: bool,
    /// Its first entry: that of a snapshot, or the first of the log.
    pub from: u64,
    /// The entry after the last one it had processed, by its own figures.
    pub to: u64,
}

impl CrashPoints {
    /// Crashes at every action.
    pub fn everywhere() -> Arc<Self> {
        Arc::new(Self { only: None, processors: Arc::default(), state: Mutex::default() })
    }

    /// Crashes before it reads this entry; `processors` counts the processors that share its
    /// runtime.
    pub fn before(entry: u64, processors: &Arc<AtomicUsize>) -> Arc<Self> {
        let processors = Arc::clone(processors);
        Arc::new(Self { only: Some(entry), processors, state: Mutex::default() })
    }

    /// Whether the processor survives this action; if not, it does nothing any more.
    fn survives(&self, action: String) -> bool {
        let mut state = self.state.lock();
        let Some(living) = state.living.clone() else { return false };
        let spared = self.only.is_some_and(|only| only != state.position);
        if spared || !state.died_at.insert(action) {
            return true;
        }
        living.abort();
        state.living = None;
        false
    }

    /// The actions at which it crashed, in words.
    pub fn died_at(&self) -> BTreeSet<String> {
        self.state.lock().died_at.clone()
    }

    /// One life: until it crashes, or has read up to `until` and ends in order.
    pub async fn life(
        self: &Arc<Self>,
        log: Arc<dyn EventLog>,
        (dir, clock): (&Path, &Arc<dyn Clock>),
        settings: &archive::Settings,
        until: u64,
    ) -> LifeOutcome {
        let seen = CrashingLog { inner: log, points: Arc::clone(self), read: Mutex::default() };
        let faults = Some(Arc::clone(self) as Arc<dyn Faults>);
        let setup = Setup { dir, log: Arc::new(seen), clock: Arc::clone(clock), faults };
        let life = Life::start(setup, settings.clone()).await;
        self.processors.fetch_add(1, Ordering::Relaxed);
        {
            let mut state = self.state.lock();
            (state.living, state.from) = (Some(life.running.abort_handle()), None);
        }
        let mut stats = life.handle.stats();
        // An error means that it has crashed.
        let _ = stats.wait_for(|stats| stats.position >= until).await;
        life.over().await;
        self.processors.fetch_sub(1, Ordering::Relaxed);
        let last = *stats.borrow();
        LifeOutcome {
            died: self.state.lock().living.take().is_none(),
            from: last.position - last.entries_read,
            to: last.position,
        }
    }
}

impl Faults for CrashPoints {
    fn pass(&self, step: Step) -> Result<(), String> {
        let from = self.state.lock().from;
        let lives = self.survives(format!("{step:?} after {from:?}"));
        if lives { Ok(()) } else { Err("its process has died".to_owned()) }
    }
}

/// The log as the processor sees it.
#[derive(Debug)]
struct CrashingLog {
    inner: Arc<dyn EventLog>,
    points: Arc<CrashPoints>,
    /// Entries that were read and not returned yet.
    read: Mutex<VecDeque<Entry>>,
}

impl CrashingLog {
    /// Returns if the processor survives `action`.
    async fn survive(&self, action: &str) {
        let position = self.points.state.lock().position;
        if !self.points.survives(format!("{action} {position}")) {
            std::future::pending::<()>().await;
        }
    }

    fn next(&self, from: u64) -> Option<Entry> {
        let mut read = self.read.lock();
        read.pop_front().filter(|entry| entry.offset == from)
    }
}

#[async_trait]
impl EventLog for CrashingLog {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn shard(&self) -> Shard {
        self.inner.shard()
    }

    async fn append(&self, topic: &str, parts: Vec<Part>) -> Result<u64, LogError> {
        let stored = self.inner.append(topic, parts).await;
        self.survive("has appended").await;
        stored
    }

    /// Entry by entry, and none while a checkpoint of the one before is being written: the order of
    /// events must not depend on the speed of a disk.
    async fn read(&self, topic: &str, from: u64, max_bytes: usize) -> Result<Batch, LogError> {
        if topic != EVENTS {
            return self.inner.read(topic, from, max_bytes).await;
        }
        nothing_else_runs(&self.points.processors).await;
        {
            let mut state = self.points.state.lock();
            state.from.get_or_insert(from);
            state.position = from;
        }
        self.survive("reads").await;
        let mut next = self.next(from);
        if next.is_none() {
            let batch = self.inner.read(topic, from, READ_BYTES).await?;
            assert_eq!(batch.lost, 0);
            *self.read.lock() = batch.entries.into();
            next = self.next(from);
        }
        let entries = Vec::from_iter(next);
        Ok(Batch { next: from + entries.len() as u64, entries, lost: 0 })
    }

    fn head(&self, topic: &str) -> Result<watch::Receiver<u64>, LogError> {
        self.inner.head(topic)
    }

    fn usage(&self, topic: &str) -> Result<Usage, LogError> {
        self.inner.usage(topic)
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
