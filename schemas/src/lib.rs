//! The vocabulary of Tallylight: the names and meanings of events, rows, metrics and segments,
//! shared by every other crate. It does no I/O.
//!
//! - [`cmcd`] parses players' reports, [`player`] holds them in columns, [`delivery`] defines the
//!   reports of media services;
//! - [`fates`] names the outcome of every received record, [`dead`] holds what is kept of records
//!   that could not be used;
//! - [`control`] defines incidents and actions;
//! - [`rows`], [`sketch`] and [`metrics`] define what the windows produce and how figures follow;
//! - [`grid`] is the segment schedule, [`clock`] the only source of time, [`ident`] the hash that
//!   assigns a session to a partition, [`record`] the kinds of part in a log entry;
//! - [`tables`] defines the tables of history, column by column, [`formulas`] views over sessions;
//! - [`settings`] reports settings that are out of range, [`headers`] names our HTTP headers.

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
