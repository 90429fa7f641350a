//! The whole platform in one process, driven by a seed. Scripted [`player`]s and the edges that
//! serve them ([`reporter`]) send their records through a bad [`network`] to real [`collector`]s,
//! whose log a real processor reads and archives, while the [`chaos`] of the seed makes writes fail
//! and processes die. At the end the [`check`]s compare history with the players' own truth and
//! with a run in which nothing went wrong.
//!
//! A seed determines a run to the byte: the [`world`] moves one step at a time, and each step is
//! over before the next begins. Not determined are the real time that files and threads take, and
//! with it anything that happens while a checkpoint is being written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a simulation that cannot go on says so and stops"
)]

pub mod cast;
pub mod chaos;
pub mod check;
pub mod collector;
pub mod crash_points;
pub mod life;
pub mod log;
pub mod loss;
pub mod network;
pub mod player;
pub mod prepared;
pub mod reporter;
pub mod table;
pub mod trace;
pub mod world;

pub use loss::run as run_with_loss;
pub use world::{Run, run};

/// Default number of viewers of a run.
pub const VIEWERS: usize = 10;
