//! The rows of sessions that can still change, as of one moment. They are made from a
//! [copy](super::copy) in another thread, while the owner of the state takes in records.

use tallylight_schemas::session::{SessionRow, SpanRow};

use super::copy::{self, Whose};
use super::epoch::Epoch;
use super::store::Sessions;
use super::words::Words;

/// The sessions of a partition as they were at one moment.
#[derive(Debug)]
pub struct Moment {
    words: Words,
    copy: Vec<u8>,
}

impl Moment {
    /// From the words that [`Sessions::begin_moment`] answered and the copy that it began.
    pub fn new(words: Words, copy: Vec<u8>) -> Self {
        Self { words, copy }
    }

    /// A row for each session.
    pub fn sessions(&self) -> postcard::Result<impl Iterator<Item = postcard::Result<SessionRow>>> {
        Ok(self.epochs()?.map(|epoch| Ok(epoch?.row(&self.words))))
    }

    /// The rows of each session's spans that can still change.
    pub fn spans(&self) -> postcard::Result<impl Iterator<Item = postcard::Result<Vec<SpanRow>>>> {
        Ok(self.epochs()?.map(|epoch| {
            let epoch = epoch?;
            let open = epoch.timeline.open_spans().into_iter();
            Ok(open.map(|one| one.row(epoch.playback(), &self.words)).collect())
        }))
    }

    fn epochs(&self) -> postcard::Result<impl Iterator<Item = postcard::Result<Epoch>>> {
        let (_, sessions) = copy::read(&self.copy)?;
        Ok(sessions.map(|session| Ok(session?.1)))
    }
}

impl Sessions {
    /// Begins a copy of the sessions for a [`Moment`], and answers the words as they are now.
    pub(in crate::pure) fn begin_moment(&mut self) -> Words {
        self.slots.begin_copy(Whose::Moment, Vec::new());
        self.words.clone()
    }

    /// Writes sessions of that moment, `left` at most; answers the copy once it is complete.
    pub(in crate::pure) fn go_on_with_moment(
        &mut self,
        left: &mut usize,
    ) -> Option<postcard::Result<Vec<u8>>> {
        self.slots.go_on_copying(Whose::Moment, left)
    }
}
