//! The facts of an epoch in order of time, and what each put into the panes.
//!
//! Facts arrive in any order. The newest ones are kept in a [`Tail`]; what each put into the panes
//! follows from those before it, so only the cells are kept with it, which depend on other sessions
//! too. A fact that belongs further back takes the later ones out of the panes, goes in, and
//! lets them follow anew. So rows depend on the set of facts and not on the order of their
//! arrival. What is older than the horizon can no longer move: it is folded into `base`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fact::{Fact, Origin};
use super::machine::Machine;
use super::silences;
use super::states::States;
use super::stretch::{Going, Stretch};
use super::tail::{Mark, Tail};
use super::words::{Word, Words};
use crate::pure::dedupe::{Identity, Numbers, Seen};
use crate::pure::watermark::TIMEOUT_MS;
use crate::pure::window::{Stand, Windows};

/// Where an epoch's facts take effect.
#[derive(Debug)]
pub struct Panes<'a> {
    /// The panes.
    pub windows: &'a mut Windows,
    /// What is before this is final, Unix ms.
    pub horizon: i64,
    /// Facts that can be kept for reordering.
    pub capacity: usize,
    /// Records without a number that are remembered beyond those.
    pub unnumbered: usize,
    /// Words that sessions share.
    pub words: &'a mut Words,
    /// Stretches that are over and can no longer change.
    pub over: &'a mut Vec<Stretch>,
}

/// The facts of an epoch in order of time, and the state that follows from them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Timeline {
    /// Whose cells they count in.
    tenant: Arc<str>,
    states: States,
    recent: Tail,
    events_rule: bool,
    /// Records of which no fact is kept any more.
    pub(super) seen: Seen,
    /// Of the facts in `base`.
    going: Going,
}

impl Timeline {
    /// No facts, of a tenant's viewer.
    pub fn of(tenant: Arc<str>) -> Self {
        Self { tenant, ..Self::default() }
    }

    /// Whose viewer.
    pub(super) fn tenant(&self) -> &Arc<str> {
        &self.tenant
    }

    /// The session as of its newest fact.
    pub fn now(&self) -> &Machine {
        &self.states.head
    }

    /// The session as of the horizon.
    pub(super) fn base(&self) -> &Machine {
        &self.states.base
    }

    /// The facts that can still be reordered.
    pub(super) fn recent(&self) -> &Tail {
        &self.recent
    }

    /// Whether the record came before.
    pub(super) fn knows(&self, identity: &Identity) -> bool {
        if self.seen.is_ahead(identity, self.now().highest_sn()) {
            return false;
        }
        let is_it = |mark: Mark| mark.fact.id == identity.id && mark.fact.mode().is_some();
        self.recent.iter().any(is_it) || self.seen.contains(identity)
    }

    /// The numbers of all event reports that came.
    pub(super) fn numbers(&self) -> Numbers {
        let mut numbers = self.seen.numbers().clone();
        let recent = self.recent.iter().filter(|mark| mark.fact.mode() == Some(0));
        for sn in recent.filter_map(|mark| mark.fact.sn) {
            numbers.insert(sn);
        }
        numbers
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
        fact.at = fact.at.max(to.horizon).max(self.base().at());
        if fact.origin == Origin::Event && !fact.response && !self.events_rule {
            let requests = self.recent.iter().any(|mark| mark.fact.origin == Origin::Request);
            let facts = if requests { self.take_back(0, to) } else { Vec::new() };
            self.events_rule = true;
            self.push_again(facts, to);
        }
        if let Some(silence) = self.broken_silence(&fact) {
            self.take_back(silence, to);
            self.push(fact, to);
            return;
        }
        let order = fact.order();
        // Nearly always it belongs at the end.
        let behind = self.recent.last_at().is_some_and(|last| last >= fact.at);
        if behind && self.recent.last().is_some_and(|last| last.order() > order) {
            let at = self.recent.iter().take_while(|mark| mark.fact.order() <= order).count();
            self.insert_at(at, fact, to);
        } else {
            self.push(fact, to);
        }
    }

    /// Notes that log time has given the session up: it leaves where it was last seen.
    pub fn fall_silent(&mut self, to: &mut Panes<'_>) {
        if self.now().is_open() {
            self.insert(Fact::silence(self.now().last_seen()), to);
        }
    }

    /// Parts with the facts from `begin` on, which is `at` by our clock: that of edges. A silence at
    /// the end goes, too: what is left may have ended earlier.
    pub(super) fn part(&mut self, begin: i64, at: i64, to: &mut Panes<'_>) -> Vec<Fact> {
        let mut parted = Vec::new();
        self.redo(0, to, |facts| {
            let is_after = |fact: &Fact| fact.ts.get().map_or(fact.at >= at, |ts| ts >= begin);
            parted = facts.extract_if(.., |fact| is_after(fact)).collect();
            parted.retain(|fact| fact.origin != Origin::Silence);
            silences::retime(facts, |fact| fact.at);
        });
        parted
    }

    /// The player's clock is corrected by `skew_ms` from now on, for every fact that can
    /// still move.
    pub fn correct(&mut self, skew_ms: i64, to: &mut Panes<'_>) {
        self.fold(to);
        if self.recent.is_empty() {
            return;
        }
        let earliest = to.horizon.max(self.base().at());
        let was_open = self.now().is_open() || self.now().is_ended();
        self.redo(0, to, |facts| {
            silences::retime(facts, |fact| {
                let own = fact.ts.get().map(|ts| ts.saturating_add(skew_ms).max(earliest));
                own.unwrap_or(fact.at)
            });
        });
        if !was_open {
            self.fall_silent(to);
        }
    }

