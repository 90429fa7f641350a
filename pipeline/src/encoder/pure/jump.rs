//! Notices when the wall clock is set: an encoder numbers its frames by that clock, so after
//! a jump it must restart at a segment boundary of the new time.

/// A wall clock that moved more than this against the monotonic one has jumped, µs.
pub(crate) const LIMIT_US: i64 = 1_000_000;

/// Compares two clocks from one reading to the next. Slow corrections (NTP slewing) are followed,
/// since each reading is compared with the previous one.
#[derive(Debug, Default)]
pub(crate) struct JumpWatch {
    last: Option<(i64, i64)>,
}

impl JumpWatch {
    /// Takes one reading; returns how far the wall clock jumped, µs, if it did.
    pub(crate) fn look(&mut self, wall_us: i64, steady_us: i64) -> Option<i64> {
        let (wall, steady) =
            self.last.replace((wall_us, steady_us)).unwrap_or((wall_us, steady_us));
        let by = (wall_us.saturating_sub(wall)).saturating_sub(steady_us.saturating_sub(steady));
        (by.abs() > LIMIT_US).then_some(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_is_noticed_both_ways_and_a_slow_one_is_not() {
        for jump in [LIMIT_US + 1, -LIMIT_US - 1] {
            let mut watch = JumpWatch::default();
            assert_eq!(watch.look(1_000_000_000, 5), None);
            assert_eq!(watch.look(1_000_040_000, 40_005), None);
            assert_eq!(watch.look(1_000_080_000 + jump, 80_005), Some(jump));
        }
        let mut watch = JumpWatch::default();
        for tick in 0..100_000 {
            assert_eq!(watch.look(tick * 40_020, tick * 40_000), None, "500 ppm is slewing");
        }
    }
}
