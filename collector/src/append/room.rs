//! Room in the queue, held by a request until the log has it.

use std::sync::Arc;

use super::Queue;
use crate::admit::Caller;
use crate::fates::Tally;
use crate::pure::ladder::Standing;

/// Room in the queue for one request; given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    pub(super) queue: Arc<Queue>,
    pub(super) caller: Caller,
    pub(super) records: usize,
    pub(super) bytes: usize,
}

/// Why a request found no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// The queue is full, whoever filled it.
    Full,
    /// The tenant presses too hard.
    Pressed(Standing),
}

impl Reservation {
    /// Gives back the room of records that are not stored, and charges all that were read:
    /// what is rejected takes no less of a core.
    pub(super) fn keep(&mut self, tally: &Tally) {
        let kept = usize::try_from(tally.accepted()).unwrap_or(usize::MAX).min(self.records);
        let bytes = self.bytes / self.records.max(1) * kept;
        let mut state = self.queue.state();
        state.shares.charge(&self.caller, tally.read());
        state.shares.give(&self.caller.tenant, self.records - kept, self.bytes - bytes);
        (self.records, self.bytes) = (kept, bytes);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.shares.give(&self.caller.tenant, self.records, self.bytes);
        self.queue.metrics.queue_records.set(state.shares.records());
    }
}