    /// The place of the silence that `fact` disproves: it is from a time at which the
    /// session was given up, yet not so much later that it was gone in between.
    fn broken_silence(&self, fact: &Fact) -> Option<usize> {
        if self.now().is_open() || self.now().is_ended() {
            return None;
        }
        let silence = self.recent.last().filter(|last| last.origin == Origin::Silence)?;
        let later = fact.at > silence.at && fact.at - self.now().last_seen() <= TIMEOUT_MS;
        later.then(|| self.recent.len() - 1)
    }

    fn fold(&mut self, to: &mut Panes<'_>) {
        while let Some(first_at) = self.recent.first_at()
            && (first_at < to.horizon || self.recent.len() >= to.capacity)
            && let Some(mark) = self.recent.pop_front()
        {
            // Where it is folded for want of room, a repetition is not late yet.
            let may_come = |one: &Identity| !one.is_of_its_time() || first_at >= to.horizon;
            if let Some(identity) = mark.fact.identity().filter(may_come) {
                self.seen.remember(&identity, to.unnumbered);
            }
            self.fold_one(&mark.fact, to.over);
        }
    }

    fn fold_one(&mut self, fact: &Fact, over: &mut Vec<Stretch>) {
        let before = *self.base().dimensions();
        self.states.base.apply(fact, self.events_rule);
        self.states.base.share(&self.states.head);
        self.going.follow(&self.states.base, fact.at, before, over);
    }

    /// Shares the name of its tenant again, which came out of a snapshot in full.
    pub(super) fn share_tenant(&mut self, tenant: Arc<str>) {
        self.tenant = tenant;
    }

    /// Every word in it.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> {
        let said = self.recent.all_said().flat_map(|said| said.words());
        self.now().words().chain(self.base().words()).chain(said)
    }

    /// The epoch is forgotten: nothing can move any more.
    pub(super) fn finish(&mut self, over: &mut Vec<Stretch>) {
        while let Some(mark) = self.recent.pop_front() {
            self.fold_one(&mark.fact, over);
        }
        self.going.end(self.base().last_seen(), *self.base().dimensions(), over);
    }

    /// The stretches that can still change, as they are now.
    pub(super) fn open_stretches(&self) -> Vec<Stretch> {
        let (mut over, mut going) = (Vec::new(), self.going.clone());
        let mut machine = self.states.base.clone();
        for Mark { fact, .. } in self.recent.iter() {
            let before = *machine.dimensions();
            machine.apply(&fact, self.events_rule);
            going.follow(&machine, fact.at, before, &mut over);
        }
        over.extend(going.as_now(machine.last_seen(), *machine.dimensions()));
        over
    }

    fn stand(&self) -> Option<Stand> {
        let presence = self.now().presence();
        self.recent.here().map(|cells| Stand { cells, presence })
    }

    /// Takes the facts from place `from` on out of the panes, lets `edit` change them, and
    /// puts them in again.
    fn redo(&mut self, from: usize, to: &mut Panes<'_>, edit: impl FnOnce(&mut Vec<Fact>)) {
        let mut facts = self.take_back(from, to);
        edit(&mut facts);
        self.push_again(facts, to);
    }

    /// Puts in again what was heard before.
    pub(super) fn push_again(&mut self, facts: Vec<Fact>, to: &mut Panes<'_>) {
        to.windows.set_heard_before(true);
        facts.into_iter().for_each(|fact| self.push(fact, to));
        to.windows.set_heard_before(false);
    }

    /// Takes the facts from place `from` on out of the panes.
    pub(super) fn take_back(&mut self, from: usize, to: &mut Panes<'_>) -> Vec<Fact> {
        let tail = self.recent.split_off(from);
        self.states.head = self.states.base.clone();
        for mark in self.recent.iter() {
            self.states.head.apply(&mark.fact, self.events_rule);
        }
        let (mut gone, mut before) = (self.states.head.clone(), self.stand().unwrap_or_default());
        let mut facts = Vec::with_capacity(tail.len());
        for Mark { fact, cells } in tail {
            let outcome = gone.apply(&fact, self.events_rule);
            let stand = Stand { cells, presence: outcome.presence };
            to.windows.shift(fact.at, &before, &stand, -1);
            to.windows.count(fact.at, &stand.cells, &outcome.counts, -1);
            before = stand;
            facts.push(fact);
        }
        facts
    }

    pub(super) fn push(&mut self, fact: Fact, to: &mut Panes<'_>) {
        let before = self.stand();
        let outcome = self.states.head.apply(&fact, self.events_rule);
        let same = before.as_ref().filter(|b| !outcome.moved && to.windows.are_alive(&b.cells));
        let cells = match same {
            Some(before) => before.cells,
            None => {
                let is_record = outcome.counts.event;
                to.windows.cells(&self.tenant, self.states.head.dimensions(), to.words, is_record)
            }
        };
        let stand = Stand { cells, presence: outcome.presence };
        to.windows.shift(fact.at, &before.unwrap_or_default(), &stand, 1);
        to.windows.count(fact.at, &stand.cells, &outcome.counts, 1);
        self.recent.push(&Mark { fact, cells });
    }
}
