//! An edge's nominal capacity: each session reserves the nominal bitrates of what it fetches,
//! as long as it is seen; a session that does not fit is refused as a whole, so that those
//! inside keep what they have.

use std::collections::BTreeMap;

/// A session that asks for nothing for so long has gone, µs.
const SEEN_US: i64 = 10_000_000;
/// Sessions remembered; beyond that new ones are refused.
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
    /// Who came first stays.
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
    /// Whether `session` may fetch a rendition of `kbps` from an edge with `room_kbps`. If so,
    /// it has reserved it; if not, it has lost what it had reserved.
    ///
    /// A session that is inside may change its rendition. When there is less room than is
    /// reserved, those who came last have to go.
    pub(crate) fn admit(
        &mut self,
        session: &str,
        (kind, kbps): (Kind, u64),
        room_kbps: u64,
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
        let fits =
            total <= room_kbps || (before.is_some() && self.is_among_first(&after, room_kbps));
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

    /// What the sessions of the last seconds have reserved, and how many they are.
    pub(crate) fn load(&mut self, now_us: i64) -> (u64, u64) {
        self.forget(now_us);
        (self.reserved_kbps, self.sessions.len() as u64)
    }

    /// Whether there is room for it beside all who came before it.
    fn is_among_first(&self, one: &Session, room_kbps: u64) -> bool {
        let before = self.sessions.values().filter(|other| other.since < one.since);
        before.map(Session::kbps).sum::<u64>() + one.kbps() <= room_kbps
    }

    /// Drops the sessions that have gone; once a second is soon enough.
    fn forget(&mut self, now_us: i64) {
        if (now_us - self.forgotten_us).abs() < 1_000_000 {
            return;
        }
        self.forgotten_us = now_us;
        self.sessions.retain(|_, session| now_us - session.seen_us < SEEN_US);
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
    fn whoever_does_not_fit_is_refused_and_may_come_back_when_others_left() {
        let mut edge = Capacity::default();
        assert!(edge.admit("a", TOP, 1_100, 0) && edge.admit("b", TOP, 1_100, 0));
        assert!(edge.admit("a", (Kind::Audio, 64), 1_100, S));
        assert!(!edge.admit("c", TOP, 1_100, S));
        assert_eq!(edge.load(S), (1_064, 2));
        // b is not seen again; c fits once b is forgotten.
        assert!(edge.admit("a", TOP, 1_100, 9 * S) && !edge.admit("c", TOP, 1_100, 9 * S));
        assert!(edge.admit("c", TOP, 1_100, 11 * S));
        assert_eq!(edge.load(11 * S), (1_064, 2));
    }

    #[test]
    fn a_session_inside_may_change_its_rendition() {
        let mut edge = Capacity::default();
        assert!(edge.admit("a", (Kind::Video, 150), 600, 0));
        assert!(edge.admit("b", (Kind::Video, 150), 600, 0));
        // The one that was first may take more; the last in line then has to go.
        assert!(edge.admit("a", TOP, 600, 1));
        assert!(!edge.admit("b", (Kind::Video, 150), 600, 2));
        assert_eq!(edge.load(3), (500, 1));
    }

    #[test]
    fn when_the_room_shrinks_the_last_have_to_go() {
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
        /// The sum is what the sessions hold, and nobody new is let in beyond the room.
        #[test]
        fn the_books_balance(asks in prop::collection::vec((0_u8..30, 0_i64..40, any::<bool>()), 0..200), room in 0_u64..8_000) {
            let mut edge = Capacity::default();
            let mut now = 0;
            for (who, later, audio) in asks {
                now += later * 100_000;
                let kind = if audio { (Kind::Audio, 64) } else { TOP };
                let inside = edge.sessions.contains_key(&who.to_string());
                let admitted = edge.admit(&who.to_string(), kind, room, now);
                prop_assert!(inside || !admitted || edge.reserved_kbps <= room);
                let held: u64 = edge.sessions.values().map(Session::kbps).sum();
                prop_assert_eq!(held, edge.reserved_kbps);
            }
        }
    }
}
