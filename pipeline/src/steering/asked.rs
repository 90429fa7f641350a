//! The sessions that asked lately: where their places are, and which of them changed the edge.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::pure::inputs::Moves;
use super::pure::share::Routes;

/// A session that asked nothing for so long is gone, ms; players ask each TTL.
const ASKED_MS: i64 = 40_000;
/// Changes are remembered for so long: outcomes are written sooner, ms.
const MOVES_MS: i64 = 120_000;
/// Sessions remembered; beyond it the count of viewers is an estimate.
const SIDS: usize = 100_000;

/// The sessions that asked lately.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sids: HashMap<String, Seen>,
    /// By time; one entry for each second, pair of edges and cause.
    moves: VecDeque<Moves>,
}

#[derive(Debug)]
struct Seen {
    at: i64,
    /// The edge that its player said it uses.
    used: Option<String>,
    /// The edge that it was answered last.
    told: Option<String>,
}

impl Asked {
    /// Every critical section leaves it whole, so a poisoned lock is still good.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a session.
    pub(super) fn note(&self, sid: &str, now_ms: i64) {
        self.inner().seen(sid, now_ms);
    }

    /// Notes a session that says which edge it uses, and which it is answered. Who uses another
    /// than before went there because it was told so, or else by its own failover.
    pub(super) fn answer(&self, sid: &str, used: Option<&str>, told: &str, now_ms: i64) {
        let mut inner = self.inner();
        let Some(seen) = inner.seen(sid, now_ms) else { return };
        let told_before = seen.told.replace(told.to_owned());
        let Some(used) = used else { return };
        let before = seen.used.replace(used.to_owned());
        if let Some(from) = before.filter(|before| before != used) {
            let steered = told_before.as_deref() == Some(used);
            inner.moved(now_ms, from, used.to_owned(), steered);
        }
    }

    /// Their places by home, and how many are sent to each edge.
    pub(super) fn places(
        &self,
        routes: &Routes,
        now_ms: i64,
    ) -> (BTreeMap<String, Vec<u32>>, BTreeMap<String, i64>) {
        let mut inner = self.inner();
        inner.sids.retain(|_, seen| now_ms - seen.at < ASKED_MS);
        let mut places: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut sent: BTreeMap<String, i64> = BTreeMap::new();
        for sid in inner.sids.keys() {
            *sent.entry(routes.pathway(sid).edge).or_default() += 1;
            places.entry(routes.home(sid).to_owned()).or_default().push(Routes::place(sid));
        }
        places.values_mut().for_each(|places| places.sort_unstable());
        (places, sent)
    }

    /// Who changed the edge in the last two minutes.
    pub(super) fn moves(&self, now_ms: i64) -> Vec<Moves> {
        let mut inner = self.inner();
        while inner.moves.front().is_some_and(|moves| now_ms - moves.at >= MOVES_MS) {
            inner.moves.pop_front();
        }
        inner.moves.iter().cloned().collect()
    }
}

impl Inner {
    /// The session, `None` when there are too many to remember another.
    fn seen(&mut self, sid: &str, now_ms: i64) -> Option<&mut Seen> {
        if !self.sids.contains_key(sid) {
            if self.sids.len() >= SIDS {
                return None;
            }
            self.sids.insert(sid.to_owned(), Seen { at: now_ms, used: None, told: None });
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
        // Those of this second are at the end; the clock may have been set back meanwhile.
        let of_second = self.moves.iter_mut().rev().take_while(|one| one.at == at);
        match of_second.into_iter().find(same) {
            Some(one) => one.sessions += 1,
            None => self.moves.push_back(Moves { at, from, to, steered, sessions: 1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_told_is_told_from_who_fled() {
        let asked = Asked::default();
        for sid in ["told", "fled", "mute"] {
            asked.note(sid, 1_000);
            asked.answer(sid, (sid != "mute").then_some("e1"), "e1", 1_100);
        }
        // It fails over, and the answer confirms where it is by then.
        asked.answer("fled", Some("e2"), "e2", 5_100);
        asked.answer("told", Some("e1"), "e2", 5_200);
        asked.answer("mute", None, "e2", 5_200);
        asked.answer("told", Some("e2"), "e2", 10_200);
        let moves =
            |at, steered| Moves { at, from: "e1".into(), to: "e2".into(), steered, sessions: 1 };
        assert_eq!(asked.moves(11_000), [moves(5_000, false), moves(10_000, true)]);
        assert!(asked.moves(200_000).is_empty());
    }
}
