//! Every session of a partition: found by sid, ended by log time, bounded.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tallylight_schemas::ident;
use tallylight_schemas::session::{SessionRow, SpanRow};

use super::dimensions::Dimensions;
use super::epoch::{Epoch, Queue};
use super::pending::Pending;
use super::slots::Slots;
use super::span::Span;
use super::timeline::Panes;
use super::words::Words;
use crate::pure::dedupe::Tombstones;
use crate::pure::limits::Limits;
use crate::pure::watermark::{HORIZON_MS, TIMEOUT_MS};
use crate::pure::window::Windows;

/// The sessions of a partition. Ended ones are kept whole for a while, so that late records find
/// them, and then as tombstones. Serde leaves out the sessions themselves and what follows from
/// them: they are in a [copy](super::copy).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sessions {
    #[serde(skip)]
    pub(super) slots: Slots,
    pub(super) free: Vec<u32>,
    #[serde(skip)]
    pub(super) open: BTreeSet<(i64, u32)>,
    #[serde(skip)]
    pub(super) closed: BTreeSet<(i64, u32)>,
    pub(super) stones: Tombstones,
    pub(super) pending: Pending,
    pub(super) limits: Limits,
    pub(super) lost: i64,
    pub(super) words: Words,
    /// Not handed out yet; empty between two entries.
    #[serde(skip)]
    pub(super) over: Over,
}

/// Rows that can no longer change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Over {
    /// Sessions that are forgotten now.
    pub sessions: Vec<SessionRow>,
    /// Spans of these sessions and of others.
    pub spans: Vec<SpanRow>,
}

/// A session at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    /// Which playback of its sid.
    pub epoch: u32,
    /// Its dimensions then.
    pub dimensions: &'a Dimensions,
    /// The words that these refer to.
    pub(crate) words: &'a Words,
}

/// What a session operation works on.
#[derive(Debug)]
pub struct Now<'a> {
    /// The panes.
    pub windows: &'a mut Windows,
    /// Log time, Unix ms.
    pub log: i64,
}

impl Now<'_> {
    pub(super) fn panes<'b>(
        &'b mut self,
        limits: &Limits,
        words: &'b mut Words,
        over: &'b mut Vec<Span>,
    ) -> Panes<'b> {
        Panes {
            windows: self.windows,
            horizon: self.log - HORIZON_MS,
            capacity: limits.recent,
            unnumbered: limits.seen,
            words,
            over,
        }
    }
}

