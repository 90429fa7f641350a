//! The sessions seen lately: their places, and which of them changed the edge.

use std::collections::{BTreeMap, HashMap, VecDeque};

use parking_lot::Mutex;
use tallylight_schemas::ident::hash;

use super::pure::inputs::Moves;
use super::pure::share::Routes;

/// Sessions remembered individually; beyond that the count of viewers is an estimate.
const SIDS: usize = 100_000;
/// Of the sessions beyond, one in this many is sampled by a hash and stands for as many.
const ONE_IN: u64 = 64;
/// Entries of changes remembered; the oldest are dropped.
const MOVES: usize = 60_000;

/// The sessions seen lately.
#[derive(Debug, Default)]
pub(super) struct RecentSessions(Mutex<Inner>);

/// Where the sessions seen lately are sent.
#[derive(Debug, Default)]
pub(super) struct Placements {
    /// Their places by home, ascending; not all sessions can be remembered.
    pub(super) places: BTreeMap<String, Vec<u32>>,
    /// Sessions that each of the places stands for, at least 1.
    pub(super) stands_for: f64,
    /// How many sessions are sent to each edge, including those that are not remembered.
    pub(super) sent: BTreeMap<String, i64>,
}

#[derive(Debug, Default)]
struct Inner {
    sids: HashMap<String, Seen>,
    /// A sample of the sessions that are not remembered individually: the hash of a sid, and the
    /// time of its last request.
    beyond: HashMap<u64, i64>,
    /// By time; one entry for each second, pair of edges and cause.
    moves: VecDeque<Moves>,
}

#[derive(Debug)]
struct Seen {
    at: i64,
    /// The edge that its player reported using.
    used: Option<String>,
    /// The edge in the last answer to it.
    answered: Option<String>,
}

impl RecentSessions {
    /// Records a session.
    pub(super) fn note(&self, sid: &str, now_ms: i64) {
        self.0.lock().seen(sid, now_ms);
    }

    /// Records the edge that a session reports using, and the one in the answer to it. A session
    /// that changed the edge went there because the last answer said so, or else by its own
    /// failover.
    pub(super) fn answer(&self, sid: &str, used: Option<&str>, answered: &str, now_ms: i64) {
        let mut inner = self.0.lock();
        let Some(seen) = inner.seen(sid, now_ms) else { return };
        let answered_before = seen.answered.replace(answered.to_owned());
        let Some(used) = used else { return };
        let before = seen.used.replace(used.to_owned());
        if let Some(from) = before.filter(|before| before != used) {
            let steered = answered_before.as_deref() == Some(used);
            inner.moved(now_ms, from, used.to_owned(), steered);
        }
    }

    /// Where the sessions are sent; a session without a request for `gone_ms` is forgotten.
    pub(super) fn placements(&self, routes: &Routes, gone_ms: i64, now_ms: i64) -> Placements {
        let mut inner = self.0.lock();
        inner.sids.retain(|_, seen| now_ms - seen.at < gone_ms);
        inner.beyond.retain(|_, at| now_ms - *at < gone_ms);
        let known = inner.sids.len().max(1) as f64;
        let beyond = inner.beyond.len() as f64 * ONE_IN as f64;
        let mut found =
            Placements { stands_for: (known + beyond) / known, ..Placements::default() };
        for sid in inner.sids.keys() {
            *found.sent.entry(routes.pathway(sid).edge).or_default() += 1;
            found.places.entry(routes.home(sid).to_owned()).or_default().push(Routes::place(sid));
        }
        for sent in found.sent.values_mut() {
            *sent = (*sent as f64 * found.stands_for).round() as i64;
        }
        found.places.values_mut().for_each(|places| places.sort_unstable());
        found
    }

    /// The changes of edge in the last `within_ms`.
    pub(super) fn moves(&self, within_ms: i64, now_ms: i64) -> Vec<Moves> {
        let mut inner = self.0.lock();
        while inner.moves.front().is_some_and(|moves| now_ms - moves.at >= within_ms) {
            inner.moves.pop_front();
        }
        inner.moves.iter().cloned().collect()
    }
}

