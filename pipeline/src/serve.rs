//! Shared by the HTTP services of this crate: building, running, problems, paths, CMSD.

pub mod body;
pub mod build;
pub mod cmsd;
pub mod cors;
pub mod metrics;
pub mod path;
pub mod problem;
pub mod upstream;
pub mod viewer;

#[cfg(test)]
#[path = "serve/tests.rs"]
mod tests;
