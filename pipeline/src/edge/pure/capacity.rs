//! An edge's nominal capacity: each session reserves the nominal bitrates of what it fetches,
//! as long as it is active; a session that does not fit is refused as a whole, so that admitted
//! sessions keep what they have.

use std::collections::BTreeMap;

/// A session without requests for this long has ended, µs.
const SEEN_US: i64 = 10_000_000;
/// The most sessions; further ones are refused.
const MAX_SESSIONS: usize = 100_000;

/// What kind of track a session fetches; it reserves one rendition of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Video,
    Audio,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    video_kbps: u64,
    audio_kbps: u64,
    /// The order of arrival: earlier sessions stay.
    since: u64,
    seen_us: i64,
}

impl Session {
    fn kbps(&self) -> u64 {
        self.video_kbps + self.audio_kbps
    }
}

/// The sessions of an edge and what they reserve.
#[derive(Debug, Default)]
pub(crate) struct Capacity {
    sessions: BTreeMap<String, Session>,
    reserved_kbps: u64,
    arrivals: u64,
    forgotten_us: i64,
}

impl Capacity {
    /// Whether `session` may fetch a rendition of `kbps` from an edge with `available_kbps`. If so,
    /// the bitrate is reserved; if not, the session loses what it had reserved.
    ///
    /// An admitted session may change its rendition. When less is available than is reserved, the
    /// latest sessions are refused.
    pub(crate) fn admit(
        &mut self,
        session: &str,
        (kind, kbps): (Kind, u64),
        available_kbps: u64,
        now_us: i64,
    ) -> bool {
        self.forget(now_us);
        let before = self.sessions.get(session).copied();
        let mut after = before.unwrap_or(Session {
            video_kbps: 0,
            audio_kbps: 0,
            since: self.arrivals,
            seen_us: now_us,
        });
        match kind {
            Kind::Video => after.video_kbps = kbps,
            Kind::Audio => after.audio_kbps = kbps,
        }
        after.seen_us = now_us;
        let total = self.reserved_kbps - before.map_or(0, |b| b.kbps()) + after.kbps();
        let fits = total <= available_kbps
            || (before.is_some() && self.is_among_first(&after, available_kbps));
        let admitted = fits && (before.is_some() || self.sessions.len() < MAX_SESSIONS);
        if admitted {
            self.reserved_kbps = total;
            self.arrivals += u64::from(before.is_none());
            self.sessions.insert(session.to_owned(), after);
        } else if let Some(before) = before {
            self.reserved_kbps -= before.kbps();
            self.sessions.remove(session);
        }
        admitted
    }

    /// What the active sessions have reserved, kbit/s, and how many they are.
    pub(crate) fn load(&mut self, now_us: i64) -> (u64, u64) {
        self.forget(now_us);
        (self.reserved_kbps, self.sessions.len() as u64)
    }

    /// Whether it fits beside all sessions that arrived before it.
    fn is_among_first(&self, one: &Session, available_kbps: u64) -> bool {
        let before = self.sessions.values().filter(|other| other.since < one.since);
        before.map(Session::kbps).sum::<u64>() + one.kbps() <= available_kbps
    }

    /// Drops the sessions that have ended; once a second is enough.
    fn forget(&mut self, now_us: i64) {
        if (now_us - self.forgotten_us).abs() < 1_000_000 {
            return;
        }
        self.forgotten_us = now_us;
        self.sessions.retain(|_, session| {
            // Seen after now: the clock was set back since.
            session.seen_us = session.seen_us.min(now_us);
            now_us - session.seen_us < SEEN_US
        });
        self.reserved_kbps = self.sessions.values().map(Session::kbps).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: i64 = 1_000_000;
    const TOP: (Kind, u64) = (Kind::Video, 500);

    #[test]
    fn a_session_that_does_not_fit_is_refused_and_may_return_when_others_left() {
        let mut edge = Capacity::default();
        assert!(edge.admit("a", TOP, 1_100, 0) && edge.admit("b", TOP, 1_100, 0));
        assert!(edge.admit("a", (Kind::Audio, 64), 1_100, S));
        assert!(!edge.admit("c", TOP, 1_100, S));
        assert_eq!(edge.load(S), (1_064, 2));
        // b sends no more requests; c fits once b is dropped.
        assert!(edge.admit("a", TOP, 1_100, 9 * S) && !edge.admit("c", TOP, 1_100, 9 * S));
        assert!(edge.admit("c", TOP, 1_100, 11 * S));
        assert_eq!(edge.load(11 * S), (1_064, 2));
    }

    #[test]
    fn a_session_ends_even_if_the_clock_was_set_back() {
        let mut edge = Capacity::default();
        assert!(edge.admit("a", TOP, 1_100, 3_600 * S));
        assert_eq!(edge.load(0), (500, 1));
        assert_eq!(edge.load(11 * S), (0, 0));
    }

    #[test]
    fn an_admitted_session_may_change_its_rendition() {
        let mut edge = Capacity::default();
        assert!(edge.admit("a", (Kind::Video, 150), 600, 0));
        assert!(edge.admit("b", (Kind::Video, 150), 600, 0));
        // The first session may take more; the latest is then refused.
        assert!(edge.admit("a", TOP, 600, 1));
        assert!(!edge.admit("b", (Kind::Video, 150), 600, 2));
        assert_eq!(edge.load(3), (500, 1));
    }

    #[test]
    fn when_the_capacity_shrinks_the_latest_sessions_are_refused() {
        let mut edge = Capacity::default();
        let names: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        assert!(names.iter().all(|name| edge.admit(name, TOP, 5_000, 0)));
        let kept: Vec<bool> =
            names.iter().rev().map(|name| edge.admit(name, TOP, 1_500, 1)).collect();
        assert_eq!(kept.iter().filter(|kept| **kept).count(), 3);
        assert!(kept[7..].iter().all(|kept| *kept), "the first stay: {kept:?}");
        assert_eq!(edge.load(2), (1_500, 3));
    }

    proptest! {
        /// The sum is what the sessions hold, and no new session is admitted beyond the capacity.
        #[test]
        fn reservations_add_up(requests in prop::collection::vec((0_u8..30, 0_i64..40, any::<bool>()), 0..200), available_kbps in 0_u64..8_000) {
            let mut edge = Capacity::default();
            let mut now = 0;
            for (session, later, audio) in requests {
                now += later * 100_000;
                let kind = if audio { (Kind::Audio, 64) } else { TOP };
                let inside = edge.sessions.contains_key(&session.to_string());
                let admitted = edge.admit(&session.to_string(), kind, available_kbps, now);
                prop_assert!(inside || !admitted || edge.reserved_kbps <= available_kbps);
                let held: u64 = edge.sessions.values().map(Session::kbps).sum();
                prop_assert_eq!(held, edge.reserved_kbps);
            }
        }
    }
}
