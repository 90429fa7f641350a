//! The whole platform in one process, run by a seed: scripted [`player`]s and the edges that serve
//! them ([`reporter`]) send what happens through a bad [`network`] to real doors, whose log a real
//! processor reads and archives, while the [`chaos`] of the seed lets writes fail and processes
//! die. In the end the [`check`]s hold history against the players' own truth and against a run in
//! which nothing went wrong.
//!
//! A seed is a run, to the byte: the [`world`] moves one step at a time, and each step is over
//! before the next begins. What is outside: the real time that files and threads take, and with
//! it anything that happens while a checkpoint is being written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a simulation that cannot go on says so and stops"
)]

pub mod cast;
pub mod chaos;
pub mod check;
pub mod door;
pub mod life;
pub mod log;
pub mod loss;
pub mod mortal;
pub mod network;
pub mod player;
pub mod prepared;
pub mod reporter;
pub mod table;
pub mod trace;
pub mod world;

pub use loss::run as run_with_loss;
pub use world::{Run, run};

/// Viewers of a run unless said otherwise.
pub const VIEWERS: usize = 10;
