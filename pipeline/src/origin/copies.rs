//! What arrived for each segment: every pipeline's copy, served or not. The bytes of a copy go
//! once the choice is made; what is known about it stays for the segments page.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::pure::choose::{Candidate, Quality};
use super::track::Fixed;

/// Segments whose facts are remembered, beyond the window of those that can be fetched.
pub(super) const REMEMBERED: u64 = 1_000;

/// What is known about one pipeline's copy of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Copy {
    /// Whose copy.
    pub pipeline: String,
    /// When it arrived, Unix µs.
    pub arrived_us: i64,
    /// Hash of its bytes.
    pub hash: u64,
    /// How many bytes; none when the pipeline only said what went wrong.
    pub bytes: u64,
    /// Frames in it.
    pub frames: u32,
    /// Hash of what the encoder was fed for it.
    #[serde(default)]
    pub input_hash: Option<u64>,
    /// What is wrong with it.
    #[serde(default)]
    pub defect: Option<Defect>,
}

/// What is wrong with a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Defect {
    /// One word: `frozen`, `invalid`, …
    pub kind: String,
    /// In words.
    pub why: String,
}

impl Copy {
    /// How good it is.
    pub(super) fn quality(&self) -> Quality {
        match &self.defect {
            None => Quality::Sound,
            Some(_) if self.bytes > 0 => Quality::Defective,
            Some(_) => Quality::Unusable,
        }
    }

    /// The copy as the choice sees it.
    pub(super) fn candidate(&self) -> Candidate<'_> {
        Candidate { pipeline: &self.pipeline, quality: self.quality(), arrived_us: self.arrived_us }
    }
}

/// What a segment was fixed as, remembered longer than its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Whose copy, or the slate's name.
    pub pipeline: std::sync::Arc<str>,
    /// Since when, Unix µs.
    pub published_us: i64,
    /// Bytes of the copy.
    pub bytes: u64,
}

impl From<&Fixed> for Outcome {
    fn from(fixed: &Fixed) -> Self {
        Self {
            pipeline: fixed.pipeline.clone(),
            published_us: fixed.published_us,
            bytes: fixed.body.len() as u64,
        }
    }
}

/// All that arrived for one track.
#[derive(Debug, Default)]
pub(super) struct Copies {
    facts: BTreeMap<u64, Vec<Copy>>,
    /// Only of segments that are not decided yet, so there are a few.
    bodies: BTreeMap<u64, Vec<(String, Bytes)>>,
    outcomes: BTreeMap<u64, Outcome>,
}

impl Copies {
    /// What arrived for `k`.
    pub(super) fn of(&self, k: u64) -> &[Copy] {
        self.facts.get(&k).map_or(&[], Vec::as_slice)
    }

    /// Notes a copy, in the place of an earlier one of the same pipeline.
    pub(super) fn note(&mut self, k: u64, copy: Copy, body: Option<Bytes>) {
        if let Some(body) = body {
            let bodies = self.bodies.entry(k).or_default();
            bodies.retain(|(pipeline, _)| *pipeline != copy.pipeline);
            bodies.push((copy.pipeline.clone(), body));
        }
        let facts = self.facts.entry(k).or_default();
        facts.retain(|other| other.pipeline != copy.pipeline);
        facts.push(copy);
    }

    /// The bytes of a copy that may still be chosen.
    pub(super) fn body(&self, k: u64, pipeline: &str) -> Option<Bytes> {
        let bodies = self.bodies.get(&k)?;
        bodies.iter().find(|(name, _)| name == pipeline).map(|(_, body)| body.clone())
    }

    /// Remembers what `k` was fixed as; the other copies' bytes are of no use any more.
    pub(super) fn decided(&mut self, k: u64, outcome: Outcome) {
        self.bodies.remove(&k);
        self.outcomes.insert(k, outcome);
    }

    /// What `k` was fixed as.
    pub(super) fn outcome(&self, k: u64) -> Option<&Outcome> {
        self.outcomes.get(&k)
    }

    /// Bytes held for copies that are not chosen yet.
    pub(super) fn bytes(&self) -> u64 {
        self.bodies.values().flatten().map(|(_, body)| body.len() as u64).sum()
    }

    /// Takes back what was written beside a choice.
    pub(super) fn restore(&mut self, k: u64, copies: Vec<Copy>) {
        self.facts.insert(k, copies);
    }

    /// How many segments from `oldest` on have both pipelines' input hashes, and in how many
    /// these are equal.
    pub(super) fn compared(&self, one: &str, other: &str, oldest: u64) -> (u64, u64) {
        let hash = |copies: &[Copy], name: &str| {
            copies.iter().find(|copy| copy.pipeline == name).and_then(|copy| copy.input_hash)
        };
        let pairs = self
            .facts
            .range(oldest..)
            .filter_map(|(_, copies)| hash(copies, one).zip(hash(copies, other)));
        pairs.fold((0, 0), |(all, equal), (a, b)| (all + 1, equal + u64::from(a == b)))
    }

    /// Forgets bytes of segments older than `oldest`, and everything of much older ones.
    pub(super) fn prune(&mut self, oldest: u64) {
        self.bodies = self.bodies.split_off(&oldest);
        let remembered = oldest.saturating_sub(REMEMBERED);
        self.facts = self.facts.split_off(&remembered);
        self.outcomes = self.outcomes.split_off(&remembered);
    }
}
