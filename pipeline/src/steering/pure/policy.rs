//! Bounds and times of steering. Players learn their edge at their next request, so every wait for
//! them is measured by the TTL.

/// Steering moves a viewer at most once in this time, ms, counted from when it followed.
const ONCE_MS: i64 = 60_000;
/// Viewers sent to an edge show in its load only after this time, ms.
const SETTLE_MS: i64 = 20_000;
/// An outcome is written at the latest after this time, ms.
const OUTCOME_MS: i64 = 30_000;
/// A moved player has followed, and its load shows, this long after its TTL, ms.
const FOLLOWED_MS: i64 = 15_000;
/// A session without a request for this long is gone, ms.
const GONE_MS: i64 = 40_000;
/// Changes of edge are remembered for this much longer than it takes to an outcome, ms: players
/// fled before anything was decided.
const BEFORE_MS: i64 = 90_000;

/// Bounds and times, from the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The tenant of the streams.
    pub tenant: String,
    /// Players ask again after this many seconds.
    pub ttl_s: u32,
    /// An offer can be held for this long before it is taken, ms.
    pub hold_ms: i64,
    /// Percentage of a nominal capacity that steering never fills.
    pub keep_free_pct: u32,
    /// Capacity of each edge, kbps, in the order of the settings.
    pub capacities: Vec<(String, u64)>,
}

impl Policy {
    fn ttl_ms(&self) -> i64 {
        i64::from(self.ttl_s) * 1_000
    }

    /// A moved viewer may be moved again after this time, ms. Players follow at their next request:
    /// counted from the decision, a late one would be moved twice within its own minute.
    pub fn once_ms(&self) -> i64 {
        ONCE_MS + self.ttl_ms()
    }

    /// An edge that was sent viewers is sent no more for this long, ms: until all have followed,
    /// its load shows only some of them, and the same room would be given out again.
    pub fn settle_ms(&self) -> i64 {
        SETTLE_MS.max(self.ttl_ms() + FOLLOWED_MS)
    }

    /// An outcome is written at the latest after this time, ms.
    pub fn outcome_ms(&self) -> i64 {
        OUTCOME_MS.max(self.ttl_ms() + FOLLOWED_MS)
    }

    /// A session without a request for this long is gone, ms: it skipped one. Who has left counts
    /// until then wherever headroom is looked for.
    pub fn gone_ms(&self) -> i64 {
        GONE_MS.max(self.ttl_ms() + FOLLOWED_MS)
    }

    /// Changes of edge are remembered for this long, ms.
    pub fn moves_ms(&self) -> i64 {
        self.outcome_ms() + BEFORE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_players_follows_the_ttl() {
        let times = |ttl_s| {
            let (tenant, capacities) = ("demo".into(), Vec::new());
            let policy = Policy { tenant, ttl_s, hold_ms: 0, keep_free_pct: 0, capacities };
            let shown = [policy.settle_ms(), policy.outcome_ms(), policy.gone_ms()];
            (policy.once_ms(), shown, policy.moves_ms())
        };
        assert_eq!(times(5), (65_000, [20_000, 30_000, 40_000], 120_000));
        assert_eq!(times(300), (360_000, [315_000, 315_000, 315_000], 405_000));
    }
}
