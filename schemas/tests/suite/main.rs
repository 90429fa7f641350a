//! What the words of Tallylight look like from outside: decoded records, schemas and stored
//! bytes held against goldens, and properties of the parser.
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
