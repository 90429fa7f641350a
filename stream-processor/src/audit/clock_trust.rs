//! Which facts of a sid are not used because their times contradict each other. Anybody can send
//! any time, and a device without a clock begins somewhere in the past: if facts of one sid imply
//! very different clocks, nothing tells which is right. Then the live counts stay.

use super::HOUR_US;

/// Players' facts whose delays differ by more than this, and reports that arrived later than this,
/// are not used, µs: by default panes are kept at least this long.
pub(super) const LATEST_US: i64 = 7 * 24 * HOUR_US;

/// A fact: when it was read (log time, Unix µs), and its delay, µs, if it has a time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Came {
    /// By the player's clock, which may be off: only changes of the delay are meaningful.
    Player(i64, Option<i64>),
    /// By the clock of a service of ours.
    Report(i64, i64),
}

impl Came {
    fn read_at(self) -> i64 {
        match self {
            Self::Player(at, _) | Self::Report(at, _) => at,
        }
    }
}

/// Log time (Unix µs) before which the facts of a sid are used; those from `until` on were not
/// read. Facts are divided into runs by silences of more than `quiet` µs, and used up to the first
/// run with a contradiction. Later facts do not matter, so what was repaired once stays repaired.
pub(super) fn usable_to(facts: impl Iterator<Item = Came>, quiet: i64, until: i64) -> i64 {
    let mut all: Vec<Came> = facts.collect();
    all.sort_unstable_by_key(|came| came.read_at());
    let (mut run, mut last) = (i64::MIN, None);
    let mut delays: Option<(i64, i64)> = None;
    for came in all {
        let at = came.read_at();
        if last.is_none_or(|last| at - last > quiet) {
            run = at;
        }
        last = Some(at);
        let apart = match came {
            Came::Player(_, None) => 0,
            Came::Player(_, Some(delay)) => {
                let (least, most) = delays.unwrap_or((delay, delay));
                let (least, most) = (least.min(delay), most.max(delay));
                delays = Some((least, most));
                most.saturating_sub(least)
            }
            Came::Report(_, delay) => delay,
        };
        if apart > LATEST_US {
            return run;
        }
    }
    // A run that continues beyond `until` is not complete.
    if last.is_some_and(|last| until.saturating_sub(last) <= quiet) { run } else { until }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: i64 = 900;
    const YEARS: i64 = 20 * 365 * 24 * HOUR_US;

    fn to(facts: &[Came], until: i64) -> i64 {
        usable_to(facts.iter().copied(), QUIET, until)
    }

    #[test]
    fn a_clock_that_is_always_wrong_is_no_harm_and_one_that_moves_is() {
        let wrong = [Came::Player(10, Some(YEARS)), Came::Player(20, Some(YEARS + 7))];
        assert_eq!(to(&wrong, i64::MAX), i64::MAX);
        for (before, after) in [(0, YEARS), (YEARS, 0), (-YEARS, 0), (0, LATEST_US + 1)] {
            let set = [
                Came::Player(10, Some(before)),
                Came::Player(2_000, None),
                Came::Player(2_100, Some(after)),
            ];
            assert_eq!(to(&set, i64::MAX), 2_000, "{before} {after}");
            assert_eq!(to(&set[..2], i64::MAX), i64::MAX);
        }
        let late = [Came::Player(10, Some(0)), Came::Player(20, Some(LATEST_US))];
        assert_eq!(to(&late, i64::MAX), i64::MAX);
        assert_eq!(to(&[Came::Report(10, YEARS)], i64::MAX), 10);
    }

    #[test]
    fn a_run_that_is_not_read_to_its_end_is_not_whole() {
        let facts = [Came::Player(10, None), Came::Player(2_000, None), Came::Player(2_500, None)];
        assert_eq!(to(&facts, 3_000), 2_000);
        assert_eq!(to(&facts, 4_000), 4_000);
    }
}