impl Inner {
    /// The session; `None` when there are too many to remember another.
    fn seen(&mut self, sid: &str, now_ms: i64) -> Option<&mut Seen> {
        if !self.sids.contains_key(sid) {
            let key = hash("beyond", sid);
            if self.sids.len() >= SIDS {
                let sampled = key.is_multiple_of(ONE_IN);
                if sampled && (self.beyond.len() < SIDS || self.beyond.contains_key(&key)) {
                    self.beyond.insert(key, now_ms);
                }
                return None;
            }
            // It is remembered individually now.
            self.beyond.remove(&key);
            self.sids.insert(sid.to_owned(), Seen { at: now_ms, used: None, answered: None });
        }
        let seen = self.sids.get_mut(sid)?;
        seen.at = now_ms;
        Some(seen)
    }

    fn moved(&mut self, now_ms: i64, from: String, to: String, steered: bool) {
        let at = now_ms.div_euclid(1_000) * 1_000;
        let same = |one: &&mut Moves| {
            (one.at, &one.from, &one.to, one.steered) == (at, &from, &to, steered)
        };
        // Entries of this second are at the end; the clock may have been set back meanwhile.
        let of_second = self.moves.iter_mut().rev().take_while(|one| one.at == at);
        match of_second.into_iter().find(same) {
            Some(one) => one.sessions += 1,
            None => self.moves.push_back(Moves { at, from, to, steered, sessions: 1 }),
        }
        if self.moves.len() > MOVES {
            self.moves.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_steering_moved_are_told_from_those_that_fled() {
        let sessions = RecentSessions::default();
        for sid in ["moved", "fled", "mute"] {
            sessions.note(sid, 1_000);
            sessions.answer(sid, (sid != "mute").then_some("e1"), "e1", 1_100);
        }
        // It fails over, and by then the answer confirms its edge.
        sessions.answer("fled", Some("e2"), "e2", 5_100);
        sessions.answer("moved", Some("e1"), "e2", 5_200);
        sessions.answer("mute", None, "e2", 5_200);
        sessions.answer("moved", Some("e2"), "e2", 10_200);
        let moves =
            |at, steered| Moves { at, from: "e1".into(), to: "e2".into(), steered, sessions: 1 };
        assert_eq!(sessions.moves(120_000, 11_000), [moves(5_000, false), moves(10_000, true)]);
        assert!(sessions.moves(120_000, 200_000).is_empty());
    }

    fn routes() -> Routes {
        Routes::new([("e1".to_owned(), 100), ("e2".to_owned(), 100)])
    }

    #[test]
    fn a_session_that_asks_seldom_is_counted_until_two_requests_are_missing() {
        let (sessions, routes) = (RecentSessions::default(), routes());
        (0..100).for_each(|n| sessions.note(&format!("viewer-{n}"), n * 3_000));
        let sent =
            |now_ms| sessions.placements(&routes, 605_000, now_ms).sent.values().sum::<i64>();
        assert_eq!((sent(300_000), sent(604_999)), (100, 100));
        assert_eq!(sent(605_000), 99);
    }

    #[test]
    fn sessions_beyond_the_limit_are_counted_all_the_same() {
        let (sessions, routes) = (RecentSessions::default(), routes());
        // Each asks twice: sessions count, not requests.
        for _ in 0..2 {
            (0..SIDS + 50_000).for_each(|n| sessions.note(&format!("viewer-{n}"), 1_000));
        }
        let found = sessions.placements(&routes, 40_000, 2_000);
        let known: usize = found.places.values().map(Vec::len).sum();
        assert_eq!(known, SIDS);
        let sent: i64 = found.sent.values().sum();
        assert!((145_000..155_000).contains(&sent), "{sent}");
        // The others have left; a session that goes on is now remembered, and is counted once.
        (SIDS..SIDS + 50_000).for_each(|n| sessions.note(&format!("viewer-{n}"), 30_000));
        sessions.placements(&routes, 40_000, 41_000);
        (SIDS..SIDS + 50_000).for_each(|n| sessions.note(&format!("viewer-{n}"), 42_000));
        let found = sessions.placements(&routes, 40_000, 43_000);
        assert_eq!((found.sent.values().sum::<i64>(), found.stands_for), (50_000, 1.0));
    }
}
