//! The places of sessions, and beside them in columns what is asked about all open ones at once.

use serde::{Deserialize, Serialize, Serializer};

use super::columns::{Columns, Shown};
use super::epoch::Epoch;

/// A snapshot has the sessions only; the columns follow from them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Vec<Option<Box<Epoch>>>")]
pub(super) struct Slots {
    places: Vec<Option<Box<Epoch>>>,
    columns: Columns,
}

impl Serialize for Slots {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.places.serialize(to)
    }
}

impl From<Vec<Option<Box<Epoch>>>> for Slots {
    fn from(mut places: Vec<Option<Box<Epoch>>>) -> Self {
        places.iter_mut().flatten().for_each(|epoch| epoch.share());
        let mut slots = Self { places, columns: Columns::default() };
        for at in 0..slots.places.len() {
            slots.show(u32::try_from(at).unwrap_or(u32::MAX));
        }
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

    pub(super) fn all(&self) -> impl Iterator<Item = &Epoch> {
        self.places.iter().flatten().map(|epoch| &**epoch)
    }

    /// Brings the columns up to what is in a place now.
    pub(super) fn show(&mut self, slot: u32) {
        let epoch = self.places.get(slot as usize).and_then(Option::as_deref);
        let shown = epoch.and_then(|epoch| Some((&*epoch.tenant, epoch.shown()?)));
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
        open.then(|| Shown { dimensions: **now.dimensions(), token: now.token() })
    }
}
