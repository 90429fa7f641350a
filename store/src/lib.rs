//! What is kept in memory and on disk: live rows, history, and snapshots of the processor.

pub mod history;
pub mod live;
pub mod snapshot;
mod synced;
