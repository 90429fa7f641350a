//! The facts of an epoch in order of time, and their effect on the panes.
//!
//! Facts arrive in any order. The newest ones are kept in a [`Tail`]. The effect of each follows
//! from those before it, so only its cells are kept with it, as these depend on other sessions too.
//! When a fact belongs further back, the effects of later ones are undone, it is inserted, and the
//! later ones are applied again. So rows depend on the set of facts and not on the order of
//! arrival. Facts before the horizon can no longer move: they are folded into `base`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fact::{Fact, Origin};
use super::machine::Machine;
use super::silences;
use super::span::{Going, Span};
use super::states::States;
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
    /// Everything before this is final, Unix ms.
    pub horizon: i64,
    /// Facts that can be kept for reordering.
    pub capacity: usize,
    /// Further records without a number that are remembered.
    pub unnumbered: usize,
    /// Words that sessions share.
    pub words: &'a mut Words,
    /// Spans that are over and can no longer change.
    pub over: &'a mut Vec<Span>,
}

/// The facts of an epoch in order of time, and the state that follows from them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Timeline {
    /// In whose cells they count.
    tenant: Arc<str>,
    states: States,
    recent: Tail,
    /// The player sends event reports, so its requests do not move the state.
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

    /// The viewer's tenant.
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

    /// Whether the record arrived before.
    pub(super) fn knows(&self, identity: &Identity) -> bool {
        if self.seen.is_ahead(identity, self.now().highest_sn()) {
            return false;
        }
        let is_it = |mark: Mark| mark.fact.id == identity.id && mark.fact.mode().is_some();
        self.recent.iter().any(is_it) || self.seen.contains(identity)
    }

    /// The numbers of all event reports that arrived.
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
        // Nearly always its place is the end.
        let behind = self.recent.last_at().is_some_and(|last| last >= fact.at);
        if behind && self.recent.last().is_some_and(|last| last.order() > order) {
            let at = self.recent.iter().take_while(|mark| mark.fact.order() <= order).count();
            self.insert_at(at, fact, to);
        } else {
            self.push(fact, to);
        }
    }

    /// Ends the session for its silence, at the time at which it was last seen.
    pub fn fall_silent(&mut self, to: &mut Panes<'_>) {
        if self.now().is_open() {
            self.insert(Fact::silence(self.now().last_seen()), to);
        }
    }

    /// Takes out the facts from `begin` on, which is `at` by our clock (edges use that). A silence
    /// at the end is dropped: what is left may have ended earlier.
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

    /// Corrects the player's clock by `skew_ms` from now on, and for every fact that can still
    /// move.
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

    /// The place of the silence that `fact` disproves: it is of a time at which the session was
    /// given up, and not so much later that it had been gone in between.
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
            // If it is folded for lack of room, a repetition may still arrive in time.
            let may_come = |one: &Identity| !one.is_of_its_time() || first_at >= to.horizon;
            if let Some(identity) = mark.fact.identity().filter(may_come) {
                self.seen.remember(&identity, to.unnumbered);
            }
            self.fold_one(&mark.fact, to.over);
        }
    }

    fn fold_one(&mut self, fact: &Fact, over: &mut Vec<Span>) {
        let before = *self.base().dimensions();
        self.states.base.apply(fact, self.events_rule);
        self.states.base.share(&self.states.head);
        self.going.follow(&self.states.base, fact.at, before, over);
    }

    /// Shares the tenant's name again after a snapshot, in which each session has its own.
    pub(super) fn share_tenant(&mut self, tenant: Arc<str>) {
        self.tenant = tenant;
    }

    /// Every word in it.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> {
        let said = self.recent.all_said().flat_map(|said| said.words());
        self.now().words().chain(self.base().words()).chain(said)
    }

    /// Folds all facts: the epoch is forgotten, and nothing can move any more.
    pub(super) fn finish(&mut self, over: &mut Vec<Span>) {
        while let Some(mark) = self.recent.pop_front() {
            self.fold_one(&mark.fact, over);
        }
        self.going.end(self.base().last_seen(), *self.base().dimensions(), over);
    }

    /// The spans that can still change, as they are now.
    pub(super) fn open_spans(&self) -> Vec<Span> {
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

    /// Undoes the facts from place `from` on, lets `edit` change them, and applies them again.
    fn redo(&mut self, from: usize, to: &mut Panes<'_>, edit: impl FnOnce(&mut Vec<Fact>)) {
        let mut facts = self.take_back(from, to);
        edit(&mut facts);
        self.push_again(facts, to);
    }

    /// Applies facts again that had arrived before.
    pub(super) fn push_again(&mut self, facts: Vec<Fact>, to: &mut Panes<'_>) {
        to.windows.set_heard_before(true);
        facts.into_iter().for_each(|fact| self.push(fact, to));
        to.windows.set_heard_before(false);
    }

    /// Undoes the facts from place `from` on in the panes, and answers them.
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
