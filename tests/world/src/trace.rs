//! The trace of a run, line by line.

use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_64;

/// The lines of a trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace(String);

impl Trace {
    /// Adds a line.
    pub fn line(&mut self, line: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    /// A hash of the lines; two runs of a seed have the same.
    pub fn hash(&self) -> u64 {
        xxh3_64(self.0.as_bytes())
    }

    /// The lines.
    pub fn text(&self) -> &str {
        &self.0
    }
}
