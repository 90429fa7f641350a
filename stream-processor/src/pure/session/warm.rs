//! Finds the sessions of some records together. Taking in a record means waiting for memory several
//! times, as its session is rarely in the cache: for its place, the session, its facts. Waiting for
//! many of these at once takes as long as for one, so all are read here, one kind after the other,
//! before the records are taken in one by one.

use std::hint::black_box;

use super::epoch::Epoch;
use super::index::Half;
use super::machine::Machine;
use super::store::Sessions;
use super::timeline::Timeline;
use crate::pure::input::PlayerInput;
use crate::pure::window::Watching;

/// Records that are looked up together: their sessions must fit into a near cache.
pub(in crate::pure) const TOGETHER: usize = 32;

/// The likely places of the sessions of as many records.
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
        // The sums are not used, but without them the compiler would leave out the reads.
        black_box(epochs().map(Epoch::touch).fold(0, i64::wrapping_add));
        black_box(epochs().map(|epoch| epoch.timeline.touch_beyond()).fold(0, u64::wrapping_add));
        black_box(epochs().map(|epoch| epoch.timeline.touch_seldom()).fold(0, i64::wrapping_add));
        likely
    }
}

impl Epoch {
    /// Reads something of each cache line of a value.
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

    /// Reads something of what a session points to. Its two states mostly share one story.
    fn touch_beyond(&self) -> u64 {
        let story = |machine: &Machine| {
            u64::from(machine.is_ended()) ^ u64::from(machine.dimensions().asn.is_some())
        };
        story(self.now()) ^ story(self.base()) ^ self.recent().touch()
    }

    /// Reads something of what a story points to. After ten minutes nearly every viewer has
    /// rebuffered once.
    fn touch_seldom(&self) -> i64 {
        let seldom = |machine: &Machine| machine.last_seen() ^ machine.spent(Watching::Rebuffering);
        seldom(self.now()) ^ seldom(self.base())
    }
}
