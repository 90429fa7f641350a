//! The sessions of some records, found together. To take in a record is to wait for memory again and
//! again, as nobody's session was looked at a moment ago: where it is, the session, its facts. What
//! is waited for at the same time for many takes as long as for one, so all of it is read once here,
//! one kind after the other, before the records are taken in one by one.

use std::hint::black_box;

use super::epoch::Epoch;
use super::index::Half;
use super::machine::Machine;
use super::store::Sessions;
use super::timeline::Timeline;
use crate::pure::input::PlayerInput;
use crate::pure::window::Watching;

/// Records that are looked up together: what is read of their sessions must stay in a near cache.
pub(in crate::pure) const TOGETHER: usize = 32;

/// Where the sessions of as many records very likely are.
pub(in crate::pure) type Likely = [Option<u32>; TOGETHER];

impl Sessions {
    /// Looks up the sessions of the first [`TOGETHER`] records.
    pub(in crate::pure) fn look_up(&self, inputs: &[PlayerInput<'_>]) -> Likely {
        let mut halves = [None; TOGETHER];
        for (half, input) in halves.iter_mut().zip(inputs) {
            *half = Some(Half::of(input.tenant, input.sid));
        }
        let likely = halves.map(|half| self.slots.likely(half?));
        let epochs = || likely.iter().flatten().filter_map(|slot| self.slots.get(*slot));
        // Nobody wants these sums, but without them nothing would be read.
        black_box(epochs().map(Epoch::touch).fold(0, i64::wrapping_add));
        black_box(epochs().map(|epoch| epoch.timeline.touch_beyond()).fold(0, u64::wrapping_add));
        black_box(epochs().map(|epoch| epoch.timeline.touch_seldom()).fold(0, i64::wrapping_add));
        likely
    }
}

impl Epoch {
    /// Reads a bit of everything that lies together.
    fn touch(&self) -> i64 {
        let kin = i64::from(self.kin.is_some());
        let newest = self.newest_ts().unwrap_or_default();
        let sums = [self.opened_ts, self.heard_at, newest, kin, self.timeline.touch()];
        sums.into_iter().fold(0, i64::wrapping_add)
    }
}

impl Timeline {
    fn touch(&self) -> i64 {
        let seen = i64::from(self.seen.numbers().is_empty());
        let (base, head) = (self.base().at(), self.now().at());
        [seen, base, head, i64::from(self.is_empty())].into_iter().fold(0, i64::wrapping_add)
    }

    /// Reads a bit of what is elsewhere. Where a session's two states tell the same, there is one story.
    fn touch_beyond(&self) -> u64 {
        let story = |machine: &Machine| {
            u64::from(machine.is_ended()) ^ u64::from(machine.dimensions().asn.is_some())
        };
        story(self.now()) ^ story(self.base()) ^ self.recent().touch()
    }

    /// Reads a bit of what a story leads to. After ten minutes nearly every viewer has rebuffered once.
    fn touch_seldom(&self) -> i64 {
        let seldom = |machine: &Machine| machine.last_seen() ^ machine.spent(Watching::Rebuffering);
        seldom(self.now()) ^ seldom(self.base())
    }
}
