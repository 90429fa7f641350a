//! Which copy of a segment the origin serves (ADR 20).
//!
//! The preferred pipeline's, if it is sound; another's at once when the preferred is known to
//! be bad, else after a short grace; never later than due.

/// How long a sound copy waits for a better-ranked pipeline's, µs.
pub const GRACE_US: i64 = 150_000;

/// A pipeline as far as the choice for one segment depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipeline<'a> {
    /// Its name.
    pub name: &'a str,
    /// Taken out by an operator or by steering: its copies are not served.
    pub masked: bool,
    /// It did not send the segment before this one, so this one is not worth waiting for.
    pub missing: bool,
}

/// How good a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// What the schedule asks for.
    Sound,
    /// It plays, but something is wrong with it: a picture that stands still. Better than slate.
    Defective,
    /// It is known that this pipeline has nothing usable for this segment.
    Unusable,
}

/// A pipeline's copy of segment K that has arrived, or the news that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Whose copy.
    pub pipeline: &'a str,
    /// How good it is.
    pub quality: Quality,
    /// When it arrived, Unix µs.
    pub arrived_us: i64,
}

/// Segment K's moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When players may rely on it, Unix µs.
    pub due_us: i64,
    /// From when on the slate takes its place, Unix µs.
    pub slate_us: i64,
}

/// What segment K is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<'a> {
    /// Not decided yet. Without another arrival nothing changes before this moment, Unix µs.
    Open(i64),
    /// This pipeline's copy.
    Pipeline(&'a str),
    /// The slate.
    Slate,
}

/// The choice for a segment at `now_us`, unless one was made before: a choice once made is the
/// caller's to keep. `pipelines` come in the order of preference; one that is not among them
/// ranks last and is not waited for.
pub fn choose<'a>(
    candidates: &[Candidate<'a>],
    pipelines: &[Pipeline<'_>],
    times: Times,
    now_us: i64,
) -> Choice<'a> {
    let masked = |name: &str| pipelines.iter().any(|p| p.name == name && p.masked);
    let here: Vec<&Candidate<'a>> = candidates
        .iter()
        .filter(|c| c.arrived_us < times.slate_us && c.arrived_us <= now_us && !masked(c.pipeline))
        .collect();
    let rank = |name: &str| pipelines.iter().position(|p| p.name == name).unwrap_or(usize::MAX);
    let best = |quality| {
        let of_it = here.iter().filter(|c| c.quality == quality);
        of_it.min_by_key(|c| (rank(c.pipeline), c.arrived_us, c.pipeline)).map(|c| c.pipeline)
    };
    // Whether one that ranks above `below` may still come.
    let hoped = |below: usize| {
        let above = pipelines.iter().take(below);
        above
            .filter(|p| !p.masked && !p.missing)
            .any(|p| candidates.iter().all(|c| c.pipeline != p.name || c.arrived_us > now_us))
    };
    let at = |moment: i64, chosen: &'a str| {
        if now_us >= moment { Choice::Pipeline(chosen) } else { Choice::Open(moment) }
    };
    let first_sound =
        here.iter().filter(|c| c.quality == Quality::Sound).map(|c| c.arrived_us).min();
    if let (Some(sound), Some(first_us)) = (best(Quality::Sound), first_sound) {
        let patience = first_us.saturating_add(GRACE_US).min(times.due_us);
        return at(if hoped(rank(sound)) { patience } else { now_us }, sound);
    }
    match best(Quality::Defective) {
        Some(poor) => at(if hoped(usize::MAX) { times.due_us } else { now_us }, poor),
        None if now_us >= times.slate_us => Choice::Slate,
        None => Choice::Open(times.slate_us),
    }
}

#[cfg(test)]
mod tests;
