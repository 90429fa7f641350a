//! One playback of a sid: its clock, its identities, its timeline.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tallylight_schemas::fates::Fate;
use tallylight_schemas::session::SessionRow;

use super::fact::Fact;
use super::kin::Kin;
use super::report::Playback;
use super::said::Said;
use super::sid::Sid;
use super::timeline::{Panes, Timeline};
use super::words::{Word, Words};
use crate::pure::dedupe::{Identity, Past};
use crate::pure::input::PlayerInput;
use crate::pure::tight::MaybeMs;
use crate::pure::watermark::{HORIZON_MS, SKEW_IGNORED_MS};

/// A player that plays this long after the end plays something else, ms. By then any other record
/// about the end is late, even if the clocks of player and edges differ by as much as is attributed
/// to the network.
const AGAIN_MS: i64 = HORIZON_MS + 2 * SKEW_IGNORED_MS;

/// The store's queue in which an epoch waits, and its place there (Unix ms of log time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Queue {
    /// May fall silent then.
    Open(i64),
    /// Ended then.
    Closed(i64),
}

/// One playback of a session id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Epoch {
    pub(super) sid: Sid,
    /// `ts` of the record that opened it.
    pub(super) opened_ts: i64,
    pub(super) kin: Option<Box<Kin>>,
    pub(super) queue: Queue,
    /// Log time of the newest record, ms.
    pub(super) heard_at: i64,
    pub(super) timeline: Timeline,
    newest_ts: MaybeMs,
    /// Smallest arrival − ts, ms.
    least_delay: i64,
}

/// Facts of a playback that arrived before its first record, with the clock that placed them.
#[derive(Debug, Default)]
pub(super) struct Overtakers {
    facts: Vec<Fact>,
    least_delay: i64,
}

impl Epoch {
    pub(super) fn new(tenant: Arc<str>, sid: Sid, number: u32, opened_ts: i64, log: i64) -> Self {
        let kin = Kin { number, ..Kin::default() };
        Self {
            sid,
            opened_ts,
            kin: (number > 0).then(|| Box::new(kin)),
            queue: Queue::Closed(log),
            heard_at: log,
            timeline: Timeline::of(tenant),
            newest_ts: MaybeMs::default(),
            least_delay: i64::MAX,
        }
    }

    /// Whether the record begins another playback under the same sid: its number is 0 at a time
    /// after everything seen (so it was not seen itself), or later records overtook it, or it plays
    /// long after the end of this one. Before `horizon` nothing can move.
    pub(super) fn is_followed_by(&self, input: &PlayerInput<'_>, horizon: i64) -> bool {
        if input.request {
            return false;
        }
        let is_new = |newest| input.time() > newest || self.was_overtaken(input, horizon);
        let starts_over = input.sn == Some(0) && self.newest_ts.get().is_some_and(is_new);
        starts_over || self.is_played_again(input, horizon)
    }

    /// Whether a player plays that reported its end long ago: the record that began the new
    /// playback is lost, or its records have no numbers.
    fn is_played_again(&self, input: &PlayerInput<'_>, horizon: i64) -> bool {
        let Some(ended) = self.timeline.now().ended_ts() else { return false };
        matches!(input.sta, Some("s" | "p"))
            && input.ts.is_some_and(|ts| {
                ts >= ended.saturating_add(AGAIN_MS) && ts.saturating_add(self.skew_ms()) >= horizon
            })
            && !self.timeline.knows(&Identity::of(input))
    }

    /// Whether its first record has not arrived: then an older record that plays began it instead.
    pub(super) fn has_no_beginning(&self) -> bool {
        !self.timeline.numbers().contains(0)
    }

    /// Whether later records of a new playback arrived before its first one, which this is: a
    /// playback has one beginning, so a later one is that of the next. Only facts that can still
    /// move can be told apart.
    fn was_overtaken(&self, input: &PlayerInput<'_>, horizon: i64) -> bool {
        let folded = self.timeline.base().at();
        input.ts.is_some_and(|ts| {
            let at = ts.saturating_add(self.skew_ms());
            ts > self.opened_ts && at > folded && at >= horizon
        }) && self.timeline.numbers().contains(0)
            && !self.timeline.knows(&Identity::of(input))
    }

    /// Takes in a player's record at log time `log`. `delay` is the smallest arrival − ts
    /// known of the batch it came in.
    pub(super) fn record(
        &mut self,
        input: &PlayerInput<'_>,
        delay: i64,
        log: i64,
        to: &mut Panes<'_>,
    ) -> Fate {
        let identity = Identity::of(input);
        if self.timeline.knows(&identity) {
            return Fate::Duplicate;
        }
        self.lower_skew(delay, to);
        self.timeline.seen.came(&identity);
        if !input.request {
            if let Some(ts) = input.ts.filter(|_| self.newest_ts.is_none()) {
                // Requests that arrived before it have our clock.
                self.opened_ts = ts;
            }
            self.newest_ts = self.newest_ts.get().max(input.ts).into();
        }
        let skew = if input.ts.is_some() { self.skew_ms() } else { 0 };
        let at = input.time().saturating_add(skew).min(log + SKEW_IGNORED_MS);
        if at < to.horizon {
            self.timeline.seen.remember(&identity, to.unnumbered);
            self.kin_mut().late += 1;
            return Fate::Late;
        }
        self.heard_at = log;
        let said = Said::by_player(input, self.timeline.recent().said(), to.words);
        self.timeline.insert(Fact::by_player(input, identity.id, at, said), to);
        self.stay_superseded(to);
        Fate::Accepted
    }

