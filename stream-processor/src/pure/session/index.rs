//! Sessions by tenant and sid. The text of a sid is only in its session: here are a piece of its
//! hash and its place.

use hashbrown::HashTable;
use tallylight_schemas::ident;

use super::epoch::Epoch;

/// Half of the hash of tenant and sid; sessions with the same half are told apart by the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Half(u32);

impl Half {
    pub(super) fn of(tenant: &str, sid: &str) -> Self {
        let [_, _, _, _, high @ ..] = ident::hash(tenant, sid).to_le_bytes();
        Self(u32::from_le_bytes(high))
    }

    /// The table uses bits from both ends of a hash.
    fn spread(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// The newest playback of each sid.
#[derive(Debug, Clone, Default)]
pub(super) struct Index(HashTable<(Half, u32)>);

impl Index {
    /// The place of the session for which `is_it` is true.
    pub(super) fn find(&self, half: Half, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let found = self.0.find(half.spread(), |(of, slot)| *of == half && is_it(*slot));
        found.map(|(_, slot)| *slot)
    }

    /// The place of a session with this half, nearly always the only one.
    pub(super) fn likely(&self, half: Half) -> Option<u32> {
        self.find(half, |_| true)
    }

    /// Replaces `before` by a session, or adds it.
    pub(super) fn put(&mut self, half: Half, before: Option<u32>, slot: u32) {
        before.into_iter().for_each(|before| self.remove(half, before));
        self.0.insert_unique(half.spread(), (half, slot), |(half, _)| half.spread());
    }

    pub(super) fn remove(&mut self, half: Half, slot: u32) {
        if let Ok(entry) = self.0.find_entry(half.spread(), |of| *of == (half, slot)) {
            entry.remove();
        }
    }
}

impl Epoch {
    pub(super) fn is_of(&self, tenant: &str, sid: &str) -> bool {
        self.sid.is(sid) && **self.tenant() == *tenant
    }
}
