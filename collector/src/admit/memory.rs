//! The memory that bodies take together while they come in: each tenant has its share, so that one
//! whose bodies stall refuses nobody else.

use std::sync::Arc;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::pure::share::{Held, fits};

/// The part of the memory that large bodies leave to small ones: a quarter.
const LEFT_TO_SMALL: u64 = 4;

/// The bytes of all bodies under way.
#[derive(Debug)]
pub(super) struct Memory {
    limit: u64,
    taken: Mutex<Taken>,
}

/// How much is taken, in all and by tenant; as many tenants as the settings name.
#[derive(Debug, Default)]
struct Taken {
    all: Bytes,
    tenants: FxHashMap<Arc<str>, Bytes>,
}

/// What bodies take. Small and large ones are counted apart, or slow ones of a kind would leave no
/// room to the other.
#[derive(Debug, Default)]
struct Bytes {
    large: u64,
    small: u64,
}

impl Bytes {
    fn of(&mut self, is_small: bool) -> &mut u64 {
        if is_small { &mut self.small } else { &mut self.large }
    }

    fn sum(&self) -> u64 {
        self.large + self.small
    }
}

/// The bytes of one body, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    memory: Arc<Memory>,
    tenant: Arc<str>,
    is_small: bool,
    bytes: u64,
}

impl Memory {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: limit as u64, taken: Mutex::default() }
    }

    /// A claim of a tenant's body, of no bytes yet.
    pub(super) fn claim(self: &Arc<Self>, tenant: &Arc<str>, is_small: bool) -> Claim {
        Claim { memory: self.clone(), tenant: tenant.clone(), is_small, bytes: 0 }
    }
}

impl Claim {
    /// Claims `more` bytes; `false` where its tenant would hold more than is left free.
    pub(super) fn grow(&mut self, more: usize) -> bool {
        let (more, whole) = (more as u64, self.memory.limit);
        let mut taken = self.memory.taken.lock();
        let Taken { all, tenants } = &mut *taken;
        let own = tenants.entry(self.tenant.clone()).or_default().of(self.is_small);
        let (counted, limit) = match self.is_small {
            true => (all.sum(), whole),
            false => (all.large, whole - whole / LEFT_TO_SMALL),
        };
        let is_left = more == 0 || all.sum() + more <= whole;
        let fits = is_left && fits(Held { own: *own, all: counted, limit }, more);
        if fits {
            *own += more;
            *all.of(self.is_small) += more;
            self.bytes += more;
        }
        fits
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut taken = self.memory.taken.lock();
        let Taken { all, tenants } = &mut *taken;
        for held in [Some(all), tenants.get_mut(&self.tenant)].into_iter().flatten() {
            let held = held.of(self.is_small);
            *held = held.saturating_sub(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claims of `tenant` of 100 bytes each, until one is refused.
    fn fill(memory: &Arc<Memory>, tenant: &Arc<str>, is_small: bool) -> Vec<Claim> {
        let one = || {
            let mut claim = memory.claim(tenant, is_small);
            claim.grow(100).then_some(claim)
        };
        std::iter::from_fn(one).collect()
    }

    #[test]
    fn a_flood_leaves_room_for_others_and_for_its_own_small_bodies() {
        let memory = Arc::new(Memory::new(8_000));
        let (flood, other) = ("flood".into(), "other".into());
        let large = fill(&memory, &flood, false);
        assert_eq!(large.len(), 30, "half of three quarters");
        let others = fill(&memory, &other, false);
        assert_eq!(others.len(), 15, "as much as is left");
        let third = fill(&memory, &"third".into(), false);
        let small = fill(&memory, &flood, true);
        assert!(small.len() >= 10, "{} of the quarter that large bodies leave", small.len());
        let late = fill(&memory, &"late".into(), false);
        assert_eq!(late.len(), 4, "small bodies take nothing of what is left to large ones");
        drop((large, others, third, small, late));
        assert_eq!(fill(&memory, &flood, false).len(), 30, "all of it was given back");
    }

    #[test]
    fn a_refused_piece_takes_nothing_and_an_empty_one_is_never_refused() {
        let memory = Arc::new(Memory::new(8_000));
        let mut claim = memory.claim(&"a".into(), false);
        assert!(claim.grow(3_000) && !claim.grow(1) && claim.grow(0));
        assert_eq!(memory.taken.lock().all.sum(), 3_000);
    }
}