    /// Takes in an edge's report, which also shows that the player is alive.
    pub(super) fn served(&mut self, fact: Fact, log: i64, to: &mut Panes<'_>) {
        self.heard_at = log;
        self.timeline.insert(fact, to);
        self.stay_superseded(to);
    }

    /// Its sid plays something else from `begin` (by the player's clock) on; hands over the facts
    /// of that which arrived already.
    pub(super) fn supersede(&mut self, begin: i64, to: &mut Panes<'_>) -> Overtakers {
        let at = begin.saturating_add(self.skew_ms());
        let facts = if self.timeline.recent().last_at() >= Some(at) {
            self.timeline.part(begin, at, to)
        } else {
            Vec::new()
        };
        self.newest_ts = self.newest_ts.get().map(|newest| newest.min(begin - 1)).into();
        self.kin_mut().superseded = true;
        self.stay_superseded(to);
        Overtakers { facts, least_delay: self.least_delay }
    }

    /// Takes over facts that arrived before its first record. They keep the clock that placed them,
    /// unless this playback has one of its own.
    pub(super) fn inherit(&mut self, from: Overtakers, to: &mut Panes<'_>) {
        if from.facts.is_empty() {
            return;
        }
        let has_clock = self.least_delay < i64::MAX;
        if !has_clock {
            self.least_delay = from.least_delay;
        }
        for mut fact in from.facts {
            if let Some(ts) = fact.ts.get().filter(|_| has_clock) {
                fact.at = ts.saturating_add(self.skew_ms());
            }
            if let Some(identity) = fact.identity() {
                self.timeline.seen.came(&identity);
                self.newest_ts = self.newest_ts.get().max(identity.ts).into();
            }
            self.timeline.insert(fact, to);
        }
    }

    fn stay_superseded(&mut self, to: &mut Panes<'_>) {
        if self.kin().superseded {
            self.timeline.fall_silent(to);
        }
    }

    /// How far the player's clock is behind ours, ms: the smallest delay ever seen. Up to 2 s are
    /// attributed to the network.
    fn skew_ms(&self) -> i64 {
        let known =
            self.least_delay < i64::MAX && self.least_delay.saturating_abs() >= SKEW_IGNORED_MS;
        if known { self.least_delay } else { 0 }
    }

    fn lower_skew(&mut self, delay: i64, to: &mut Panes<'_>) {
        let before = self.skew_ms();
        self.least_delay = self.least_delay.min(delay);
        let skew = self.skew_ms();
        if skew != before {
            self.timeline.correct(skew, to);
        }
    }

    /// When it began, Unix ms.
    pub(super) fn opened_at(&self) -> i64 {
        self.opened_ts.saturating_add(self.skew_ms())
    }

    /// Whether a record is of a time before it, by the clock that stamped the record.
    pub(super) fn begins_after(&self, input: &PlayerInput<'_>) -> bool {
        input.time() < if input.ts.is_some() { self.opened_ts } else { self.opened_at() }
    }

    /// The viewer's tenant.
    pub(super) fn tenant(&self) -> &Arc<str> {
        self.timeline.tenant()
    }

    /// `ts` of the newest record.
    pub(super) fn newest_ts(&self) -> Option<i64> {
        self.newest_ts.get()
    }

    /// Which playback it is.
    pub(super) fn playback(&self) -> Playback<'_> {
        Playback { tenant: self.tenant(), sid: &self.sid, epoch: self.kin().number }
    }

    /// The row of the session so far.
    pub(super) fn row(&self, words: &Words) -> SessionRow {
        let mut row = self.timeline.now().row(self.playback(), self.kin().late, words);
        if row.last_seen == 0 {
            // All of its records came too late to be counted.
            row.last_seen = self.opened_at().saturating_mul(1_000);
        }
        row
    }

    /// What is remembered when the rest is forgotten.
    pub(super) fn past(&self) -> Past {
        Past {
            epoch: self.kin().number,
            opened_ts: self.opened_ts,
            newest_ts: self.newest_ts.get().unwrap_or(self.opened_ts),
            skew_ms: self.skew_ms(),
            ended: self.timeline.now().is_ended(),
            numbers: self.timeline.numbers(),
        }
    }

    /// Shares the tenant's name again after a snapshot, in which each session has its own.
    pub(super) fn share_tenant(&mut self, tenant: Arc<str>) {
        self.timeline.share_tenant(tenant);
    }

    /// Every word in it, some more than once.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> {
        self.timeline.words()
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::Machine;
    use super::super::seldom::Seldom;
    use super::super::story::Story;
    use super::*;

    /// There are millions of each (docs/performance.md). What hardly any session needs belongs in
    /// `Seldom` or `Kin`.
    #[test]
    fn a_session_takes_no_more_room_than_it_did() {
        assert!(size_of::<Machine>() <= 56, "{}", size_of::<Machine>());
        assert!(size_of::<Epoch>() <= 320, "{}", size_of::<Epoch>());
        // With the two counters of an `Arc` 160.
        assert!(size_of::<Story>() <= 144, "{}", size_of::<Story>());
        assert!(size_of::<Seldom>() <= 128, "{}", size_of::<Seldom>());
        assert!(size_of::<Kin>() <= 48, "{}", size_of::<Kin>());
    }
}
