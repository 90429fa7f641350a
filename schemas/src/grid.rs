//! The segment schedule (ADR 7): a segment's number, start, end and due time are computed
//! from the Unix epoch by every service alike and never requested.

use serde::{Deserialize, Serialize};

/// Segment duration as an exact rational number of seconds, `num / den`.
///
/// Segment `k` covers `[k·d, k·d + d)` of Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawGrid")]
pub struct Grid {
    /// Numerator.
    num: u32,
    /// Denominator.
    den: u32,
}

/// A grid as written in settings, not yet checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGrid {
    num: u32,
    den: u32,
}

impl TryFrom<RawGrid> for Grid {
    type Error = GridError;

    fn try_from(RawGrid { num, den }: RawGrid) -> Result<Self, GridError> {
        Self::new(num, den)
    }
}

/// An impossible grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a segment lasts num/den seconds with both above 0 and 60 s at most; got {num}/{den}")]
pub struct GridError {
    /// The numerator that was given.
    pub num: u32,
    /// The denominator that was given.
    pub den: u32,
}

impl Grid {
    /// The demo's two seconds.
    pub const DEMO: Grid = Grid { num: 2, den: 1 };

    /// A grid of `num / den` seconds.
    pub fn new(num: u32, den: u32) -> Result<Self, GridError> {
        if num == 0 || den == 0 || u64::from(num) > 60 * u64::from(den) {
            return Err(GridError { num, den });
        }
        Ok(Self { num, den })
    }

    /// The number of the segment that covers `unix_us`.
    pub fn k_at(self, unix_us: i64) -> u64 {
        self.k_of(u64::try_from(unix_us).unwrap_or(0), 1_000_000)
    }

    /// The number of the segment that covers media time `units`, counted from the Unix epoch in
    /// units of `timescale`. In whole numbers throughout: a rounded time may lie in the segment
    /// before.
    pub fn k_of(self, units: u64, timescale: u32) -> u64 {
        let units = u128::from(units) * u128::from(self.den);
        let segment = u128::from(self.num) * u128::from(timescale);
        u64::try_from(units / segment.max(1)).unwrap_or(u64::MAX)
    }

    /// Start of segment `k`, Unix microseconds, rounded up so that `k_at(start_us(k)) == k`.
    pub fn start_us(self, k: u64) -> i64 {
        let units = i128::from(k) * i128::from(self.num) * 1_000_000;
        let den = i128::from(self.den);
        i64::try_from((units + den - 1) / den).unwrap_or(i64::MAX)
    }

    /// When the last instant of segment `k` has passed: `k·d + d`.
    pub fn closed_us(self, k: u64) -> i64 {
        self.start_us(k.saturating_add(1))
    }

    /// When segment `k` is due at the origin: closed + publish margin.
    pub fn due_us(self, k: u64, margin_us: i64) -> i64 {
        self.closed_us(k).saturating_add(margin_us)
    }

    /// When the slate replaces a segment `k` that has not arrived: closed + d.
    pub fn slate_us(self, k: u64) -> i64 {
        self.start_us(k.saturating_add(2))
    }

    /// Start of segment `k` in units of `timescale`, or `None` if it is not a whole number.
    pub fn media_time(self, k: u64, timescale: u32) -> Option<u64> {
        let units = u128::from(k) * u128::from(self.num) * u128::from(timescale);
        let den = u128::from(self.den);
        (units % den == 0).then(|| u64::try_from(units / den).ok())?
    }

    /// Frames in a segment at `fps`, or `None` if it is not a whole number.
    pub fn frames(self, fps: u32) -> Option<u32> {
        let units = u64::from(self.num) * u64::from(fps);
        let den = u64::from(self.den);
        (units % den == 0).then(|| u32::try_from(units / den).ok())?
    }

    /// The number of the first audio sample of segment `k`: the first multiple of
    /// `frame_samples` (1,024 for AAC) at or after `k·d`.
    pub fn first_audio_sample(self, k: u64, rate: u32, frame_samples: u32) -> u64 {
        let units = u128::from(k) * u128::from(self.num) * u128::from(rate);
        let step = u128::from(self.den) * u128::from(frame_samples);
        u64::try_from(units.div_ceil(step) * u128::from(frame_samples)).unwrap_or(u64::MAX)
    }

    /// Segment duration in microseconds, rounded down.
    pub fn duration_us(self) -> i64 {
        i64::from(self.num) * 1_000_000 / i64::from(self.den)
    }

    /// Segment duration in seconds, for uses such as `EXTINF` that need a decimal.
    pub fn seconds(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// Numerator and denominator, seconds.
    pub fn ratio(self) -> (u32, u32) {
        (self.num, self.den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn demo_segment_covers_two_seconds() {
        let grid = Grid::DEMO;
        assert_eq!(grid.k_at(1_795_000_001_999_999), 897_500_000);
        assert_eq!(grid.start_us(897_500_000), 1_795_000_000_000_000);
        assert_eq!(grid.media_time(897_500_000, 2_500), Some(4_487_500_000_000));
        assert_eq!(grid.frames(25), Some(50));
    }

    #[test]
    fn audio_segments_alternate_between_93_and_94_frames() {
        let grid = Grid::DEMO;
        let first = |k| grid.first_audio_sample(k, 48_000, 1_024);
        for k in 897_500_000..897_500_100 {
            let frames = (first(k + 1) - first(k)) / 1_024;
            assert!(frames == 93 || frames == 94, "segment {k} has {frames} frames");
        }
        assert_eq!((first(897_500_004) - first(897_500_000)) / 1_024, 375);
    }

    #[test]
    fn refuses_impossible_durations() {
        for (num, den) in [(0, 1), (1, 0), (61, 1)] {
            let error = GridError { num, den };
            assert_eq!(Grid::new(num, den), Err(error));
            let read =
                serde_json::from_value::<Grid>(serde_json::json!({ "num": num, "den": den }));
            assert_eq!(read.unwrap_err().to_string(), error.to_string());
        }
    }

    proptest! {
        #[test]
        fn a_segment_starts_inside_itself(k in 0_u64..2_000_000_000, num in 1_u32..6_000, den in 1_u32..1_002) {
            prop_assume!(num <= 60 * den && u64::from(num) * 1_000_000 > u64::from(den));
            let grid = Grid::new(num, den).unwrap();
            prop_assert_eq!(grid.k_at(grid.start_us(k)), k);
            prop_assert_eq!(grid.k_at(grid.closed_us(k)), k + 1);
            prop_assert_eq!(grid.k_at(grid.closed_us(k) - 1), k);
        }

        #[test]
        fn a_segments_first_audio_sample_is_in_it_and_the_one_before_is_not(
            k in 1_u64..2_000_000_000, num in 1_u32..6_000, den in 1_u32..1_002, rate in 8_000_u32..=48_000
        ) {
            // A segment is at least one frame long.
            let is_long = u64::from(num) * u64::from(rate) >= u64::from(den) * 1_024;
            prop_assume!(num <= 60 * den && is_long);
            let grid = Grid::new(num, den).unwrap();
            let first = grid.first_audio_sample(k, rate, 1_024);
            prop_assert_eq!(grid.k_of(first, rate), k);
            prop_assert_eq!(grid.k_of(first - 1_024, rate), k - 1);
        }
    }
}
