//! Room in the queue, held by a request until the log has it.

use std::sync::Arc;

use super::Queue;
use crate::admit::Caller;
use crate::fates::Tally;
use crate::pure::ladder::Standing;

/// Room in the queue for one request, given back on drop.
#[derive(Debug)]
pub struct Reservation {
    pub(super) queue: Arc<Queue>,
    pub(super) caller: Caller,
    pub(super) records: usize,
    pub(super) bytes: usize,
    /// Records charged to the quotas.
    pub(super) charged: u64,
}

/// Why a request found no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// The queue is full, whichever tenant filled it.
    Full,
    /// The tenant is far above its share or quota.
    Pressed(Standing),
}

impl Reservation {
    /// Adjusts the room to what is stored: less where records are refused, more where they bring
    /// further records or rows repeat what the body says once (`repeated` bytes). Charges all
    /// records that were read, since a rejected one costs as much work.
    pub(super) fn keep(&mut self, tally: &Tally, repeated: usize) {
        let kept = usize::try_from(tally.stored()).unwrap_or(usize::MAX);
        let share = (self.bytes / self.records.max(1)).saturating_mul(kept);
        // The records that are stored may be the longest of the body, but not longer than it.
        let bytes = share.max(tally.held().min(self.bytes)).saturating_add(repeated);
        let mut state = self.queue.state.lock();
        self.charged = tally.read();
        state.shares.charge(&self.caller, self.charged);
        state.shares.give(&self.caller.tenant, self.records, self.bytes);
        state.shares.hold(&self.caller.tenant, kept, bytes);
        self.queue.metrics.queue_records.set(state.shares.records());
        (self.records, self.bytes) = (kept, bytes);
    }

    /// Gives back what was charged, as the log did not take the records.
    pub(super) fn refund(&self) {
        self.queue.state.lock().shares.refund(&self.caller, self.charged);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.shares.give(&self.caller.tenant, self.records, self.bytes);
        self.queue.metrics.queue_records.set(state.shares.records());
    }
}

#[cfg(test)]
mod tests {
    use tallylight_schemas::fates::{Fate, Reason};

    use super::*;
    use crate::fates::Source;
    use crate::metrics::Metrics;
    use crate::settings::Settings;

    #[test]
    fn what_is_stored_has_room_be_it_less_or_more_than_came() {
        let queue = Arc::new(Queue::new(&Settings::default(), Arc::new(Metrics::default())));
        let caller = Caller { tenant: "demo".into(), key: 0 };
        let held = || queue.state.lock().shares.records();
        let (mut room, _) = queue.reserve(&caller, (10, 1_000), 0).expect("room");
        assert_eq!(held(), 10);
        let mut tally = Tally::all(Fate::Accepted, Reason::None, 3);
        room.keep(&tally, 0);
        assert_eq!((held(), room.bytes), (3, 300));
        tally.beside(Source::Edge, Fate::Accepted, Reason::None);
        tally.beside(Source::Edge, Fate::Shed, Reason::Overload);
        room.keep(&tally, 70);
        assert_eq!((held(), room.bytes), (4, 470));
        drop(room);
        assert_eq!(held(), 0);
        for (bytes, kept) in [(500, 570), (5_000, 1_070)] {
            let (mut room, _) = queue.reserve(&caller, (10, 1_000), 0).expect("room");
            let mut tally = Tally::all(Fate::Accepted, Reason::None, 3);
            tally.hold(bytes);
            room.keep(&tally, 70);
            assert_eq!((held(), room.bytes), (3, kept), "those that are stored were longer");
        }
    }
}
