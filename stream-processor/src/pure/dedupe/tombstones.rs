//! What is left of a session that ended long ago: enough to see a retry for what it is.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// The last epoch of a sid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Its number.
    pub epoch: u32,
    /// Its newest `ts`, Unix ms by the player's clock.
    pub newest_ts: i64,
    /// Its highest `sn`.
    pub highest_sn: Option<u64>,
}

impl Tombstone {
    /// Whether a record is from the time of what is over.
    pub fn covers(&self, ts: i64) -> bool {
        ts <= self.newest_ts
    }

    /// Whether a record that [`Tombstone::covers`] was counted before, as far as can be told.
    pub fn was_seen(&self, sn: Option<u64>) -> bool {
        sn.is_none() || sn <= self.highest_sn
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
    pub fn get(&self, sid: u64) -> Option<Tombstone> {
        self.graves.get(&sid).map(|(_, stone)| *stone)
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

    #[test]
    fn the_oldest_are_forgotten_and_the_newest_of_a_sid_stays() {
        let mut stones = Tombstones::default();
        let stone = |epoch| Tombstone { epoch, newest_ts: 0, highest_sn: None };
        for sid in 0..10 {
            stones.insert(sid, stone(0), 4);
        }
        stones.insert(9, stone(1), 4);
        assert_eq!(stones.len(), 3);
        assert_eq!(stones.get(9), Some(stone(1)));
        assert_eq!(stones.get(0), None);
    }
}
