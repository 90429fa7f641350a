//! What the schedule says about segment K at a given time (ADR 7).

use tallylight_schemas::grid::Grid;

/// A stream's schedule as the origin applies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Segment durations.
    pub grid: Grid,
    /// How long after its end a segment stays available, µs.
    pub window_us: i64,
    /// Publish margin, µs: a segment stored later than closed + margin is late.
    pub margin_us: i64,
}

/// What to do with a request for segment K.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// K has not begun: 404.
    Early {
        /// When it begins, Unix µs.
        from_us: i64,
    },
    /// K is fixed: serve what it was fixed as.
    Ready,
    /// K may still arrive: hold the request.
    Hold {
        /// When the slate replaces it, Unix µs.
        until_us: i64,
    },
    /// K did not arrive: fix it as the slate, permanently.
    Slate,
    /// K has left the window: 410.
    Gone,
}

/// A segment's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Stored by its due time.
    OnTime,
    /// Stored after its due time.
    Late,
    /// The slate is served instead.
    Slate,
    /// Not stored yet.
    Pending,
    /// A state of a newer origin: one unknown row must not invalidate the whole page.
    #[serde(other)]
    Other,
}

impl Schedule {
    /// What to do with a request for `k` at `now_us`; `fixed` says whether K has been fixed.
    pub fn verdict(&self, k: u64, fixed: bool, now_us: i64) -> Verdict {
        let from_us = self.grid.start_us(k);
        if now_us < from_us {
            return Verdict::Early { from_us };
        }
        if self.is_gone(k, now_us) {
            return Verdict::Gone;
        }
        let until_us = self.grid.slate_us(k);
        match fixed {
            true => Verdict::Ready,
            false if now_us < until_us => Verdict::Hold { until_us },
            false => Verdict::Slate,
        }
    }

    /// When `k` is due, Unix µs.
    pub fn due_us(&self, k: u64) -> i64 {
        self.grid.due_us(k, self.margin_us)
    }

    /// Whether `k` has left the window.
    pub fn is_gone(&self, k: u64, now_us: i64) -> bool {
        self.grid.closed_us(k).saturating_add(self.window_us) <= now_us
    }

    /// The oldest segment inside the window.
    pub fn oldest(&self, now_us: i64) -> u64 {
        // closed(k) > now − window holds for the segment that covers now − window.
        self.grid.k_at(now_us.saturating_sub(self.window_us))
    }

    /// The newest segment whose slate time has come, if any has.
    pub fn newest_settled(&self, now_us: i64) -> Option<u64> {
        self.grid.k_at(now_us).checked_sub(2)
    }

    /// The state of `k`; `fixed` is when it was fixed as a pipeline's copy, or `Err` for the slate.
    pub fn state(&self, k: u64, fixed: Option<Result<i64, ()>>) -> State {
        match fixed {
            None => State::Pending,
            Some(Err(())) => State::Slate,
            Some(Ok(at)) if at <= self.due_us(k) => State::OnTime,
            Some(Ok(_)) => State::Late,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEMO: Schedule =
        Schedule { grid: Grid::DEMO, window_us: 120_000_000, margin_us: 1_000_000 };
    const K: u64 = 897_500_000;

    #[test]
    fn a_segment_goes_from_early_through_hold_to_slate_and_gone() {
        let at = |ms: i64| DEMO.verdict(K, false, DEMO.grid.start_us(K) + ms * 1_000);
        let until_us = DEMO.grid.start_us(K) + 4_000_000;
        assert_eq!(at(-1), Verdict::Early { from_us: DEMO.grid.start_us(K) });
        assert_eq!((at(0), at(3_999)), (Verdict::Hold { until_us }, Verdict::Hold { until_us }));
        assert_eq!((at(4_000), at(121_999)), (Verdict::Slate, Verdict::Slate));
        assert_eq!(at(122_000), Verdict::Gone);
    }

    #[test]
    fn on_time_is_up_to_due() {
        let due = DEMO.grid.due_us(K, DEMO.margin_us);
        assert_eq!(DEMO.state(K, Some(Ok(due))), State::OnTime);
        assert_eq!(DEMO.state(K, Some(Ok(due + 1))), State::Late);
        assert_eq!(DEMO.state(K, Some(Err(()))), State::Slate);
        assert_eq!(DEMO.state(K, None), State::Pending);
    }

    fn schedules() -> impl Strategy<Value = Schedule> {
        (1_u32..12_000, 1_u32..2_000, 1_i64..1_000).prop_filter_map(
            "a grid",
            |(num, den, window_s)| {
                let grid = Grid::new(num, den).ok().filter(|grid| grid.duration_us() > 1_000)?;
                Some(Schedule { grid, window_us: window_s * 1_000_000, margin_us: 1_000_000 })
            },
        )
    }

    proptest! {
        /// Inside the window every K that has begun is answered with 200, at once or after a hold
        /// of at most two segments: never with 404 or 410. No K outside is held.
        #[test]
        fn inside_the_window_every_segment_exists(
            schedule in schedules(), now in 1_i64 << 40..1_i64 << 50, back in 0_u64..2_000, fixed: bool,
        ) {
            let newest = schedule.grid.k_at(now);
            let k = newest.saturating_sub(back);
            let oldest = schedule.oldest(now);
            let inside = k >= oldest;
            match schedule.verdict(k, fixed, now) {
                Verdict::Ready => prop_assert!(inside && fixed),
                Verdict::Slate => prop_assert!(inside && !fixed && schedule.newest_settled(now) >= Some(k)),
                Verdict::Hold { until_us } => {
                    prop_assert!(inside && !fixed && schedule.newest_settled(now) < Some(k));
                    prop_assert!(until_us > now && until_us - now <= 2 * schedule.grid.duration_us() + 2);
                    // When the hold ends without a segment, the slate is due, unless the window is
                    // that short.
                    let then = schedule.verdict(k, false, until_us);
                    prop_assert!(then == Verdict::Slate || (then == Verdict::Gone && schedule.window_us <= schedule.grid.duration_us() + 1));
                }
                Verdict::Gone => prop_assert!(!inside),
                Verdict::Early { .. } => prop_assert!(false, "{k} has begun"),
            }
            let early = schedule.verdict(newest + 1, fixed, now);
            prop_assert_eq!(early, Verdict::Early { from_us: schedule.grid.start_us(newest + 1) });
        }
    }
}
