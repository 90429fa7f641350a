//! Helpers of the whole-way tests: a [`world`] of real processes, a real [`browser`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so and stops"
)]

pub mod browser;
pub mod control;
pub mod crowd;
pub mod world;
