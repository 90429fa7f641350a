//! The part of the processor that is a function: log entries in, rows out. No clock, no I/O, no
//! randomness; time is what the log says. In the order in which a record passes through the files:
//!
//! [`input`] → [`watermark`] (log time, lateness, due panes) → [`dedupe`] → [`session`]
//! (skew, epochs, state machine) → [`window`] and [`delivery`] (panes) → [`fates`], all held
//! together by [`partition::PartitionState`]; [`settle`] sums final rows over partitions, and
//! [`rollup`] merges them into minutes and hours.

pub mod dedupe;
pub mod delivery;
pub mod fates;
pub mod input;
pub mod limits;
pub mod outputs;
pub mod partition;
pub mod rollup;
pub mod session;
pub mod settle;
mod tight;
pub mod watermark;
pub mod window;
