//! What an encoder says about the input of each segment: the packager sends it along as facts,
//! so that two pipelines can be compared before either has coded anything (ADR 20).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Segments remembered; a segment is asked for right after its last frame was fed.
const REMEMBERED: usize = 8;

/// What was fed for one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fed {
    /// xxh3 over all frames, or all samples.
    pub hash: u64,
    /// The longest run of pictures up to the segment's end whose frame strip stood still.
    pub still: u32,
}

/// Pictures are one input, sound is the other; all video tracks share theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

/// Shared by the encoder, which fills it, and its packager.
#[derive(Debug, Default)]
pub struct InputFacts {
    fed: Mutex<BTreeMap<(Input, u64), Fed>>,
}

impl InputFacts {
    /// Notes what was fed for segment `k`.
    pub fn put(&self, input: Input, k: u64, fed: Fed) {
        let mut all = self.fed.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((input, k), fed);
        let of_it = all.keys().filter(|(other, _)| *other == input).count();
        if of_it > REMEMBERED
            && let Some(oldest) = all.keys().find(|(other, _)| *other == input).copied()
        {
            all.remove(&oldest);
        }
    }

    /// What was fed for segment `k`, if the encoder said so.
    pub fn of(&self, input: Input, k: u64) -> Option<Fed> {
        self.fed.lock().unwrap_or_else(PoisonError::into_inner).get(&(input, k)).copied()
    }
}
