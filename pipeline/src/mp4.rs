//! The part of fragmented MP4 that a live track needs: reads the facts of a segment from its
//! bytes, moves a segment to another time, and reads and normalises an init segment.
//!
//! Segments are untrusted until measured here: for any bytes, these functions return a value
//! or an [`Mp4Error`] and never panic.

mod boxes;
mod init;
mod rewrite;
mod segment;

pub use init::{InitFacts, init_facts, normalise_init};
pub use rewrite::{Rewrite, retime, rewrite};
pub use segment::{SegmentFacts, facts, first_sample};

/// Why bytes are not valid or supported MP4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mp4Error {
    /// A box or field runs past the end of the bytes or of its parent.
    #[error("the box or field at byte {0} runs past its end")]
    Truncated(usize),
    /// A required box is missing.
    #[error("there is no `{0}` box")]
    Missing(&'static str),
    /// Something is invalid or not supported.
    #[error("at byte {at}: {what}")]
    Malformed {
        /// Its position in the bytes.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
#[path = "mp4/tests.rs"]
mod tests;
