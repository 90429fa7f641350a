//! The public interface of the crate: decoded records, schemas and stored bytes compared with
//! goldens, and properties of the parser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod damaged;
mod golden;
mod infra;
mod leniency;
mod merging;
mod properties;
mod records;
mod samples;
mod schemas;
mod steered;
mod stored;
mod tables;
mod topic;
