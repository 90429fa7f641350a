//! Helpers of the whole-way tests: an [`audit`] of what a log holds, an [`heir`] of what processes
//! left, a [`world`] of real processes and the [`cuboids`] that are asked of it, a real [`browser`], real brokers of [`kafka`], [`load`] with a
//! ledger of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so and stops"
)]

pub mod audit;
pub mod browser;
pub mod control;
pub mod crowd;
pub mod cuboids;
pub mod figures;
pub mod heir;
pub mod kafka;
pub mod load;
pub mod onlookers;
pub mod world;