impl Sessions {
    /// No sessions.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(in crate::pure) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub(super) fn find(&self, tenant: &str, sid: &str) -> Option<u32> {
        self.slots.find(tenant, sid)
    }

    pub(super) fn epoch(&self, slot: u32) -> Option<&Epoch> {
        self.slots.get(slot)
    }

    /// Lets `act` change an epoch, and moves it to the queue it belongs in afterwards.
    pub(super) fn with<T>(
        &mut self,
        slot: u32,
        now: &mut Now<'_>,
        act: impl FnOnce(&mut Epoch, &mut Panes<'_>) -> T,
    ) -> Option<T> {
        let epoch = self.slots.get_mut(slot)?;
        let shown = epoch.shown();
        let lost = epoch.timeline.now().lost();
        let mut over = Vec::new();
        let out = act(epoch, &mut now.panes(&self.limits, &mut self.words, &mut over));
        let row = |span: Span| span.row(epoch.playback(), &self.words);
        self.over.spans.extend(over.into_iter().map(row));
        self.lost += epoch.timeline.now().lost() - lost;
        let queue = match (epoch.queue, epoch.timeline.now().is_open()) {
            (Queue::Open(_), true) | (Queue::Closed(_), false) => None,
            (_, true) => Some(Queue::Open(now.log + TIMEOUT_MS)),
            (_, false) => Some(Queue::Closed(now.log)),
        };
        if epoch.shown() != shown {
            self.slots.show(slot);
        }
        if let Some(queue) = queue {
            self.requeue(slot, queue);
        }
        Some(out)
    }

    fn requeue(&mut self, slot: u32, queue: Queue) {
        let Some(epoch) = self.slots.get_mut(slot) else { return };
        match std::mem::replace(&mut epoch.queue, queue) {
            Queue::Open(at) => self.open.remove(&(at, slot)),
            Queue::Closed(at) => self.closed.remove(&(at, slot)),
        };
        match queue {
            Queue::Open(at) => self.open.insert((at, slot)),
            Queue::Closed(at) => self.closed.insert((at, slot)),
        };
    }

    /// Makes `epoch` the current one of its sid.
    pub(super) fn add(&mut self, epoch: Epoch) -> u32 {
        let queue = epoch.queue;
        let slot = self.free.pop().unwrap_or_else(|| self.slots.grow());
        self.slots.put(slot, epoch);
        self.requeue(slot, queue);
        self.slots.name(slot);
        slot
    }

    /// Ends every session that has been silent until `now`, in order, each as of the moment
    /// it was given up: an entry that comes after a long pause must not make sessions last
    /// through it.
    pub fn time_out(&mut self, now: &mut Now<'_>) {
        while let Some((deadline, slot)) = self.open.first().copied()
            && deadline <= now.log
        {
            let heard_at = self.epoch(slot).map_or(deadline, |epoch| epoch.heard_at);
            let due = heard_at + TIMEOUT_MS;
            if due > deadline {
                self.requeue(slot, Queue::Open(due));
                continue;
            }
            self.give_up(slot, &mut Now { windows: now.windows, log: deadline });
        }
        while self.open.len() > self.limits.sessions
            && let Some((deadline, slot)) = self.open.first().copied()
        {
            // The place in the queue is old: a session heard since is not the most silent one.
            let due = self.epoch(slot).map_or(deadline, |epoch| epoch.heard_at + TIMEOUT_MS);
            if due > deadline {
                self.requeue(slot, Queue::Open(due));
                continue;
            }
            self.give_up(slot, now);
        }
        while let Some((ended, slot)) = self.closed.first().copied()
            && self.may_forget(ended, now.log)
        {
            self.forget(slot);
        }
        self.drop_words();
    }

    /// Whether an ended session is to be forgotten. When all viewers leave at once, records still
    /// on their way must find their sessions: these stay until the horizon while there is room.
    fn may_forget(&self, ended: i64, log: i64) -> bool {
        let (open, closed) = (self.open.len(), self.closed.len());
        let no_room = open + closed > self.limits.sessions;
        let many = closed > self.limits.closed && (no_room || ended + HORIZON_MS <= log);
        many || ended + self.limits.closed_ms <= log
    }

    /// Drops words that nothing refers to. Between two records only sessions and pending facts do.
    fn drop_words(&mut self) {
        if self.words.are_many(self.open.len() + self.closed.len()) {
            let used = self.slots.all().flat_map(Epoch::words).chain(self.pending.words());
            self.words.keep(used);
        }
    }

    fn give_up(&mut self, slot: u32, now: &mut Now<'_>) {
        self.with(slot, now, |epoch, panes| epoch.timeline.fall_silent(panes));
    }

    fn forget(&mut self, slot: u32) {
        // The previous epoch first: it goes into the same tombstone.
        let Some(epoch) = self.epoch(slot) else { return };
        let (tenant, sid) = (Arc::clone(epoch.tenant()), epoch.sid.text());
        let is_newest = self.find(&tenant, &sid) == Some(slot);
        if let Some(previous) = epoch.kin().previous.filter(|_| is_newest) {
            self.forget(previous);
        }
        let Some(mut epoch) = self.slots.take(slot) else { return };
        // Before its facts, which have their numbers, are taken out.
        let past = epoch.past();
        self.say_goodbye(&mut epoch);
        match epoch.queue {
            Queue::Open(at) => self.open.remove(&(at, slot)),
            Queue::Closed(at) => self.closed.remove(&(at, slot)),
        };
        self.free.push(slot);
        // Its own past goes on together with those of the playbacks before it.
        let mut before = epoch.kin.take().and_then(|kin| kin.before).unwrap_or_default();
        before.bury(past);
        if !is_newest {
            let newest = self.find(&tenant, &sid);
            if let Some(successor) = newest.and_then(|at| self.slots.get_mut(at)) {
                let kin = successor.kin_mut();
                kin.previous = kin.previous.filter(|previous| *previous != slot);
                kin.before.get_or_insert_default().bury_all(before);
            }
            return;
        }
        self.slots.unname(slot, &epoch);
        let hash = ident::hash(&tenant, &sid);
        self.stones.insert(hash, before, self.limits.tombstones);
    }

    fn say_goodbye(&mut self, epoch: &mut Epoch) {
        let mut over = Vec::new();
        epoch.timeline.finish(&mut over);
        let row = |span: Span| span.row(epoch.playback(), &self.words);
        self.over.spans.extend(over.into_iter().map(row));
        self.over.sessions.push(epoch.row(&self.words));
    }

    /// Rows that have become final since the last call.
    pub fn take_over(&mut self) -> Over {
        std::mem::take(&mut self.over)
    }

    /// The session in a place that [`Self::record`] named.
    pub fn here(&self, slot: u32) -> Option<Here<'_>> {
        let epoch = self.epoch(slot)?;
        let dimensions = epoch.timeline.now().dimensions();
        Some(Here { epoch: epoch.kin().number, dimensions, words: &self.words })
    }

    /// Open sessions.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Records missing by sequence number so far.
    pub fn lost(&self) -> u64 {
        u64::try_from(self.lost).unwrap_or(0)
    }

    /// Sessions held whole, facts kept for reordering, words, tombstones, sids that only edges
    /// know.
    pub fn size(&self) -> [usize; 5] {
        let facts = self.slots.all().map(|epoch| epoch.timeline.len()).sum();
        let sessions = self.open.len() + self.closed.len();
        [sessions, facts, self.words.len(), self.stones.len(), self.pending.len()]
    }
}
