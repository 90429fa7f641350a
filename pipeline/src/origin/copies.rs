//! Every pipeline's copy of each segment, served or not. A copy's bytes are dropped once the
//! choice is made; its facts are kept for the segments page.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::pure::choose::{Candidate, Quality};
use super::track::Fixed;

/// How many segments' facts are kept beyond the window of segments that can be fetched.
pub(super) const REMEMBERED: u64 = 1_000;

/// The facts of one pipeline's copy of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Copy {
    /// The pipeline that sent it.
    pub pipeline: String,
    /// When it arrived, Unix µs.
    pub arrived_us: i64,
    /// Hash of its bytes.
    pub hash: u64,
    /// Its size in bytes; 0 when the pipeline only reported a defect.
    pub bytes: u64,
    /// Its number of frames.
    pub frames: u32,
    /// Hash of the encoder's input for it.
    #[serde(default)]
    pub input_hash: Option<u64>,
    /// Its defect, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

/// A copy's defect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Defect {
    /// One word: `frozen`, `invalid`, …
    pub kind: String,
    /// An explanation.
    pub why: String,
}

impl Copy {
    /// Its quality.
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

/// What a segment was fixed as, kept longer than its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The served copy's pipeline, or the slate's name.
    pub pipeline: std::sync::Arc<str>,
    /// When it became available, Unix µs.
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

/// All copies of one track.
#[derive(Debug, Default)]
pub(super) struct Copies {
    facts: BTreeMap<u64, Vec<Copy>>,
    /// Only of segments that are not decided yet, so only a few.
    bodies: BTreeMap<u64, Vec<(String, Bytes)>>,
    outcomes: BTreeMap<u64, Outcome>,
}

impl Copies {
    /// The copies of `k`.
    pub(super) fn of(&self, k: u64) -> &[Copy] {
        self.facts.get(&k).map_or(&[], Vec::as_slice)
    }

    /// Records a copy, replacing an earlier one of the same pipeline.
    pub(super) fn record(&mut self, k: u64, copy: Copy, body: Option<Bytes>) {
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

    /// Records what `k` was fixed as, and drops the bytes of its copies: no other can be chosen.
    pub(super) fn decided(&mut self, k: u64, outcome: Outcome) {
        self.bodies.remove(&k);
        self.outcomes.insert(k, outcome);
    }

    /// What `k` was fixed as.
    pub(super) fn outcome(&self, k: u64) -> Option<&Outcome> {
        self.outcomes.get(&k)
    }

    /// Bytes held for copies of undecided segments.
    pub(super) fn bytes(&self) -> u64 {
        self.bodies.values().flatten().map(|(_, body)| body.len() as u64).sum()
    }

    /// Restores the copies that were stored with a choice.
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

    /// Drops the bytes of segments older than `oldest`, and everything of much older ones.
    pub(super) fn prune(&mut self, oldest: u64) {
        self.bodies = self.bodies.split_off(&oldest);
        let remembered = oldest.saturating_sub(REMEMBERED);
        self.facts = self.facts.split_off(&remembered);
        self.outcomes = self.outcomes.split_off(&remembered);
    }
}
