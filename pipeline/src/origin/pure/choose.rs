//! Which copy of a segment the origin serves.

/// A pipeline's copy of segment K that has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Whose copy.
    pub pipeline: &'a str,
    /// Whether its bytes are what the schedule asks for.
    pub valid: bool,
    /// When it arrived, Unix µs.
    pub arrived_us: i64,
}

/// What segment K is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<'a> {
    /// Nothing usable yet, and it may still come.
    Open,
    /// This pipeline's copy.
    Pipeline(&'a str),
    /// The slate.
    Slate,
}

/// The choice for a segment at `now_us`: the first valid copy that came before `slate_us`,
/// else the slate from then on.
///
/// Once it is not [`Choice::Open`] it never changes: a later arrival is never before an
/// earlier one, and none from `slate_us` on counts.
pub fn choose<'a>(candidates: &[Candidate<'a>], slate_us: i64, now_us: i64) -> Choice<'a> {
    let in_time = |c: &&Candidate<'_>| c.valid && c.arrived_us < slate_us && c.arrived_us <= now_us;
    let first = candidates.iter().filter(in_time).min_by_key(|c| (c.arrived_us, c.pipeline));
    match first {
        Some(candidate) => Choice::Pipeline(candidate.pipeline),
        None if now_us >= slate_us => Choice::Slate,
        None => Choice::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SLATE: i64 = 1_000;

    #[test]
    fn a_valid_copy_in_time_wins_and_nothing_else_does() {
        let copy = |valid, arrived_us| [Candidate { pipeline: "A", valid, arrived_us }];
        assert_eq!(choose(&[], SLATE, 999), Choice::Open);
        assert_eq!(choose(&[], SLATE, 1_000), Choice::Slate);
        assert_eq!(choose(&copy(true, 999), SLATE, 999), Choice::Pipeline("A"));
        assert_eq!(choose(&copy(true, 1_000), SLATE, 1_000), Choice::Slate);
        assert_eq!(choose(&copy(false, 500), SLATE, 600), Choice::Open);
        assert_eq!(choose(&copy(false, 500), SLATE, 1_600), Choice::Slate);
    }

    proptest! {
        #[test]
        fn a_choice_never_changes(
            mut arrivals in prop::collection::vec((0_i64..2_000, any::<bool>(), "[AB]"), 0..6),
            mut moments in prop::collection::vec(0_i64..2_500, 1..10),
        ) {
            arrivals.sort();
            moments.sort_unstable();
            let mut fixed = Choice::Open;
            for now in moments {
                let known: Vec<_> = arrivals.iter().filter(|(at, ..)| *at <= now)
                    .map(|(at, valid, pipeline)| Candidate { pipeline, valid: *valid, arrived_us: *at }).collect();
                let choice = choose(&known, SLATE, now);
                if fixed != Choice::Open {
                    prop_assert_eq!(choice, fixed);
                }
                prop_assert!(now < SLATE || choice != Choice::Open);
                fixed = choice;
            }
        }
    }
}
