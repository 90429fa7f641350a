//! Helpers of the whole-way tests: a [`world`] of real processes, a real [`browser`], [`load`]
//! with a ledger of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so and stops"
)]

pub mod browser;
pub mod control;
pub mod crowd;
pub mod load;
pub mod world;
