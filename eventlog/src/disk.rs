//! The log on local disk: a folder per topic, append-only segment files, one owning process.
//!
//! Byte layout: `docs/log-format.md`. Rationale: `docs/adr/0015-disk-log.md`.

#[cfg(test)]
mod each_call_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod faulty;
mod files;
mod format;
mod identity;
mod quarantine;
mod read_only;
mod reader;
mod recover;
mod segment;
mod source;
mod topic;
mod walk;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use parking_lot::Mutex;
use tallylight_schemas::clock::Clock;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use self::files::{Files, RealFiles, unavailable};
pub use self::read_only::ReadOnly;
pub use self::recover::Recovery;
use self::topic::Topic;
use self::writer::{Request, Writer};
use crate::common::{unknown, valid_name};
use crate::entry::checked_len;
use crate::owner::{Owner, Unclaimed};
use crate::{Batch, EventLog, LogError, Part, TopicSettings, Usage};

/// Size of a segment unless set otherwise.
pub const SEGMENT_BYTES: u64 = 32 << 20;
/// Appends that may be queued per topic.
const QUEUED: usize = 256;
/// Bytes that may be queued per topic, in units of [`ROOM_UNIT`].
const QUEUED_ROOM: usize = 64 << 10;
const ROOM_UNIT: usize = 1 << 10;

/// How a disk log is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSettings {
    /// Folder of the log, created if missing.
    pub dir: PathBuf,
    /// Size at which a new segment is started. A topic uses a quarter of its cap if that is less,
    /// since whole segments are dropped.
    pub segment_bytes: u64,
    /// The topics.
    pub topics: Vec<TopicSettings>,
}

impl DiskSettings {
    /// Settings with the default segment size.
    pub fn new(dir: impl Into<PathBuf>, topics: Vec<TopicSettings>) -> Self {
        Self { dir: dir.into(), segment_bytes: SEGMENT_BYTES, topics }
    }

