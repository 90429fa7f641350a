//! What the collector asks of its clients under load (docs/collector.md): longer intervals,
//! and regular reports from only a share of the sessions.

/// A larger factor is ignored: the session would look dead.
const LONGEST: u32 = 6;

/// The pace that applies until the collector's next answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The factor by which the usual interval is multiplied.
    pub interval: u32,
    /// The share of sessions that make regular reports, 0 to 1.
    pub sample: f64,
}

impl Default for Pace {
    /// Every report is wanted.
    fn default() -> Self {
        Self { interval: 1, sample: 1.0 }
    }
}

impl Pace {
    /// Reads `interval=3, sample=0.50`. Unknown keys and nonsensical values are ignored.
    pub fn read(text: &str) -> Self {
        let mut pace = Self::default();
        for word in text.split(',') {
            match word.trim().split_once('=') {
                Some(("interval", times)) => {
                    let times = times.parse().ok().filter(|times| (1..=LONGEST).contains(times));
                    pace.interval = times.unwrap_or(pace.interval);
                }
                Some(("sample", share)) => {
                    let share = share.parse().ok().filter(|share| (0.0..=1.0).contains(share));
                    pace.sample = share.unwrap_or(pace.sample);
                }
                _ => {}
            }
        }
        pace
    }

    /// Whether a session that drew `draw`, 0 to 1, makes regular reports.
    pub fn wants(self, draw: f64) -> bool {
        draw < self.sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_are_read_and_others_ignored() {
        assert_eq!(Pace::read("interval=3, sample=0.50"), Pace { interval: 3, sample: 0.5 });
        assert_eq!(Pace::read("sample=0.25,later=1"), Pace { interval: 1, sample: 0.25 });
        for nonsense in ["", "interval", "interval=0", "interval=900", "sample=-1", "sample=NaN"] {
            assert_eq!(Pace::read(nonsense), Pace::default(), "{nonsense}");
        }
    }

    #[test]
    fn a_share_of_the_sessions_goes_on() {
        let half = Pace { interval: 1, sample: 0.5 };
        assert!(half.wants(0.0) && half.wants(0.49) && !half.wants(0.5));
        assert!(Pace::default().wants(0.999));
        assert!(!Pace { interval: 1, sample: 0.0 }.wants(0.0));
    }
}
