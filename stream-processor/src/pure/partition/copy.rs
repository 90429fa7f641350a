//! A copy of a partition as it is at one moment, made while events go on: what is not of one session at
//! once, the sessions a few at a time.

use super::PartitionState;
use crate::pure::session::words::Words;

impl PartitionState {
    /// What is not of one session, as it is now, which is between two entries; and begins a copy of the
    /// sessions, over what is in `bytes`. One that was begun before is given up.
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

    /// Writes sessions as they were at that moment, `left` at most, from which they are taken off.
    /// Gives the copy once it has all of them; nothing if none was begun.
    pub fn go_on_copying(&mut self, left: &mut usize) -> Option<postcard::Result<Vec<u8>>> {
        self.sessions.go_on_copying(left)
    }

    /// Begins a copy of the sessions as they are now, which is between two entries, for a
    /// [`Moment`](crate::pure::session::moment::Moment); gives the words that it is made with. One
    /// that was begun before is given up.
    pub fn begin_moment(&mut self) -> Words {
        self.sessions.begin_moment()
    }

    /// Goes on with it as [`Self::go_on_copying`] does with the other.
    pub fn go_on_with_moment(&mut self, left: &mut usize) -> Option<postcard::Result<Vec<u8>>> {
        self.sessions.go_on_with_moment(left)
    }

    /// The state of which these are what is not of one session, as serde wrote it, and then the
    /// sessions.
    pub fn read(bytes: &[u8]) -> postcard::Result<Self> {
        let (mut state, sessions) = postcard::take_from_bytes::<Self>(bytes)?;
        state.sessions.put_back(sessions)?;
        Ok(state)
    }
}
