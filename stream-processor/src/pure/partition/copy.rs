//! A copy of a partition as it is at one moment, made while events are taken in: the sessions a few
//! at a time, everything else at once.

use super::PartitionState;
use crate::pure::session::words::Words;

impl PartitionState {
    /// Everything but the sessions as it is now, between two entries; begins a copy of the
    /// sessions, overwriting `bytes`. A copy that was begun before is given up.
    pub fn begin_copy(&mut self, bytes: Vec<u8>) -> Self {
        Self {
            partition: self.partition,
            partitions: self.partitions,
            limits: self.limits.clone(),
            mark: self.mark,
            sessions: self.sessions.begin_copy(bytes),
            sequences: self.sequences.clone(),
            windows: self.windows.clone(),
            delivery: self.delivery.clone(),
            fates: self.fates.clone(),
            tally: self.tally,
            lost_entries: self.lost_entries,
            early: self.early.clone(),
        }
    }

    /// Writes sessions as they were at that moment, `left` at most, and subtracts them from that.
    /// Answers the copy once it is complete; `None` if none was begun.
    pub fn go_on_copying(&mut self, left: &mut usize) -> Option<postcard::Result<Vec<u8>>> {
        self.sessions.go_on_copying(left)
    }

    /// Begins a copy of the sessions as they are now, between two entries, for a
    /// [`Moment`](crate::pure::session::moment::Moment); answers the words for it. A copy that was
    /// begun before is given up.
    pub fn begin_moment(&mut self) -> Words {
        self.sessions.begin_moment()
    }

    /// Continues it like [`Self::go_on_copying`].
    pub fn go_on_with_moment(&mut self, left: &mut usize) -> Option<postcard::Result<Vec<u8>>> {
        self.sessions.go_on_with_moment(left)
    }

    /// The state from everything but the sessions, as serde wrote it, and a copy of the sessions.
    pub fn read(bytes: &[u8]) -> postcard::Result<Self> {
        let (mut state, sessions) = postcard::take_from_bytes::<Self>(bytes)?;
        state.sessions.put_back(sessions)?;
        Ok(state)
    }
}
