//! Sessions as they are at one moment, serialized a few at a time while records are taken in: a
//! session that is about to change is written first. To serialize all of a large audience at once
//! would hold events up for seconds. Snapshots are made of such a copy, and rows for readers
//! ([`Moment`](super::moment)).

use std::collections::BTreeSet;

use super::epoch::{Epoch, Queue};
use super::slots::Slots;
use super::store::{Over, Sessions};

/// What a copy is made for. One of each may be under way.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    Snapshot,
    Moment,
}

/// A copy that is under way.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    /// Places before this one are done.
    next: u32,
    /// Which of the places of that moment are done: written, or found empty.
    done: Vec<bool>,
    bytes: postcard::Result<Vec<u8>>,
}

impl Copy {
    /// A copy of this many places as they are now, overwriting `bytes`.
    pub(super) fn begin(places: usize, mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        let bytes = postcard::to_extend(&places, bytes);
        Self { next: 0, done: vec![false; places], bytes }
    }

    /// Writes the session in a place that is about to change; whether that was still to be written.
    pub(super) fn keep(&mut self, slot: u32, epoch: Option<&Epoch>) -> bool {
        let Some(done) = self.done.get_mut(slot as usize).filter(|done| !**done) else {
            return false;
        };
        *done = true;
        let (Some(epoch), Ok(bytes)) = (epoch, &mut self.bytes) else { return false };
        self.bytes = postcard::to_extend(&(slot, epoch), std::mem::take(bytes));
        true
    }

    /// Writes the sessions in the next places, `left` at most; whether the copy is complete.
    pub(super) fn go_on(&mut self, places: &[Option<Box<Epoch>>], left: &mut usize) -> bool {
        while (self.next as usize) < self.done.len() {
            if *left == 0 {
                return false;
            }
            let epoch = places.get(self.next as usize).and_then(Option::as_deref);
            *left -= usize::from(self.keep(self.next, epoch));
            self.next += 1;
        }
        true
    }

    /// What was written.
    pub(super) fn end(self) -> postcard::Result<Vec<u8>> {
        self.bytes
    }
}

/// The number of places in a copy, and its sessions with their places, up to the first that cannot
/// be read.
pub(super) fn read(
    copy: &[u8],
) -> postcard::Result<(usize, impl Iterator<Item = postcard::Result<(u32, Epoch)>>)> {
    let (places, mut unread) = postcard::take_from_bytes(copy)?;
    let sessions = std::iter::from_fn(move || {
        let bytes = std::mem::take(&mut unread);
        let read = (!bytes.is_empty()).then(|| postcard::take_from_bytes(bytes))?;
        Some(read.map(|(session, more)| {
            unread = more;
            session
        }))
    });
    Ok((places, sessions))
}

impl Sessions {
    /// All but the sessions, as it is now; begins a copy of the sessions, overwriting `bytes`.
    pub(in crate::pure) fn begin_copy(&mut self, bytes: Vec<u8>) -> Self {
        self.slots.begin_copy(Whose::Snapshot, bytes);
        // The queues follow from the sessions, and nothing waits between two entries.
        let Self {
            slots: _,
            open: _,
            closed: _,
            over: _,
            free,
            stones,
            pending,
            limits,
            lost,
            words,
        } = &*self;
        Self {
            slots: Slots::default(),
            free: free.clone(),
            open: BTreeSet::default(),
            closed: BTreeSet::default(),
            stones: stones.clone(),
            pending: pending.clone(),
            limits: limits.clone(),
            lost: *lost,
            words: words.clone(),
            over: Over::default(),
        }
    }

    /// Writes sessions of that moment, `left` at most; answers the copy once it is complete.
    pub(in crate::pure) fn go_on_copying(
        &mut self,
        left: &mut usize,
    ) -> Option<postcard::Result<Vec<u8>>> {
        self.slots.go_on_copying(Whose::Snapshot, left)
    }

    /// Puts the sessions of a copy back.
    pub(in crate::pure) fn put_back(&mut self, copy: &[u8]) -> postcard::Result<()> {
        let (places, sessions) = read(copy)?;
        self.slots = Slots::empty(places);
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        for session in sessions {
            let (slot, epoch) = session?;
            match epoch.queue {
                Queue::Open(at) => open.push((at, slot)),
                Queue::Closed(at) => closed.push((at, slot)),
            }
            self.slots.put_back(slot, epoch)?;
        }
        // Built at once from a list, which is faster.
        (self.open, self.closed) = (open.into_iter().collect(), closed.into_iter().collect());
        Ok(())
    }
}
