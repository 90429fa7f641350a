//! The door: every record that players and services send is received, admitted, decoded and
//! appended here, and leaves with a fate.
//!
//! The modules stand in the order of a request's path: [`receive`] (HTTP) ▸ [`admit`] (who
//! may, and how much) ▸ [`enrich`] (who sends) ▸ [`decode`] (body → Arrow builders) ▸
//! [`append`] (group commit).
//! What a door under pressure still takes is decided in [`pure`], and [`talkers`] holds single
//! sessions to a quota. [`fates`] counts what became of each record, [`letters`] keeps some of those
//! that are rejected, [`beacons`] shows the newest to whoever looks, [`problem`] says what a caller
//! must change, [`describe`] tells programs what there is, [`settings`] holds every limit,
//! [`metrics`] what Prometheus sees and [`serve`] the connections.
//!
//! A 204 promises (ADR 1): every record of the body is in the log with its fate, behind the
//! log's sync. Anything else is an error that says so.

pub mod admit;
pub mod append;
pub mod beacons;
pub mod decode;
pub mod describe;
pub mod enrich;
pub mod fates;
pub mod letters;
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
