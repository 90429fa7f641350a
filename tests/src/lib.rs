//! Helpers of the end-to-end tests: a [`world`] of real processes, [`control`] of its fault
//! switches and steering, a [`crowd`] beside it and [`onlookers`] that watch throughout, the
//! [`cuboids`] requested from it and the age of its [`figures`]; [`load`] with its own ledger, an
//! [`audit`] of the contents of a log, a [`successor`] that continues from what processes left; a
//! real [`browser`] and real brokers of [`kafka`].
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
pub mod kafka;
pub mod load;
pub mod onlookers;
pub mod successor;
pub mod world;
