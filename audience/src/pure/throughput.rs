//! The line's throughput, estimated as hls.js does: two moving averages over seconds of
//! download, of which the lower one counts.

const FAST_HALF_LIFE_S: f64 = 3.0;
const SLOW_HALF_LIFE_S: f64 = 9.0;
/// A shorter download is too inexact and counts as this long, seconds.
const LEAST_S: f64 = 0.05;

#[derive(Debug, Clone, Copy, Default)]
struct Average {
    sum: f64,
    weight: f64,
}

impl Average {
    fn add(&mut self, value: f64, seconds: f64, half_life: f64) {
        let keeps = 0.5_f64.powf(seconds / half_life);
        self.sum = value * (1.0 - keeps) + self.sum * keeps;
        self.weight = (1.0 - keeps) + self.weight * keeps;
    }

    fn get(&self) -> f64 {
        if self.weight > 0.0 { self.sum / self.weight } else { 0.0 }
    }
}

/// The estimate of one session.
#[derive(Debug, Clone, Copy, Default)]
pub struct Throughput {
    fast: Average,
    slow: Average,
}

impl Throughput {
    /// `bytes` arrived within `seconds` of their first one.
    pub fn add(&mut self, bytes: u64, seconds: f64) {
        let seconds = seconds.max(LEAST_S);
        let kbps = bytes as f64 * 8.0 / seconds / 1_000.0;
        self.fast.add(kbps, seconds, FAST_HALF_LIFE_S);
        self.slow.add(kbps, seconds, SLOW_HALF_LIFE_S);
    }

    /// The estimate, kbps; 0 before the first download.
    pub fn kbps(&self) -> f64 {
        self.fast.get().min(self.slow.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_within_a_few_seconds_and_rises_slowly() {
        let mut line = Throughput::default();
        assert!(line.kbps() < 1.0);
        line.add(125_000, 0.1);
        assert!((9_999.0..10_001.0).contains(&line.kbps()), "the first download counts in full");
        for _ in 0..20 {
            line.add(125_000, 0.1);
        }
        for _ in 0..4 {
            line.add(125_000, 4.0);
        }
        assert!(line.kbps() < 600.0, "{}", line.kbps());
        line.add(125_000, 0.1);
        assert!(line.kbps() < 800.0, "{}", line.kbps());
    }
}
