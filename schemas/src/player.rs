//! Player events in columns: what the collector appends and everything after it reads.

mod builder;
mod column;
mod door;
mod event;
mod lookup;
mod pairs;
mod rows;

pub use builder::PlayerBatchBuilder;
pub use door::{About, Door, TOLD};
pub use event::PlayerEvent;
pub use rows::PlayerRows;

/// Rows `first .. first + rows` of a batch belong to `partition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionRows {
    /// Partition of the events log.
    pub partition: u16,
    /// Its first row.
    pub first: u32,
    /// How many.
    pub rows: u32,
}
