//! What is left of a session that ended long ago: enough to recognise a retry.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::Numbers;
use crate::pure::input::PlayerInput;

/// Playbacks of one sid that are kept apart; records of older ones are looked up in the oldest.
const PASTS: usize = 4;

/// A playback that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its number.
    pub epoch: u32,
    /// `ts` of the record that opened it, Unix ms by the player's clock.
    pub opened_ts: i64,
    /// Its newest `ts`.
    pub newest_ts: i64,
    /// How far the player's clock is behind ours, ms.
    pub skew_ms: i64,
    /// The player reported its end; it did not just fall silent.
    pub ended: bool,
    /// The numbers of its records.
    pub numbers: Numbers,
}

impl Past {
    /// The time of a record by the player's clock. One without `ts` has the time of arrival, by our
    /// clock.
    fn time_of(&self, input: &PlayerInput<'_>) -> i64 {
        input.ts.unwrap_or_else(|| input.received_ms.saturating_sub(self.skew_ms))
    }
}

/// The last playbacks of a sid, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone(Vec<Past>);

impl Tombstone {
    /// Adds a playback.
    pub fn bury(&mut self, past: Past) {
        let at = self.0.partition_point(|other| other.epoch < past.epoch);
        self.0.insert(at, past);
        if self.0.len() > PASTS {
            self.0.remove(0);
        }
    }

    /// Adds the playbacks of another tombstone of the same sid.
    pub fn bury_all(&mut self, other: Self) {
        other.0.into_iter().for_each(|past| self.bury(past));
    }

    /// Number of the newest playback.
    pub fn epoch(&self) -> u32 {
        self.0.last().map_or(0, |past| past.epoch)
    }

    /// Whether a record belongs to the playbacks that are over: it is not after the newest record,
    /// or (unless it begins another playback) from before `horizon_ms` by the corrected clock, or it
    /// [repeats](Self::repeats) their end.
    pub fn covers(&self, input: &PlayerInput<'_>, horizon_ms: i64) -> bool {
        let Some(last) = self.0.last() else { return false };
        let (time, follows) = (last.time_of(input), input.sn.is_some_and(|sn| sn > 0));
        time <= last.newest_ts
            || (follows && time.saturating_add(last.skew_ms) < horizon_ms)
            || self.repeats(input)
    }

    /// Whether a record says once more that a playback is over that has ended: a page that stays
    /// open, or wakes up hours later, goes on reporting the state of its player. Its numbers go on,
    /// too; a smaller one is of the next playback, whose first records it overtook.
    pub fn repeats(&self, input: &PlayerInput<'_>) -> bool {
        let Some(last) = self.0.last().filter(|last| last.ended) else { return false };
        let goes_on = input.sn.is_none_or(|sn| sn > 0 && Some(sn) > last.numbers.last());
        goes_on && input.is_over() && !input.request
    }

    /// Whether a record from after `horizon_ms` begins another playback, as the last one has begun
    /// already. It may be from before the newest record: its own end may have overtaken it and been
    /// taken for a repetition.
    pub fn is_followed_by(&self, input: &PlayerInput<'_>, horizon_ms: i64) -> bool {
        let Some((last, ts)) = self.0.last().zip(input.ts) else { return false };
        let is_first = input.sn == Some(0) && !input.request && last.numbers.contains(0);
        is_first && ts > last.opened_ts && ts.saturating_add(last.skew_ms) >= horizon_ms
    }

    /// Takes a record that is covered; answers whether it arrived for the first time. One without a
    /// number is taken for a repetition.
    pub fn take(&mut self, input: &PlayerInput<'_>) -> bool {
        let Some(sn) = input.sn else { return false };
        let began = |past: &Past| past.opened_ts <= past.time_of(input);
        let at = self.0.iter().rposition(began).unwrap_or(0);
        let Some(past) = self.0.get_mut(at) else { return false };
        past.newest_ts = past.newest_ts.max(past.time_of(input));
        past.numbers.insert(sn)
    }
}

/// Tombstones by hash of (tenant, sid), first in, first out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tombstones {
    graves: FxHashMap<u64, (u64, Tombstone)>,
    order: VecDeque<(u64, u64)>,
    next: u64,
}