    /// Reports all mistakes at once.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        if self.segment_bytes < 1 << 10 {
            wrong.push(format!("segment_bytes is {}; it must be 1024 or more", self.segment_bytes));
        }
        for (at, topic) in self.topics.iter().enumerate() {
            if !valid_name(&topic.name) {
                wrong.push(format!("topic name {:?} is not [a-z0-9_-]{{1,64}}", topic.name));
            }
            if self.topics[..at].iter().any(|other| other.name == topic.name) {
                wrong.push(format!("topic {:?} is listed twice", topic.name));
            }
            if topic.cap_bytes == 0 {
                // The program's setting of a topic has this name.
                wrong.push(format!("{}_cap_bytes is 0; it must be 1 or more", topic.name));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

/// A log that is open for writing.
pub struct DiskLog {
    id: String,
    topics: BTreeMap<String, Opened>,
    owner: Mutex<Option<Owner>>,
}

struct Opened {
    topic: Arc<Topic>,
    recovery: Recovery,
    room: Arc<Semaphore>,
    queue: Mutex<Option<mpsc::Sender<Request>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl DiskLog {
    /// Opens the log as its only owner: repairs what a crash left behind and starts a writer per
    /// topic. Blocks on the disk; reads one segment per topic.
    pub fn open(settings: DiskSettings, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        Self::open_with(settings, &clock, &(Arc::new(RealFiles) as Arc<dyn Files>))
    }

    fn open_with(
        settings: DiskSettings,
        clock: &Arc<dyn Clock>,
        files: &Arc<dyn Files>,
    ) -> Result<Self, LogError> {
        settings.validate().map_err(|wrong| LogError::Invalid(wrong.join("; ")))?;
        let owner = claim(&settings.dir)?;
        let id = identity::of(&**files, &settings.dir)?;
        let mut log = Self { id, topics: BTreeMap::new(), owner: Mutex::new(Some(owner)) };
        for topic in settings.topics {
            let dir = settings.dir.join(&topic.name);
            let name = topic.name.clone();
            let segment_bytes = settings.segment_bytes.min(topic.cap_bytes / 4).max(1);
            let opened = recover::open(dir, topic, files)?;
            log.topics.insert(name, Opened::start(opened, segment_bytes, files, clock)?);
        }
        Ok(log)
    }

    /// What was repaired when `topic` was opened.
    pub fn recovery(&self, topic: &str) -> Result<Recovery, LogError> {
        Ok(self.opened(topic)?.recovery)
    }

    fn opened(&self, topic: &str) -> Result<&Opened, LogError> {
        self.topics.get(topic).ok_or_else(|| unknown(topic))
    }

    /// Waits for the writers to finish, then releases the folder. Blocks.
    fn finish(threads: Vec<JoinHandle<()>>, owner: Option<Owner>) {
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a log writer panicked");
            }
        }
        drop(owner);
    }

    fn take_all(&self) -> (Vec<JoinHandle<()>>, Option<Owner>) {
        self.topics.values().for_each(|opened| drop(opened.queue.lock().take()));
        let threads = self.topics.values().filter_map(|opened| opened.thread.lock().take());
        (threads.collect(), self.owner.lock().take())
    }
}

impl Opened {
    fn start(
        opened: recover::Opened,
        segment_bytes: u64,
        files: &Arc<dyn Files>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, LogError> {
        let recovery = opened.recovery;
        let writer = Writer::new(opened, segment_bytes, files.clone(), clock.clone())
            .ok_or_else(|| LogError::Data("a topic has no segments".into()))?;
        let topic = writer.topic();
        let (sender, queue) = mpsc::channel(QUEUED);
        let thread = std::thread::Builder::new()
            .name(format!("log-{}", topic.settings.name))
            .spawn(move || writer.run(queue))
            .map_err(|error| unavailable("cannot start the writer of", &topic.dir, &error))?;
        Ok(Self {
            topic,
            recovery,
            room: Arc::new(Semaphore::new(QUEUED_ROOM)),
            queue: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })
    }

    async fn append(&self, parts: Vec<Part>) -> Result<u64, LogError> {
        let closed = || {
            let why = self.topic.state.lock().stopped.clone();
            LogError::Closed(why.unwrap_or_else(|| "it was closed".into()))
        };
        let body_len = checked_len(&parts)?;
        let units = u32::try_from(body_len.div_ceil(ROOM_UNIT)).unwrap_or(u32::MAX);
        let room = self.room.clone().acquire_many_owned(units).await.map_err(|_| closed())?;
        let queue = self.queue.lock().clone().ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        let request = Request { parts, body_len, answer, _room: room };
        queue.send(request).await.map_err(|_| closed())?;
        drop(queue);
        answered.await.map_err(|_| closed())?
    }
}

#[async_trait]
impl EventLog for DiskLog {
    fn id(&self) -> &str {
        &self.id
    }

    async fn append(&self, topic: &str, parts: Vec<Part>) -> Result<u64, LogError> {
        self.opened(topic)?.append(parts).await
    }

    async fn read(&self, topic: &str, from: u64, max_bytes: usize) -> Result<Batch, LogError> {
        let topic = self.opened(topic)?.topic.clone();
        if from == *topic.head.borrow() {
            return Ok(Batch { next: from, ..Batch::default() });
        }
        tokio::task::spawn_blocking(move || topic.read(from, max_bytes))
            .await
            .map_err(|error| LogError::Unavailable(format!("the read was aborted: {error}")))?
    }

    fn head(&self, topic: &str) -> Result<watch::Receiver<u64>, LogError> {
        Ok(self.opened(topic)?.topic.head.subscribe())
    }

    fn usage(&self, topic: &str) -> Result<Usage, LogError> {
        Ok(self.opened(topic)?.topic.usage())
    }

    async fn close(&self) {
        let (threads, owner) = self.take_all();
        let finished = tokio::task::spawn_blocking(|| Self::finish(threads, owner));
        if let Err(error) = finished.await {
            tracing::error!(%error, "the log was not closed cleanly");
        }
    }
}

impl Drop for DiskLog {
    fn drop(&mut self) {
        let (threads, owner) = self.take_all();
        Self::finish(threads, owner);
    }
}

impl fmt::Debug for DiskLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskLog").field("topics", &self.topics.keys()).finish_non_exhaustive()
    }
}

fn claim(dir: &Path) -> Result<Owner, LogError> {
    let failed = |error: io::Error| unavailable("cannot claim", dir, &error);
    let owner = Owner::claim(dir).map_err(|unclaimed| match unclaimed {
        Unclaimed::Io(error) => failed(error),
        in_use @ Unclaimed::InUse { .. } => {
            LogError::Unavailable(format!("{in_use}; a log has one owner: stop that process first"))
        }
    })?;
    RealFiles.sync_dir(dir).map_err(failed)?;
    Ok(owner)
}
