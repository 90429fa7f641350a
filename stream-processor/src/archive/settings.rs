//! What can be set.

use serde::{Deserialize, Serialize};
use tallylight_schemas::settings::outside;

/// When the processor writes history and snapshots (docs/history.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Between two checkpoints, which write what came to an end into history.
    pub checkpoint_s: u64,
    /// Between two snapshots of the state: the checkpoints between are of the tables alone. After a
    /// start the first one is made as soon as what was read before it is read again.
    pub snapshot_s: u64,
    /// For a snapshot so many sessions are written down at a time, between two entries of the log.
    pub snapshot_sessions: usize,
    /// After such a step events have the thread to themselves for so many times as long as it took.
    pub snapshot_pause: u32,
    /// A checkpoint is made earlier when so many rows wait, or half of `hot_bytes` is taken.
    pub checkpoint_rows: u64,
    /// Memory that rows may take while they wait; beyond it the archive stands still, and later
    /// goes on from the log.
    pub hot_bytes: u64,
    /// How long the processor waits for a checkpoint that makes no room when that memory is full.
    pub stall_ms: u64,
    /// Wait after a checkpoint failed; 0 tries again with the next rows.
    pub retry_s: u64,
    /// Between two rounds of joining, removing and deleting files.
    pub tend_s: u64,
    /// Time to write the rest when the processor ends.
    pub finish_s: u64,
    /// Queries that may wait for a look at the rows that history does not have yet.
    pub views: usize,
    /// For a view of sessions so many are copied at a time, between two entries of the log.
    pub view_sessions: usize,
    /// The tenant that sees the parts of the log that cannot be read: whose records are in them
    /// nobody can tell, and nothing of those is kept.
    pub dead_letters_to: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            checkpoint_s: 30,
            snapshot_s: 30,
            snapshot_sessions: 5_000,
            snapshot_pause: 4,
            checkpoint_rows: 500_000,
            hot_bytes: 512 << 20,
            stall_ms: 10_000,
            retry_s: 5,
            tend_s: 300,
            finish_s: 10,
            views: 64,
            view_sessions: 20_000,
            dead_letters_to: "demo".to_owned(),
        }
    }
}

impl Settings {
    /// Every mistake, in words.
    pub fn mistakes(&self) -> Vec<String> {
        outside(&[
            ("archive.checkpoint_s", self.checkpoint_s, 1..=3_600),
            ("archive.snapshot_s", self.snapshot_s, 0..=3_600),
            ("archive.snapshot_sessions", self.snapshot_sessions as u64, 1..=100_000_000),
            ("archive.snapshot_pause", self.snapshot_pause.into(), 0..=1_000),
            ("archive.checkpoint_rows", self.checkpoint_rows, 1..=100_000_000),
            ("archive.hot_bytes", self.hot_bytes, 1 << 10..=64 << 30),
            ("archive.stall_ms", self.stall_ms, 0..=60_000),
            ("archive.retry_s", self.retry_s, 0..=3_600),
            ("archive.tend_s", self.tend_s, 1..=86_400),
            ("archive.finish_s", self.finish_s, 0..=600),
            ("archive.views", self.views as u64, 1..=65_536),
            ("archive.view_sessions", self.view_sessions as u64, 1..=100_000_000),
        ])
        .collect()
    }
}
