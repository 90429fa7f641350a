//! The places of sessions, with the index that finds one by its sid and the columns that are asked
//! for of all open ones at once.

use std::sync::Arc;

use super::columns::{Columns, Shown};
use super::copy::{Copy, Whose};
use super::epoch::Epoch;
use super::index::{Half, Index};

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    places: Vec<Option<Box<Epoch>>>,
    index: Index,
    columns: Columns,
    copies: [Option<Copy>; 2],
}

impl Slots {
    pub(super) fn get(&self, slot: u32) -> Option<&Epoch> {
        self.places.get(slot as usize)?.as_deref()
    }

    /// An epoch, to be changed. After a change of what columns show call [`Self::show`].
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Epoch> {
        self.keep(slot);
        self.places.get_mut(slot as usize)?.as_deref_mut()
    }

    /// Lets copies that are under way take the session in a place before it changes.
    fn keep(&mut self, slot: u32) {
        for copy in self.copies.iter_mut().flatten() {
            copy.keep(slot, self.places.get(slot as usize).and_then(Option::as_deref));
        }
    }

    /// Begins a copy of all sessions as they are now, overwriting `bytes`.
    pub(super) fn begin_copy(&mut self, whose: Whose, bytes: Vec<u8>) {
        self.copies[whose as usize] = Some(Copy::begin(self.places.len(), bytes));
    }

    /// See [`Copy::go_on`]; answers what was written once the copy is complete.
    pub(super) fn go_on_copying(
        &mut self,
        whose: Whose,
        left: &mut usize,
    ) -> Option<postcard::Result<Vec<u8>>> {
        let copy = &mut self.copies[whose as usize];
        let whole = copy.as_mut()?.go_on(&self.places, left);
        copy.take_if(|_| whole).map(Copy::end)
    }

    /// A new place, empty.
    pub(super) fn grow(&mut self) -> u32 {
        self.places.push(None);
        u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn put(&mut self, slot: u32, epoch: Epoch) {
        self.keep(slot);
        if let Some(place) = self.places.get_mut(slot as usize) {
            *place = Some(Box::new(epoch));
            self.show(slot);
        }
    }

    pub(super) fn take(&mut self, slot: u32) -> Option<Box<Epoch>> {
        self.keep(slot);
        let epoch = self.places.get_mut(slot as usize)?.take();
        self.show(slot);
        epoch
    }

    /// This many empty places.
    pub(super) fn empty(places: usize) -> Self {
        let mut slots = Self::default();
        slots.places.resize_with(places, || None);
        // Makes the columns as long as that.
        if let Some(last) = places.checked_sub(1) {
            slots.show(u32::try_from(last).unwrap_or(u32::MAX));
        }
        slots
    }

    /// Puts an epoch of a copy back where it was.
    pub(super) fn put_back(&mut self, slot: u32, mut epoch: Epoch) -> postcard::Result<()> {
        let is_taken = self.places.get(slot as usize).is_none_or(Option::is_some);
        if is_taken || !epoch.timeline.recent().is_sound() {
            return Err(postcard::Error::SerdeDeCustom);
        }
        epoch.share_tenant(self.columns.tenant(epoch.tenant()));
        let is_newest = !epoch.kin().superseded;
        self.put(slot, epoch);
        if is_newest {
            self.name(slot);
        }
        Ok(())
    }

    /// Where the newest epoch of a sid very likely is.
    pub(super) fn likely(&self, half: Half) -> Option<u32> {
        self.index.likely(half)
    }

    /// Whether the newest epoch of a sid is in that place.
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

    /// Updates the columns from what is in a place now.
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
