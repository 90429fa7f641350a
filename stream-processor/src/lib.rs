//! From log to rows, in the order in which a record goes: [`read`] takes entries off the
//! log, [`pure`] turns them into sessions and panes, [`emit`] appends the rows that are due,
//! [`queries`] and [`open`] answer from the state in memory, [`archive`] hands history what became
//! of every record and keeps snapshots, [`audit`] checks and repairs it. [`run`] is the loop that
//! joins them, [`metrics`] what Prometheus sees of it.
//!
//! Rows are a function of the log (ADR 3): what this crate holds can be lost at any moment
//! and is rebuilt by reading again.

pub mod archive;
pub mod audit;
pub mod emit;
pub mod events;
pub mod metrics;
pub mod open;
pub mod pure;
pub mod queries;
pub mod read;
pub mod run;
pub mod settings;

pub use metrics::Metrics;
pub use open::{OpenPage, OpenPlace, OpenQuery};
pub use pure::limits::Limits;
pub use queries::{ProcessorHandle, ProcessorStats, SessionQuery, newest};
pub use run::{Parts, Processor, ProcessorError, build};
pub use settings::Settings;
