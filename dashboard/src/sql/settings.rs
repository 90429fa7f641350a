//! The limits of queries.

use serde::{Deserialize, Serialize};
use tallylight_schemas::settings::outside;

/// Limits of SQL (docs/sql.md). An analyst must not be able to slow down the collector, so every
/// resource is limited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SqlSettings {
    /// Threads of the lowest priority that are shared by queries only.
    pub threads: usize,
    /// Queries at a time; further ones are refused with 503.
    pub concurrent: usize,
    /// How long a query may take; it is ended even in the middle of a join.
    pub deadline_s: u64,
    /// Memory that the operators of all queries share; beyond it they use the disk.
    pub memory_bytes: usize,
    /// How much the whole process may grow during a query before the query is ended.
    pub growth_bytes: u64,
    /// Disk space for intermediate results that do not fit into memory, in `<data>/spill/<port>`,
    /// which is emptied at start.
    pub spill_bytes: u64,
    /// Rows of an answer; more are cut off, and the answer says so.
    pub rows: usize,
    /// Bytes of an answer as sent; more are cut off, and the answer says so.
    pub bytes: usize,
    /// Length of a statement.
    pub statement_bytes: usize,
}

impl Default for SqlSettings {
    fn default() -> Self {
        Self {
            threads: 2,
            concurrent: 3,
            deadline_s: 30,
            memory_bytes: 256 << 20,
            growth_bytes: 1 << 30,
            spill_bytes: 1 << 30,
            rows: 100_000,
            bytes: 64 << 20,
            statement_bytes: 64 << 10,
        }
    }
}

impl SqlSettings {
    /// Reports all mistakes.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let wrong: Vec<String> = outside(&[
            ("sql.threads", self.threads as u64, 1..=64),
            ("sql.concurrent", self.concurrent as u64, 1..=64),
            // A request of any kind is cut off after 300 s.
            ("sql.deadline_s", self.deadline_s, 1..=270),
            ("sql.memory_bytes", self.memory_bytes as u64, 16 << 20..=1 << 40),
            ("sql.growth_bytes", self.growth_bytes, 64 << 20..=1 << 40),
            ("sql.spill_bytes", self.spill_bytes, 1 << 20..=1 << 44),
            ("sql.rows", self.rows as u64, 1..=10_000_000),
            ("sql.bytes", self.bytes as u64, 1 << 10..=1 << 32),
            ("sql.statement_bytes", self.statement_bytes as u64, 64..=1 << 20),
        ])
        .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}
