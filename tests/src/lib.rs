//! Helpers of the whole-way tests: a [`world`] of real processes, [`control`] of its fault switches
//! and steering, a [`crowd`] beside it and [`onlookers`] who watch all the time, the [`cuboids`]
//! that are asked of it and how old its [`figures`] are; [`load`] with a ledger of its own, an
//! [`audit`] of what a log holds, an [`heir`] of what processes left; a real [`browser`] and real
//! brokers of [`kafka`].
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
