//! The facts of an epoch in order of time, and what each put into the panes.
//!
//! Facts arrive in any order. The newest ones are kept with the stand and the counts that
//! followed from them; a fact that belongs further back takes the later ones out of the
//! panes, goes in, and lets them follow anew. So rows depend on the set of facts and not on
//! the order of their arrival. What is older than the horizon can no longer move: it is
//! folded into `base`.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fact::{Fact, Origin};
use super::machine::Machine;
use super::stretch::{Going, Stretch};
use crate::pure::watermark::TIMEOUT_MS;
use crate::pure::window::{Counts, Stand, Windows};

/// Where an epoch's facts take effect.
#[derive(Debug)]
pub struct Panes<'a> {
    /// The panes.
    pub windows: &'a mut Windows,
    /// Whose they are.
    pub tenant: &'a Arc<str>,
    /// What is before this is final, Unix ms.
    pub horizon: i64,
    /// Facts that can be kept for reordering.
    pub capacity: usize,
    /// Stretches that are over and can no longer change.
    pub over: &'a mut Vec<Stretch>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mark {
    fact: Fact,
    stand: Stand,
    counts: Counts,
}

/// See the module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Timeline {
    base: Machine,
    base_stand: Option<Stand>,
    recent: VecDeque<Mark>,
    head: Machine,
    events_rule: bool,
    /// Of the facts in `base`.
    going: Going,
}

impl Timeline {
    /// The session as of its newest fact.
    pub fn now(&self) -> &Machine {
        &self.head
    }

    /// Facts kept for reordering.
    pub fn len(&self) -> usize {
        self.recent.len()
    }

    /// Whether no fact is kept.
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    /// Puts a fact in its place.
    pub fn insert(&mut self, mut fact: Fact, to: &mut Panes<'_>) {
        self.fold(to);
        fact.at = fact.at.max(to.horizon).max(self.base.at());
        if fact.origin == Origin::Event && !self.events_rule {
            self.events_rule = true;
            if self.recent.iter().any(|mark| mark.fact.origin == Origin::Request) {
                self.redo(0, to, |_| {});
            }
        }
        if let Some(silence) = self.broken_silence(&fact) {
            self.redo(silence, to, |facts| {
                facts.remove(0);
                facts.push(fact);
            });
            return;
        }
        let order = fact.order();
        // Nearly always it belongs at the end, and a search would miss the caches all the way.
        let at = match self.recent.back() {
            Some(last) if last.fact.order() > order => {
                self.recent.partition_point(|mark| mark.fact.order() <= order)
            }
            _ => self.recent.len(),
        };
        if at == self.recent.len() {
            self.push(fact, to);
        } else {
            self.redo(at, to, |facts| facts.insert(0, fact));
        }
    }

    /// Notes that log time has given the session up: it leaves where it was last seen.
    pub fn fall_silent(&mut self, to: &mut Panes<'_>) {
        if self.head.is_open() {
            self.insert(Fact::silence(self.head.last_seen()), to);
        }
    }

    /// The player's clock is corrected by `skew_ms` from now on, for every fact that can
    /// still move.
    pub fn correct(&mut self, skew_ms: i64, to: &mut Panes<'_>) {
        self.fold(to);
        if self.recent.is_empty() {
            return;
        }
        let earliest = to.horizon.max(self.base.at());
        let was_open = self.head.is_open() || self.head.is_ended();
        self.redo(0, to, |facts| {
            facts.retain(|fact| fact.origin != Origin::Silence);
            for fact in facts.iter_mut() {
                if let Some(ts) = fact.ts {
                    fact.at = ts.saturating_add(skew_ms).max(earliest);
                }
            }
            facts.sort_by_key(Fact::order);
        });
        if !was_open {
            self.fall_silent(to);
        }
    }

    /// The place of the silence that `fact` disproves: it is from a time at which the
    /// session was given up, yet not so much later that it was gone in between.
    fn broken_silence(&self, fact: &Fact) -> Option<usize> {
        if self.head.is_open() || self.head.is_ended() {
            return None;
        }
        let silence = self.recent.back().filter(|mark| mark.fact.origin == Origin::Silence)?;
        let later = fact.at > silence.fact.at && fact.at - self.head.last_seen() <= TIMEOUT_MS;
        later.then(|| self.recent.len() - 1)
    }

    fn fold(&mut self, to: &mut Panes<'_>) {
        while let Some(front) = self.recent.front()
            && (front.fact.at < to.horizon || self.recent.len() >= to.capacity)
            && let Some(mark) = self.recent.pop_front()
        {
            self.fold_one(&mark, to.over);
        }
    }

    fn fold_one(&mut self, mark: &Mark, over: &mut Vec<Stretch>) {
        let outcome = self.base.apply(&mark.fact, self.events_rule);
        self.going.follow(&self.base, mark.fact.at, outcome.moved, over);
        self.base_stand = Some(mark.stand);
    }

    /// The epoch is forgotten: nothing can move any more.
    pub(super) fn finish(&mut self, over: &mut Vec<Stretch>) {
        while let Some(mark) = self.recent.pop_front() {
            self.fold_one(&mark, over);
        }
        self.going.end(self.base.last_seen(), over);
    }

    /// The stretches that can still change, as they are now.
    pub(super) fn open_stretches(&self) -> Vec<Stretch> {
        let (mut over, mut rest) = (Vec::new(), self.clone());
        rest.finish(&mut over);
        over
    }

    fn stand(&self) -> Option<Stand> {
        self.recent.back().map(|mark| mark.stand).or(self.base_stand)
    }

    /// Takes the facts from place `from` on out of the panes, lets `edit` change them, and
    /// puts them in again.
    fn redo(&mut self, from: usize, to: &mut Panes<'_>, edit: impl FnOnce(&mut Vec<Fact>)) {
        let tail = self.recent.split_off(from);
        let mut before = self.stand().unwrap_or_default();
        for mark in &tail {
            to.windows.shift(mark.fact.at, &before, &mark.stand, -1);
            to.windows.count(mark.fact.at, &mark.stand.cells, &mark.counts, -1);
            before = mark.stand;
        }
        self.head = self.base.clone();
        for mark in &self.recent {
            self.head.apply(&mark.fact, self.events_rule);
        }
        let mut facts: Vec<Fact> = tail.into_iter().map(|mark| mark.fact).collect();
        edit(&mut facts);
        for fact in facts {
            self.push(fact, to);
        }
    }

    fn push(&mut self, fact: Fact, to: &mut Panes<'_>) {
        let before = self.stand();
        let outcome = self.head.apply(&fact, self.events_rule);
        let same = before.filter(|b| !outcome.moved && to.windows.are_alive(&b.cells));
        let cells = match same {
            Some(before) => before.cells,
            None => to.windows.cells(to.tenant, self.head.dimensions()),
        };
        let stand = Stand { cells, presence: outcome.presence };
        to.windows.shift(fact.at, &before.unwrap_or_default(), &stand, 1);
        to.windows.count(fact.at, &cells, &outcome.counts, 1);
        self.recent.push_back(Mark { fact, stand, counts: outcome.counts });
    }
}
