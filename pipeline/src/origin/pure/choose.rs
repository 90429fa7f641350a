//! Which copy of a segment the origin serves (ADR 20).
//!
//! The preferred pipeline's, if it is sound; another's at once when the preferred one is known to
//! be bad, otherwise after a short grace; never later than due.

/// How long a sound copy waits for a better-ranked pipeline's, µs.
pub const GRACE_US: i64 = 150_000;

/// A pipeline as input to the choice for one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipeline<'a> {
    /// Its name.
    pub name: &'a str,
    /// Taken out by an operator or by steering: its copies are not served.
    pub masked: bool,
    /// It did not send the previous segment, so this one is not worth waiting for.
    pub missing: bool,
}

/// How good a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// It has no known defect.
    Sound,
    /// It plays but has a defect, such as a frozen picture. Better than slate.
    Defective,
    /// The pipeline is known to have nothing usable for this segment.
    Unusable,
}

/// A pipeline's copy of segment K that has arrived, or its report that it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The pipeline that sent it.
    pub pipeline: &'a str,
    /// Its quality.
    pub quality: Quality,
    /// When it arrived, Unix µs.
    pub arrived_us: i64,
}

/// Segment K's deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When players may rely on it, Unix µs.
    pub due_us: i64,
    /// When the slate replaces it, Unix µs.
    pub slate_us: i64,
}

/// The choice for segment K.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<'a> {
    /// Not decided yet. Without another arrival nothing changes before this moment, Unix µs.
    Open(i64),
    /// This pipeline's copy.
    Pipeline(&'a str),
    /// The slate.
    Slate,
}

/// The choice for a segment at `now_us`. It is final once made; the caller keeps it. `pipelines`
/// are in order of preference; a pipeline that is not among them ranks last and is not waited
/// for.
pub fn choose<'a>(
    candidates: &[Candidate<'a>],
    pipelines: &[Pipeline<'_>],
    times: Times,
    now_us: i64,
) -> Choice<'a> {
    let usable = usable(candidates, pipelines, times, now_us);
    let sound: Vec<&Usable<'a>> = usable.iter().filter(|c| c.quality == Quality::Sound).collect();
    let defective = usable.iter().find(|c| c.quality == Quality::Defective);
    let first_sound_us = sound.iter().map(|c| c.arrived_us).min();
    // The best copy, how many pipelines could send a better one, and until when it waits for them.
    let (best, rivals, until_us) = match (sound.first(), first_sound_us, defective) {
        (Some(best), Some(first_us), _) => {
            (*best, best.rank, first_us.saturating_add(GRACE_US).min(times.due_us))
        }
        (_, _, Some(best)) => (best, pipelines.len(), times.due_us),
        _ if now_us >= times.slate_us => return Choice::Slate,
        _ => return Choice::Open(times.slate_us),
    };
    let better_may_come =
        pipelines.iter().take(rivals).any(|p| p.may_still_send(candidates, now_us));
    if better_may_come && now_us < until_us {
        Choice::Open(until_us)
    } else {
        Choice::Pipeline(best.pipeline)
    }
}

/// A copy that has arrived in time and is not masked.
struct Usable<'a> {
    /// Its pipeline's place in the order of preference; 0 is preferred.
    rank: usize,
    arrived_us: i64,
    pipeline: &'a str,
    quality: Quality,
}

/// The copies that can be served at `now_us`, the best-ranked first.
fn usable<'a>(
    candidates: &[Candidate<'a>],
    pipelines: &[Pipeline<'_>],
    times: Times,
    now_us: i64,
) -> Vec<Usable<'a>> {
    let mut usable = Vec::new();
    for &Candidate { pipeline, quality, arrived_us } in candidates {
        let masked = pipelines.iter().any(|p| p.name == pipeline && p.masked);
        if arrived_us < times.slate_us && arrived_us <= now_us && !masked {
            let rank = pipelines.iter().position(|p| p.name == pipeline).unwrap_or(usize::MAX);
            usable.push(Usable { rank, arrived_us, pipeline, quality });
        }
    }
    usable.sort_by_key(|c| (c.rank, c.arrived_us, c.pipeline));
    usable
}

impl Pipeline<'_> {
    /// Whether its copy, or its report that there is none, may still arrive.
    fn may_still_send(&self, candidates: &[Candidate<'_>], now_us: i64) -> bool {
        let sent = candidates.iter().any(|c| c.pipeline == self.name && c.arrived_us <= now_us);
        !self.masked && !self.missing && !sent
    }
}

#[cfg(test)]
mod tests;
