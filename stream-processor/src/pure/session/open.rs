//! Which epoch a record belongs to, and the opening of new ones.

use tallylight_schemas::delivery::{Action, DeliveryEvent, Service};
use tallylight_schemas::fates::Fate;
use tallylight_schemas::ident;

use super::epoch::Epoch;
use super::fact::Fact;
use super::said::Said;
use super::sid::Sid;
use super::store::{Now, Sessions};
use crate::pure::dedupe::Tombstone;
use crate::pure::input::PlayerInput;
use crate::pure::watermark::{HORIZON_MS, SKEW_IGNORED_MS};

/// The fate of a record of a playback that is over. One that only says so again changes nothing,
/// and is not late.
fn over(before: &mut Tombstone, input: &PlayerInput<'_>) -> Fate {
    let repeats = before.repeats(input);
    match before.take(input) {
        false => Fate::Duplicate,
        true if repeats => Fate::Accepted,
        true => Fate::Late,
    }
}

impl Sessions {
    /// Takes in a player's record. `delay` is the smallest arrival − ts of the records it
    /// arrived with (`i64::MAX` when none has a time): a batch sent late must not look like a slow
    /// clock because its oldest record is read first. `likely` is the likely place of its session,
    /// if that was looked up. Answers the record's fate and its session, if any.
    pub fn record(
        &mut self,
        input: &PlayerInput<'_>,
        delay: i64,
        likely: Option<u32>,
        now: &mut Now<'_>,
    ) -> (Fate, Option<u32>) {
        let (tenant, sid) = (input.tenant, input.sid);
        let likely = likely.filter(|slot| self.slots.is_newest(*slot, tenant, sid));
        let slot = match likely.or_else(|| self.find(tenant, sid)) {
            None => match self.first_epoch(input, delay, now) {
                Ok(slot) => slot,
                Err(fate) => return (fate, None),
            },
            Some(slot) => match self.over_before(slot, input) {
                Some(fate) => return (fate, None),
                None => self.epoch_of(slot, input, now),
            },
        };
        let log = now.log;
        let fate = self
            .with(slot, now, |epoch, panes| epoch.record(input, delay, log, panes))
            .unwrap_or(Fate::Late);
        (fate, Some(slot))
    }

    /// The fate of a record of a playback that has no place any more: it is forgotten, or it is
    /// not the last one before the current playback.
    fn over_before(&mut self, slot: u32, input: &PlayerInput<'_>) -> Option<Fate> {
        let current = self.epoch(slot).filter(|current| current.begins_after(input))?;
        let previous = current.kin().previous.and_then(|slot| self.epoch(slot));
        let is_older = previous.map(|previous| {
            let one_more = previous.kin().number > 0 && !previous.has_no_beginning();
            one_more && previous.begins_after(input)
        });
        if is_older == Some(false) {
            return None;
        }
        let before = self.slots.get_mut(slot)?.kin.as_mut().and_then(|kin| kin.before.as_mut());
        let before = before.filter(|before| input.sn.is_some() && before.covers(input, i64::MIN));
        // Without its numbers it is not known whether it came before.
        before.map(|before| over(before, input)).or(is_older.map(|_| Fate::Late))
    }

    fn epoch_of(&mut self, slot: u32, input: &PlayerInput<'_>, now: &mut Now<'_>) -> u32 {
        let Some(current) = self.epoch(slot) else { return slot };
        let horizon = now.log - HORIZON_MS;
        if current.is_followed_by(input, horizon) {
            let number = current.kin().number.saturating_add(1);
            let overtakers = self.with(slot, now, |epoch, panes| {
                // Records go one playback back at most; a longer chain would outlive its links.
                epoch.kin_mut().previous = None;
                epoch.supersede(input.time(), panes)
            });
            let next = self.open(input, number, Some(slot), now);
            let overtakers = overtakers.unwrap_or_default();
            self.with(next, now, |epoch, panes| epoch.inherit(overtakers, panes));
            return next;
        }
        let Some(previous) = current.kin().previous.filter(|_| current.begins_after(input)) else {
            return slot;
        };
        let follows = |before: &Epoch| before.is_followed_by(input, horizon);
        if !(current.has_no_beginning() && self.epoch(previous).is_some_and(follows)) {
            return previous;
        }
        // It began earlier than the first of its records to arrive says.
        let begin = input.time();
        let more = self.with(previous, now, |epoch, panes| epoch.supersede(begin, panes));
        self.with(slot, now, |epoch, panes| {
            epoch.opened_ts = begin;
            epoch.inherit(more.unwrap_or_default(), panes);
        });
        slot
    }

    fn first_epoch(
        &mut self,
        input: &PlayerInput<'_>,
        delay: i64,
        now: &mut Now<'_>,
    ) -> Result<u32, Fate> {
        let horizon = now.log - HORIZON_MS;
        let stone = self.stones.get_mut(ident::hash(input.tenant, input.sid));
        let before = match stone {
            Some(stone)
                if !stone.is_followed_by(input, horizon) && stone.covers(input, horizon) =>
            {
                return Err(over(stone, input));
            }
            Some(stone) => Some(stone.clone()),
            None => None,
        };
        let skew =
            if delay.saturating_abs() >= SKEW_IGNORED_MS && input.ts.is_some() { delay } else { 0 };
        if input.time().saturating_add(skew) < horizon {
            return Err(Fate::Late);
        }
        let number = before.as_ref().map_or(0, |before| before.epoch().saturating_add(1));
        let slot = self.open(input, number, None, now);
        if let (Some(before), Some(epoch)) = (before, self.slots.get_mut(slot)) {
            epoch.kin_mut().before = Some(before);
        }
        Ok(slot)
    }

    fn open(
        &mut self,
        input: &PlayerInput<'_>,
        number: u32,
        previous: Option<u32>,
        now: &mut Now<'_>,
    ) -> u32 {
        let tenant = self.slots.tenant(input.tenant);
        let mut epoch = Epoch::new(tenant, Sid::of(input.sid), number, input.time(), now.log);
        if previous.is_some() {
            epoch.kin_mut().previous = previous;
        }
        let slot = self.add(epoch);
        let horizon = now.log - HORIZON_MS;
        let log = now.log;
        for fact in self.pending.take(ident::hash(input.tenant, input.sid), horizon) {
            self.with(slot, now, |epoch, panes| epoch.served(fact, log, panes));
        }
        slot
    }

    /// Takes in an edge's report about a session, of time `at`: the newest segment served well
    /// tells from where the session is served.
    pub fn served(
        &mut self,
        tenant: &str,
        event: &DeliveryEvent,
        at: i64,
        id: u64,
        now: &mut Now<'_>,
    ) {
        let Some(sid) = event.sid.as_deref() else { return };
        let reported = event.service == Service::Edge
            && event.action == Action::Get
            && event.k.is_some()
            && event.status == 200;
        if !reported || at < now.log - HORIZON_MS {
            return;
        }
        let Some(slot) = self.find(tenant, sid) else {
            let fact = Fact::by_edge(at, event.seq, id, Said::by_edge(event, &mut self.words));
            self.pending.push(ident::hash(tenant, sid), fact, self.limits.pending);
            return;
        };
        let slot = match self.epoch(slot).map(|epoch| (epoch.kin().previous, epoch.opened_at())) {
            Some((Some(previous), opened)) if at < opened => previous,
            _ => slot,
        };
        let log = now.log;
        self.with(slot, now, |epoch, panes| {
            let said = Said::by_edge(event, panes.words);
            epoch.served(Fact::by_edge(at, event.seq, id, said), log, panes);
        });
    }
}
