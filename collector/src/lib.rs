//! The collector: every record that players and services send is received, admitted, decoded and
//! appended here, and ends with a fate.
//!
//! The modules are listed in the order of a request's path: [`receive`] (HTTP) ▸ [`admit`] (who may
//! send, and how much) ▸ [`enrich`] (who sent it) ▸ [`decode`] (body → Arrow builders) ▸ [`append`]
//! (group commit). [`pure`] decides what a collector under pressure still accepts, and [`talkers`]
//! holds single sessions to a quota. [`fates`] counts what became of each record, [`dead_letters`]
//! keeps some of the rejected ones, [`beacons`] shows the newest records, [`problem`] says what a
//! caller must change, [`describe`] documents the API for programs, [`settings`] holds every limit,
//! [`metrics`] is what Prometheus sees, and [`serve`] handles the connections.
//!
//! A 204 promises (ADR 1) that every record of the body is in the log with its fate, after the
//! log's sync. Any other answer is an error that says so.

pub mod admit;
pub mod append;
pub mod beacons;
pub mod dead_letters;
pub mod decode;
pub mod describe;
pub mod enrich;
pub mod fates;
pub mod metrics;
pub mod problem;
pub mod pure;
pub mod receive;
pub mod serve;
pub mod settings;
pub mod talkers;

pub use receive::cors;
pub use serve::{BuildError, Parts, Service, build, build_on, listen};
pub use settings::Settings;
