//! Edges often report a session's first requests before the player's first beacon arrives. These
//! open no session; they wait for it here.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::fact::Fact;
use super::said::Said;
use super::words::Word;

/// Facts kept per sid.
const PER_SID: usize = 16;

/// Facts of sessions that are not open yet, by hash of (tenant, sid).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Pending {
    facts: FxHashMap<u64, Vec<Fact>>,
    order: VecDeque<u64>,
}

impl Pending {
    /// Keeps a fact; beyond `capacity` sids the first to arrive is forgotten.
    pub(super) fn push(&mut self, sid: u64, fact: Fact, capacity: usize) {
        if !self.facts.contains_key(&sid) {
            self.order.push_back(sid);
        }
        let facts = self.facts.entry(sid).or_default();
        facts.push(fact);
        facts.sort_by_key(Fact::order);
        if facts.len() > PER_SID {
            facts.remove(0);
        }
        while self.order.len() > capacity {
            if let Some(oldest) = self.order.pop_front() {
                self.facts.remove(&oldest);
            }
        }
    }

    /// Takes the facts of a session that opens: those after `horizon`, and the newest before.
    pub(super) fn take(&mut self, sid: u64, horizon: i64) -> Vec<Fact> {
        let Some(mut facts) = self.facts.remove(&sid) else { return Vec::new() };
        self.order.retain(|waiting| *waiting != sid);
        let older = facts.partition_point(|fact| fact.at < horizon);
        facts.drain(..older.saturating_sub(1));
        facts
    }

    /// Every word in them.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> {
        let said = self.facts.values().flatten().filter_map(|fact| fact.said);
        said.flat_map(Said::words)
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_hands_out_what_still_matters() {
        let mut pending = Pending::default();
        for at in 0..100 {
            pending.push(7, Fact::silence(at), 4);
        }
        let ats: Vec<i64> = pending.take(7, 95).iter().map(|fact| fact.at).collect();
        assert_eq!(ats, [94, 95, 96, 97, 98, 99]);
        for sid in 0..100 {
            pending.push(sid, Fact::silence(0), 4);
        }
        assert_eq!((pending.len(), pending.order.len()), (4, 4));
    }
}
