//! An encoder's facts about the input of each segment. The packager sends them along, so that
//! the inputs of two pipelines can be compared independently of their coding (ADR 20).

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// Segments remembered; a segment is looked up right after its last frame was fed.
const REMEMBERED: usize = 8;

/// The input of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fed {
    /// xxh3 over all frames, or all samples.
    pub hash: u64,
    /// The longest run of pictures up to the segment's end whose frame strip did not change.
    pub still: u32,
}

/// Pictures are one input, audio is the other; all video tracks share theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// Pictures.
    Video,
    /// Audio.
    Audio,
}

/// Shared by the encoder, which fills it, and its packager.
#[derive(Debug, Default)]
pub struct InputFacts {
    fed: Mutex<BTreeMap<(Input, u64), Fed>>,
}

impl InputFacts {
    /// Records the input of segment `k`.
    pub fn put(&self, input: Input, k: u64, fed: Fed) {
        let mut all = self.fed.lock();
        all.insert((input, k), fed);
        let of_it = all.keys().filter(|(other, _)| *other == input).count();
        if of_it > REMEMBERED
            && let Some(oldest) = all.keys().find(|(other, _)| *other == input).copied()
        {
            all.remove(&oldest);
        }
    }

    /// The input of segment `k`, if the encoder has recorded it.
    pub fn of(&self, input: Input, k: u64) -> Option<Fed> {
        self.fed.lock().get(&(input, k)).copied()
    }
}
