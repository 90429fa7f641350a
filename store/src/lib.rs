//! What is kept in memory and on disk: live rows, history, snapshots of the processor.

pub mod archive;
pub mod live;
pub mod snapshot;
mod synced;
