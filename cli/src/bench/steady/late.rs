//! The times at which figures were late, and what the processor did meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::FRESH_MS;

/// How many of them are kept, those with the oldest figures: others rarely have another cause.
const WORST: usize = 5;

/// What the metrics showed at one moment.
#[derive(Debug)]
pub(super) struct Look {
    /// Time since the first look.
    pub(super) at: Duration,
    /// Age of the figures, ms.
    pub(super) age_ms: u64,
    /// Seconds that the processor has spent on each of its activities since its start.
    pub(super) spent: BTreeMap<String, f64>,
}

/// Consecutive looks that showed late figures.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Late {
    /// Seconds from the first look to the one before these.
    pub(super) at_s: f64,
    /// Duration, seconds.
    pub(super) seconds: f64,
    /// The oldest that the figures were, ms.
    pub(super) most_ms: u64,
    /// The part of that time that the processor spent on each of its activities, %.
    pub(super) spent_percent: BTreeMap<String, f64>,
}

/// The part of the time between two looks that was spent on each activity, %.
pub(super) fn spent_percent(from: &Look, to: &Look) -> BTreeMap<String, f64> {
    let lasted = to.at.saturating_sub(from.at).as_secs_f64();
    let before = |doing: &str| from.spent.get(doing).copied().unwrap_or(0.0);
    let percent =
        |(doing, s): (&String, &f64)| (doing.clone(), 100.0 * (s - before(doing)) / lasted);
    to.spent.iter().map(percent).collect()
}

/// The worst times, in chronological order. The cause precedes the first late look, so a time
/// begins with the look before it.
pub(super) fn worst(looks: &[Look]) -> Vec<Late> {
    let mut all = Vec::new();
    let mut rest = looks;
    while let Some(first) = rest.iter().position(|look| look.age_ms > FRESH_MS) {
        let from = &rest[first.saturating_sub(1)];
        let late: Vec<&Look> =
            rest[first..].iter().take_while(|look| look.age_ms > FRESH_MS).collect();
        rest = &rest[first + late.len()..];
        // The very first look alone has no duration.
        let Some(last) = late.last().filter(|last| last.at > from.at) else { continue };
        all.push(Late {
            at_s: from.at.as_secs_f64(),
            seconds: (last.at - from.at).as_secs_f64(),
            most_ms: late.iter().map(|look| look.age_ms).max().unwrap_or(0),
            spent_percent: spent_percent(from, last),
        });
    }
    all.sort_by_key(|late| std::cmp::Reverse(late.most_ms));
    all.truncate(WORST);
    all.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at_s: u64, age_ms: u64, events_s: f64) -> Look {
        let spent = [("events".to_owned(), events_s)].into();
        Look { at: Duration::from_secs(at_s), age_ms, spent }
    }

    #[test]
    fn a_time_begins_with_the_look_before_and_the_worst_are_kept() {
        let looks = [
            look(0, 9_000, 0.0),
            look(1, 500, 0.5),
            look(2, 1_500, 1.0),
            look(3, 1_501, 1.5),
            look(4, 1_800, 3.0),
            look(5, 900, 3.0),
        ];
        let [late] = &worst(&looks)[..] else { panic!("one time") };
        assert_eq!((late.at_s, late.seconds, late.most_ms), (2.0, 2.0, 1_800));
        assert!((late.spent_percent["events"] - 100.0).abs() < 1e-9);

        let many = (0..20).map(|n| look(n, if n % 2 == 1 { 2_000 + n } else { 0 }, 0.0));
        let kept: Vec<_> =
            worst(&many.collect::<Vec<_>>()).iter().map(|late| late.most_ms).collect();
        assert_eq!(kept, [2_011, 2_013, 2_015, 2_017, 2_019]);
    }
}