impl Tombstones {
    /// Remembers an ended session; beyond `capacity` the oldest are forgotten.
    pub fn insert(&mut self, sid: u64, stone: Tombstone, capacity: usize) {
        self.next += 1;
        self.graves.insert(sid, (self.next, stone));
        self.order.push_back((sid, self.next));
        while self.order.len() > capacity {
            let Some((sid, turn)) = self.order.pop_front() else { break };
            if self.graves.get(&sid).is_some_and(|(newest, _)| *newest == turn) {
                self.graves.remove(&sid);
            }
        }
    }

    /// The tombstone of a sid.
    pub fn get_mut(&mut self, sid: u64) -> Option<&mut Tombstone> {
        self.graves.get_mut(&sid).map(|(_, stone)| stone)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.graves.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.graves.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(ts: i64, sn: u64) -> PlayerInput<'static> {
        PlayerInput { ts: Some(ts), sn: Some(sn), ..PlayerInput::default() }
    }

    fn past(epoch: u32, opened_ts: i64, numbers: std::ops::Range<u64>) -> Past {
        let mut known = Numbers::default();
        numbers.for_each(|sn| assert!(known.insert(sn)));
        Past {
            epoch,
            opened_ts,
            newest_ts: opened_ts + 50,
            skew_ms: 0,
            ended: false,
            numbers: known,
        }
    }

    #[test]
    fn the_oldest_are_forgotten_and_the_newest_of_a_sid_stays() {
        let mut stones = Tombstones::default();
        let stone = |epoch| Tombstone(vec![past(epoch, 0, 0..0)]);
        for sid in 0..10 {
            stones.insert(sid, stone(0), 4);
        }
        stones.insert(9, stone(1), 4);
        assert_eq!(stones.len(), 3);
        assert_eq!(stones.get_mut(9), Some(&mut stone(1)));
        assert_eq!(stones.get_mut(0), None);
    }

    #[test]
    fn a_record_that_was_missing_is_the_first_of_its_kind_once() {
        let mut stone = Tombstone::default();
        stone.bury(past(1, 100, 0..3));
        stone.bury(past(0, 0, 0..9));
        assert_eq!(stone.epoch(), 1);
        // The number 5 came in the first playback and not in the second.
        assert!(!stone.take(&record(40, 5)));
        assert!(stone.covers(&record(140, 5), i64::MIN) && stone.take(&record(140, 5)));
        assert!(!stone.take(&record(140, 5)) && !stone.take(&record(110, 2)));
        assert!(stone.take(&record(120, 3)));
        assert!(!stone.take(&PlayerInput { sn: None, ..record(120, 3) }));
    }

    #[test]
    fn the_end_that_comes_late_opens_nothing() {
        let mut stone = Tombstone::default();
        stone.bury(past(0, 0, 0..3));
        assert!(stone.covers(&record(60, 4), 100) && stone.take(&record(60, 4)));
        assert!(stone.covers(&record(60, 4), i64::MIN), "it is the newest now");
        // A viewer who is back, and one who plays once more.
        assert!(!stone.covers(&record(120, 5), 100) && !stone.covers(&record(80, 0), 100));
    }

    #[test]
    fn a_record_without_a_time_of_its_own_is_compared_by_our_clock() {
        let arrived = |at| PlayerInput { received_ms: at, sn: Some(4), ..PlayerInput::default() };
        // The player's clock is ahead of ours, or behind it, by a thousand: its last record came at
        // 50 by our clock either way.
        for skew_ms in [-1_000, 1_000] {
            let mut stone = Tombstone::default();
            stone.bury(Past { skew_ms, ..past(0, -skew_ms, 0..3) });
            assert!(stone.covers(&arrived(50), 40) && !stone.covers(&arrived(51), 40), "{skew_ms}");
            assert!(stone.covers(&arrived(99), 100) && !stone.covers(&arrived(100), 100));
            assert!(stone.take(&arrived(60)) && stone.covers(&arrived(60), 40), "{skew_ms}");
            assert!(!stone.covers(&arrived(61), 40), "the newest is kept by the player's clock");
        }
    }
}
