//! The words of Tallylight: what an event, a row, a metric and a segment are called and what
//! they mean. No I/O lives here; every other room speaks in these nouns.
//!
//! - [`cmcd`] reads what players say, [`player`] holds it in columns, [`delivery`] what our
//!   own services report;
//! - [`fates`] names the one end that every received record comes to, [`dead`] is what is kept of
//!   those that could not be used;
//! - [`control`] is what was found to be wrong and what was done about it;
//! - [`rows`], [`sketch`] and [`metrics`] are what windows produce and what numbers mean;
//! - [`grid`] is the segment schedule, [`clock`] the only source of time, [`ident`] the
//!   hash that places a session in a partition, [`record`] the kinds of part in a log entry;
//! - [`tables`] are the tables of history, column by column, [`formulas`] views over sessions;
//! - [`settings`] says what is wrong with a number that was set, [`headers`] names those of ours
//!   that several rooms know.

pub mod clock;
pub mod cmcd;
pub mod control;
pub mod dead;
pub mod delivery;
pub mod fates;
pub mod formulas;
pub mod grid;
pub mod headers;
pub mod ident;
pub mod infra;
pub mod ipc;
pub mod metrics;
pub mod player;
pub mod record;
pub mod rows;
pub mod scrub;
pub mod segments;
pub mod session;
pub mod settings;
pub mod sketch;
pub mod tables;
