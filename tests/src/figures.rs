//! The age of the figures that a running world shows.

use std::time::{Duration, Instant};

use crate::world::World;

/// Figures up to this age are as fresh as without a fault, ms.
const FRESH_MS: f64 = 2_000.0;

/// How old figures may get while another processor replaces one that was killed, ms.
pub const GAP_MS: u64 = 15_000;

impl World {
    /// The greatest age of the figures, ms, for this time and until they are fresh again.
    pub async fn oldest(&self, during: Duration) -> u64 {
        let (began, mut most) = (Instant::now(), 0);
        loop {
            let text = self.get("/metrics").await.unwrap_or_else(|error| panic!("{error}"));
            let name = "tallylight_dashboard_freshness_ms ";
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            let age =
                value.and_then(|age| age.parse::<f64>().ok()).expect("the age of the figures");
            assert!(began.elapsed() < Duration::from_secs(60), "figures of {age} ms ago");
            // NaN before the first figures.
            if age.is_finite() {
                most = most.max(age as u64);
                if began.elapsed() > during && age < FRESH_MS {
                    return most;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
