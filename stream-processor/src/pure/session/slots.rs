//! The places of sessions, and beside them what finds one by its sid and, in columns, what is asked
//! about all open ones at once.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::columns::{Columns, Shown};
use super::epoch::Epoch;
use super::index::{Half, Index};

/// See the module.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Written<Vec<Option<Box<Epoch>>>>")]
pub(super) struct Slots {
    places: Vec<Option<Box<Epoch>>>,
    index: Index,
    columns: Columns,
}

/// What a snapshot has of them; the rest follows.
#[derive(Serialize, Deserialize)]
struct Written<P> {
    places: P,
    newest: Vec<u32>,
}

impl Serialize for Slots {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Written { places: &self.places, newest: self.index.all().collect() }.serialize(to)
    }
}

impl From<Written<Vec<Option<Box<Epoch>>>>> for Slots {
    fn from(Written { mut places, newest }: Written<Vec<Option<Box<Epoch>>>>) -> Self {
        let mut slots = Self::default();
        for epoch in places.iter_mut().flatten() {
            epoch.share(slots.columns.tenant(epoch.tenant()));
        }
        slots.places = places;
        for at in 0..slots.places.len() {
            slots.show(u32::try_from(at).unwrap_or(u32::MAX));
        }
        newest.into_iter().for_each(|slot| slots.name(slot));
        slots
    }
}

impl Slots {
    pub(super) fn get(&self, slot: u32) -> Option<&Epoch> {
        self.places.get(slot as usize)?.as_deref()
    }

    /// To change an epoch; [`Self::show`] comes after a change of what is shown of it.
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Epoch> {
        self.places.get_mut(slot as usize)?.as_deref_mut()
    }

    /// A new place, empty.
    pub(super) fn grow(&mut self) -> u32 {
        self.places.push(None);
        u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn put(&mut self, slot: u32, epoch: Epoch) {
        if let Some(place) = self.places.get_mut(slot as usize) {
            *place = Some(Box::new(epoch));
            self.show(slot);
        }
    }

    pub(super) fn take(&mut self, slot: u32) -> Option<Box<Epoch>> {
        let epoch = self.places.get_mut(slot as usize)?.take();
        self.show(slot);
        epoch
    }

    /// Where the newest epoch of a sid very likely is.
    pub(super) fn likely(&self, half: Half) -> Option<u32> {
        self.index.likely(half)
    }

    /// Whether there the newest epoch of a sid is.
    pub(super) fn is_newest(&self, slot: u32, tenant: &str, sid: &str) -> bool {
        self.get(slot).is_some_and(|epoch| !epoch.kin().superseded && epoch.is_of(tenant, sid))
    }

    /// The newest epoch of a sid.
    pub(super) fn find(&self, tenant: &str, sid: &str) -> Option<u32> {
        let is_it = |slot| self.get(slot).is_some_and(|epoch| epoch.is_of(tenant, sid));
        self.index.find(Half::of(tenant, sid), is_it)
    }

    /// Makes an epoch the newest of its sid.
    pub(super) fn name(&mut self, slot: u32) {
        let Some(epoch) = self.get(slot) else { return };
        let sid = epoch.sid.text();
        let before = self.find(epoch.tenant(), &sid);
        self.index.put(Half::of(epoch.tenant(), &sid), before, slot);
    }

    /// Forgets the name of an epoch that was taken out and was the newest of its sid.
    pub(super) fn unname(&mut self, slot: u32, epoch: &Epoch) {
        self.index.remove(Half::of(epoch.tenant(), &epoch.sid.text()), slot);
    }

    /// A tenant's name, shared by its sessions.
    pub(super) fn tenant(&mut self, name: &str) -> Arc<str> {
        self.columns.tenant(name)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Epoch> {
        self.places.iter().flatten().map(|epoch| &**epoch)
    }

    /// Brings the columns up to what is in a place now.
    pub(super) fn show(&mut self, slot: u32) {
        let epoch = self.places.get(slot as usize).and_then(Option::as_deref);
        let shown = epoch.and_then(|epoch| Some((&**epoch.tenant(), epoch.shown()?)));
        self.columns.set(slot, shown);
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }
}

impl Epoch {
    /// What columns show of it; nothing when it is not open.
    pub(super) fn shown(&self) -> Option<Shown> {
        let now = self.timeline.now();
        let open = now.is_open();
        open.then(|| Shown { dimensions: *now.dimensions(), token: now.token() })
    }
}
