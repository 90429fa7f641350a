//! The quota of single sessions. All records of a session go to one partition, in order, so a
//! session that never stops sending would crowd out the others of its partition.
//!
//! Active sessions are tracked in a table of fixed size. A slot is reused only once the quota of
//! its session is nearly whole again. A session that finds no slot is not tracked, so no session
//! pays for another.

use super::bucket::BURST_S;
use super::ladder::Standing;
use super::priority::Priority;
use tallylight_schemas::fates::Reason;

/// Slots that a session may use: enough that two busy sessions seldom collide.
const CHOICES: usize = 4;
/// Nanoseconds of a second, and of a thousandth of a burst, the unit of pressure.
const SECOND_NS: i64 = 1_000_000_000;
const THOUSANDTH_NS: i64 = BURST_S * SECOND_NS / 1_000;
/// Requests overlap, so times may be out of order. A time that is earlier by more than this, µs,
/// means that the clock was set back.
pub(super) const STEP_US: i64 = 1_000_000;

/// A session and the time at which its quota is whole again, ns: all that a token bucket has to
/// keep. The quota of an unused slot is whole.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    session: u64,
    whole_at: i64,
}

/// The slots of a session share a cache line, since every record waits for it.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Set([Slot; CHOICES]);

/// Recently active sessions.
#[derive(Debug)]
pub struct Sessions {
    /// Cost of a record, ns.
    record_ns: i64,
    sets: Vec<Set>,
    newest_us: i64,
    /// Elapsed time, ns. A clock that is set back neither restores a quota nor makes a session
    /// wait.
    now_ns: i64,
}

impl Sessions {
    /// Tracks up to `size` sessions, each of which may send `rate` records a second.
    pub fn new(rate: u32, size: usize) -> Self {
        let sets = vec![Set::default(); size.div_ceil(CHOICES).max(1)];
        let record_ns = SECOND_NS / i64::from(rate.max(1));
        Self { record_ns, sets, newest_us: 0, now_ns: 0 }
    }

    /// Whether a record of `session`, a hash, is accepted at `now_us`; if so it is charged.
    pub fn takes(&mut self, session: u64, priority: Priority, now_us: i64) -> bool {
        let (now, record_ns) = (self.pass(now_us), self.record_ns);
        let Some(slot) = self.slot(session, now) else { return true };
        let missing = slot.whole_at.saturating_sub(now).max(0);
        let pressure = u32::try_from(missing / THOUSANDTH_NS).unwrap_or(u32::MAX);
        let standing = Standing { pressure, cause: Reason::Quota };
        // A request is never refused because of one session. So where the ladder would refuse the
        // request, not even vital records of the session are accepted.
        let takes = !standing.refuses(false) && standing.keeps(priority, (session >> 48) as u16);
        if takes {
            slot.whole_at = slot.whole_at.max(now).saturating_add(record_ns);
        }
        takes
    }

    /// Elapsed time at `now_us`, ns.
    fn pass(&mut self, now_us: i64) -> i64 {
        let passed = now_us.saturating_sub(self.newest_us);
        if !(-STEP_US..=0).contains(&passed) {
            self.newest_us = now_us;
            self.now_ns = self.now_ns.saturating_add(passed.max(0).saturating_mul(1_000));
        }
        self.now_ns
    }

    fn slot(&mut self, session: u64, now: i64) -> Option<&mut Slot> {
        let at = usize::try_from(session).unwrap_or_default() % self.sets.len();
        let Set(set) = self.sets.get_mut(at)?;
        let own = |slot: &Slot| slot.session == session;
        let calm = |slot: &Slot| slot.whole_at < now + THOUSANDTH_NS;
        let at = set.iter().position(own).or_else(|| {
            let at = set.iter().position(calm)?;
            set[at] = Slot { session, whole_at: now };
            Some(at)
        })?;
        set.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    /// How many of `records`, sent evenly over a second, are accepted.
    fn taken(sessions: &mut Sessions, session: u64, priority: Priority, at: (i64, i64)) -> i64 {
        let (second, records) = at;
        let now = |n| second * SECOND + n * SECOND / records;
        (0..records).filter(|n| sessions.takes(session, priority, now(*n))).count() as i64
    }

    #[test]
    fn a_session_that_never_stops_is_held_to_its_rate_and_others_are_not() {
        let mut sessions = Sessions::new(100, 64);
        let (hot, calm) = (7 << 32 | 3, 9 << 32 | 3);
        for second in 0..20 {
            let beats = taken(&mut sessions, hot, Priority::Heartbeat, (second, 10_000));
            assert!(second < 3 || (90..=110).contains(&beats), "{beats} in second {second}");
            let end = second * SECOND + 999_999;
            let start = sessions.takes(hot, Priority::Vital, end);
            assert!(start, "a flood of heartbeats costs no start");
            assert_eq!(taken(&mut sessions, calm, Priority::Heartbeat, (second, 50)), 50);
        }
        let vital = (20..40).map(|s| taken(&mut sessions, hot, Priority::Vital, (s, 10_000)));
        assert!(vital.sum::<i64>() < 20 * 100 + 1_600, "what is vital has an end, too");
        let later = taken(&mut sessions, hot, Priority::Heartbeat, (100, 100));
        assert_eq!(later, 100, "calm again, it is heard again");
    }

    #[test]
    fn a_backlog_of_a_burst_is_taken_whole() {
        let mut sessions = Sessions::new(1_000, 64);
        assert!((0..2_400).all(|_| sessions.takes(5, Priority::Heartbeat, 0)));
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_quota_and_takes_none() {
        let mut sessions = Sessions::new(10, 4);
        let mut taken =
            |at_us| (0..40).filter(|_| sessions.takes(5, Priority::Heartbeat, at_us)).count();
        assert_eq!(taken(100 * SECOND), 26, "half a burst, and it is thinned first");
        // Requests overlap: going to and fro is no time that passes.
        for _ in 0..50 {
            assert_eq!(taken(100 * SECOND - 900_000) + taken(100 * SECOND), 0);
        }
        assert_eq!(taken(40 * SECOND), 0, "the clock was set back, and nothing passed");
        assert_eq!(taken(41 * SECOND), 10, "a second is a second by any clock");
    }

    #[test]
    fn who_finds_no_place_is_not_followed() {
        let mut sessions = Sessions::new(10, 4);
        for session in 0..4 {
            assert!(taken(&mut sessions, session, Priority::Heartbeat, (0, 1_000)) < 100);
        }
        assert_eq!(taken(&mut sessions, 4, Priority::Heartbeat, (0, 1_000)), 1_000);
        assert!(taken(&mut sessions, 4, Priority::Heartbeat, (60, 1_000)) < 100);
    }
}
