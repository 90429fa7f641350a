//! The log: named topics of entries, appended durably and read in order.
//!
//! [`EventLog`] is the interface. [`disk`] is the embedded default, [`kafka`] the log that many
//! processes share, [`memory`] an in-memory log that injects faults for tests, and [`conformance`]
//! the suite that all of them must pass. A log with several orders is [`Shards`], each an
//! [`EventLog`]. [`owner`] locks a folder.

mod common;
pub mod conformance;
pub mod disk;
mod entry;
pub mod kafka;
pub mod memory;
pub mod owner;
mod shards;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tallylight_schemas::ident::Shard;
use tokio::sync::watch;

pub use shards::Shards;

/// The largest entry, in bytes, including its tables.
pub const MAX_ENTRY_BYTES: usize = 16 << 20;

/// A topic and its caps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    /// Its name: 1 to 64 of `a-z`, `0-9`, `-` and `_`.
    pub name: String,
    /// Bytes at which the oldest entries are dropped.
    pub cap_bytes: u64,
    /// Age at which the oldest entries are dropped; `None`: only the byte cap applies.
    pub cap_age: Option<Duration>,
}

impl TopicSettings {
    /// A topic that is capped by bytes only.
    pub fn new(name: impl Into<String>, cap_bytes: u64) -> Self {
        Self { name: name.into(), cap_bytes, cap_age: None }
    }
}

/// Rows of one partition within a part's payload, which is sorted by partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionRange {
    /// The partition.
    pub partition: u16,
    /// Index of its first row.
    pub first_row: u32,
    /// Number of its rows.
    pub rows: u32,
}

/// One payload of an entry, opaque to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Kind of the payload; `schemas::record::Kind` defines the numbers.
    pub kind: u16,
    /// Which rows belong to which partition.
    pub ranges: Vec<PartitionRange>,
    /// The bytes.
    pub payload: Bytes,
}

/// What one append stored; it is read back whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position in the topic: 0, 1, 2, ….
    pub offset: u64,
    /// When it was appended, Unix µs, never less than an earlier entry's of the same writer. The
    /// disk log has one writer; where there are more, log time is the running maximum (ADR 4).
    pub appended_at_us: i64,
    /// Its payloads.
    pub parts: Vec<Part>,
}

/// A run of entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The entries, in order. Empty if there are none yet, or all of them are lost (then `next` is
    /// past the requested position).
    pub entries: Vec<Entry>,
    /// Where to continue reading.
    pub next: u64,
    /// Entries between the requested position and `next` that are lost: dropped by the cap or
    /// quarantined as damaged.
    pub lost: u64,
}

/// The size of a topic, and what it has lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on disk or in memory. For Kafka, an estimate by the mean size of the entries that were
    /// read here; `None` if there are entries and none was read.
    pub bytes: Option<u64>,
    /// Bytes at which the oldest segment is dropped.
    pub cap_bytes: u64,
    /// Oldest offset that can be read.
    pub earliest: u64,
    /// Next offset to be written.
    pub next: u64,
    /// Entries dropped by the caps since the log was created.
    pub dropped_entries: u64,
    /// Entries found damaged and quarantined. Damage in old segments is found when they are read.
    pub quarantined_entries: u64,
}

/// What went wrong, classified by what the caller must do (ADR 12).
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// Nothing was stored; try again later.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
    /// The answer was lost, so the entry may be stored. Appending it again may store it twice.
    #[error("the log did not say whether it stored this: {0}")]
    Unsure(String),
    /// The request can never succeed.
    #[error("the log refuses this: {0}")]
    Invalid(String),
    /// Stored bytes are wrong.
    #[error("stored bytes are wrong: {0}")]
    Data(String),
    /// The log was closed, or stopped itself after a failed sync.
    #[error("the log is closed: {0}")]
    Closed(String),
}

/// A durable log of named topics.
///
/// Contract of every implementation: when `append` returns `Ok`, the entry survives `kill -9` and a
/// power cut, and every reader will see it, once, at the returned offset. After
/// [`LogError::Unavailable`] and [`LogError::Invalid`] nothing is stored; after any other error the
/// entry may be stored, but never in part. After a failed sync nothing more is acknowledged until
/// the log is opened again.
#[async_trait]
pub trait EventLog: Send + Sync + std::fmt::Debug {
    /// The id of this log, given when it was created. Data derived from the log is labelled with
    /// it.
    fn id(&self) -> &str;

    /// The shard that this is; the whole log if it has one order.
    fn shard(&self) -> Shard {
        Shard::WHOLE
    }

    /// Stores `parts` as one entry and returns its offset once it is durable.
    async fn append(&self, topic: &str, parts: Vec<Part>) -> Result<u64, LogError>;

    /// Reads durable entries from `from` on, about `max_bytes` at most (one entry at least).
    /// Returns at once; an empty batch means that `from` is the end. A position below the earliest
    /// moves up to it and counts the difference as `lost`; one past the end is
    /// [`LogError::Invalid`], since the caller has seen entries that this log never had.
    async fn read(&self, topic: &str, from: u64, max_bytes: usize) -> Result<Batch, LogError>;

    /// The next offset to be written; it rises as entries become durable.
    fn head(&self, topic: &str) -> Result<watch::Receiver<u64>, LogError>;

    /// The size of the topic.
    fn usage(&self, topic: &str) -> Result<Usage, LogError>;

    /// Stores what is queued, syncs and stops. Later appends return [`LogError::Closed`]; reads
    /// still work.
    async fn close(&self);
}
