//! Measures the encoders' input, segment by segment: a hash, and whether the frame strip in the
//! pictures moves. It reads the pictures themselves, not the state of the code that drew them.

use std::sync::Arc;

use tallylight_schemas::grid::Grid;
use xxhash_rust::xxh3::Xxh3;

use super::pure::still::StillWatch;
use super::pure::strip::read_strip;
use crate::ladder::AAC_FRAME;
use crate::packager::{Fed, Input, InputFacts};

/// Measures pictures and audio as they are fed.
pub(super) struct Meter {
    facts: Arc<InputFacts>,
    grid: Grid,
    frames: u64,
    rate: u32,
    size: (usize, usize),
    pictures: Xxh3,
    still: StillWatch,
    sound: Xxh3,
}

impl Meter {
    pub(super) fn new(
        facts: &Arc<InputFacts>,
        (grid, fps): (Grid, u32),
        rate: u32,
        size: (usize, usize),
    ) -> Self {
        let frames = u64::from(grid.frames(fps).unwrap_or(50)).max(1);
        let (pictures, sound) = (Xxh3::new(), Xxh3::new());
        let (facts, still) = (Arc::clone(facts), StillWatch::default());
        Self { facts, grid, frames, rate, size, pictures, still, sound }
    }

    /// Frame `n` of the epoch is fed; its first plane is luma.
    pub(super) fn frame(&mut self, n: u64, pixels: &[u8]) {
        self.pictures.update(pixels);
        let (width, height) = self.size;
        self.still.look(read_strip(pixels, width, height));
        if (n + 1).is_multiple_of(self.frames) {
            let fed = Fed { hash: self.pictures.digest(), still: self.still.take() };
            self.facts.put(Input::Video, n / self.frames, fed);
            self.pictures.reset();
        }
    }

    /// The block of audio that begins at sample `first` of the epoch is fed.
    pub(super) fn block(&mut self, first: u64, samples: &[f32]) {
        samples.iter().for_each(|sample| self.sound.update(&sample.to_le_bytes()));
        let k = self.grid.k_of(first, self.rate);
        if self.grid.k_of(first + u64::from(AAC_FRAME), self.rate) != k {
            self.facts.put(Input::Audio, k, Fed { hash: self.sound.digest(), still: 0 });
            self.sound.reset();
        }
    }
}
