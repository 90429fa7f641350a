//! The log as one process sees it, with the faults of the seed.

use std::sync::Arc;

use async_trait::async_trait;
use tallylight_eventlog::{Batch, EventLog, LogError, Part, Usage};
use tallylight_schemas::record::{EVENTS, Kind};
use tokio::sync::watch;

use crate::chaos::{Chaos, Process, Verdict};

/// A log whose calls fail as the seed decides.
#[derive(Debug)]
pub struct SimLog {
    inner: Arc<dyn EventLog>,
    chaos: Arc<Chaos>,
    process: Process,
}

impl SimLog {
    /// The log as `process` sees it.
    pub fn new(inner: Arc<dyn EventLog>, chaos: Arc<Chaos>, process: Process) -> Arc<Self> {
        Arc::new(Self { inner, chaos, process })
    }

    /// Readers see nothing before this offset.
    fn earliest(&self, topic: &str) -> u64 {
        if topic == EVENTS { self.chaos.given_up() } else { 0 }
    }

    /// Kills the process and never returns.
    async fn die<T>(&self) -> T {
        self.chaos.kill(self.process);
        std::future::pending().await
    }

    fn refused<T>(&self) -> Result<T, LogError> {
        Err(LogError::Unavailable("as the seed wants it".to_owned()))
    }

    /// Pending work ends before the processor continues: the order of events must not depend on the
    /// speed of a disk.
    async fn wait(&self) {
        if self.process == Process::Processor {
            self.chaos.calm().await;
            if !self.chaos.is_alive(self.process) {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[async_trait]
impl EventLog for SimLog {
    fn id(&self) -> &str {
        self.inner.id()
    }

    async fn append(&self, topic: &str, parts: Vec<Part>) -> Result<u64, LogError> {
        self.wait().await;
        if parts.iter().all(|part| part.kind == Kind::Tick.code()) {
            // A collector tests each real second whether the log has recovered; this world has its
            // own time.
            return self.refused();
        }
        match self.chaos.verdict(self.process, &format!("appends to {topic}")) {
            Verdict::Go => self.inner.append(topic, parts).await,
            Verdict::Refuse => self.refused(),
            Verdict::CrashBefore => self.die().await,
            Verdict::Lose => {
                self.inner.append(topic, parts).await?;
                Err(LogError::Unsure("as the seed wants it".to_owned()))
            }
            Verdict::CrashAfter => {
                self.inner.append(topic, parts).await?;
                self.die().await
            }
        }
    }

    async fn read(&self, topic: &str, from: u64, max_bytes: usize) -> Result<Batch, LogError> {
        self.wait().await;
        // Entry by entry, so that a checkpoint may come between any two.
        let max_bytes = if self.process == Process::Processor { 1 } else { max_bytes };
        let start = from.max(self.earliest(topic));
        let mut batch = self.inner.read(topic, start, max_bytes).await?;
        batch.lost += start - from;
        if batch.entries.is_empty() {
            return Ok(batch);
        }
        match self.chaos.verdict(self.process, &format!("reads {topic} from {from}")) {
            Verdict::Refuse => self.refused(),
            Verdict::CrashBefore | Verdict::CrashAfter => self.die().await,
            Verdict::Go | Verdict::Lose => Ok(batch),
        }
    }

    fn head(&self, topic: &str) -> Result<watch::Receiver<u64>, LogError> {
        self.inner.head(topic)
    }

    fn usage(&self, topic: &str) -> Result<Usage, LogError> {
        let mut usage = self.inner.usage(topic)?;
        usage.earliest = usage.earliest.max(self.earliest(topic));
        Ok(usage)
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
