//! The quota of single sessions. All records of a session go to one partition, in order, so one
//! that never stops talking would take that partition from everybody else in it.
//!
//! Whoever talks is followed in a table of fixed size. A place is given to another only once its
//! session is calm again; who finds none is not followed, and nobody pays for somebody else.

use super::bucket::Bucket;
use super::ladder::Standing;
use super::priority::Priority;
use tallylight_schemas::fates::Reason;

/// Places that a session may have: enough that two hot ones seldom meet.
const CHOICES: usize = 4;

/// Sessions that were heard of lately.
#[derive(Debug)]
pub struct Sessions {
    rate: u32,
    places: Vec<Option<(u64, Bucket)>>,
}

impl Sessions {
    /// Follows up to `size` sessions, each of which may send `rate` records a second.
    pub fn new(rate: u32, size: usize) -> Self {
        Self { rate, places: vec![None; size.next_multiple_of(CHOICES).max(CHOICES)] }
    }

    /// Whether a record of `session`, a hash, is taken at `now_us`; it is charged if so.
    pub fn takes(&mut self, session: u64, priority: Priority, now_us: i64) -> bool {
        let Some(bucket) = self.bucket(session, now_us) else { return true };
        let standing = Standing { pressure: bucket.pressure(now_us), cause: Reason::Quota };
        // No request is refused for one session, so where others are, not even what is vital is
        // taken. That is well before a bucket's deepest debt.
        let takes = !standing.refuses(false) && standing.keeps(priority, (session >> 48) as u16);
        if takes {
            bucket.take(1);
        }
        takes
    }

    fn bucket(&mut self, session: u64, now_us: i64) -> Option<&mut Bucket> {
        let sets = self.places.len() / CHOICES;
        let first = usize::try_from(session).unwrap_or_default() % sets * CHOICES;
        let set = self.places.get_mut(first..first + CHOICES)?;
        let own = |place: &Option<(u64, Bucket)>| place.is_some_and(|(of, _)| of == session);
        let calm = |place: &Option<(u64, Bucket)>| {
            place.is_none_or(|(_, mut bucket)| bucket.pressure(now_us) == 0)
        };
        let at = set.iter().position(own).or_else(|| {
            let at = set.iter().position(calm)?;
            set[at] = Some((session, Bucket::new(self.rate, now_us)));
            Some(at)
        })?;
        set[at].as_mut().map(|(_, bucket)| bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    /// How many of `records` are taken, sent evenly over a second.
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
    fn who_finds_no_place_is_not_followed() {
        let mut sessions = Sessions::new(10, 4);
        for session in 0..4 {
            assert!(taken(&mut sessions, session, Priority::Heartbeat, (0, 1_000)) < 100);
        }
        assert_eq!(taken(&mut sessions, 4, Priority::Heartbeat, (0, 1_000)), 1_000);
        assert!(taken(&mut sessions, 4, Priority::Heartbeat, (60, 1_000)) < 100);
    }
}
