//! Fragmented MP4, as much of it as a live track needs: read the facts of a segment from its
//! bytes, move a segment to another time, and read and normalise an init segment.
//!
//! Segments are untrusted until measured here: whatever the bytes, these functions answer
//! with a value or an [`Mp4Error`], never with a panic.

mod boxes;
mod init;
mod rewrite;
mod segment;

pub use init::{InitFacts, init_facts, normalise_init};
pub use rewrite::{Rewrite, retime, rewrite};
pub use segment::{SegmentFacts, facts, first_sample};

/// Why bytes are not the MP4 we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mp4Error {
    /// A box or field runs past the end of the bytes or of its parent.
    #[error("the box or field at byte {0} runs past its end")]
    Truncated(usize),
    /// A box that must be there is not.
    #[error("there is no `{0}` box")]
    Missing(&'static str),
    /// Something is there that we do not take.
    #[error("at byte {at}: {what}")]
    Malformed {
        /// Where.
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
