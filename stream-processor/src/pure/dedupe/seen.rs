//! The records a session has had: the newest one by one, the older by ranges of `sn`.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tallylight_schemas::ident;

use super::mix;
use crate::pure::input::PlayerInput;

/// Ranges kept before the two lowest are joined.
const MAX_RANGES: usize = 64;

/// What makes a record itself and no other, within an epoch of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Hash of (mode, sn, ts, e); of the digest where there is no `sn`.
    pub id: u64,
    /// The sequence number, when it has one.
    pub sn: Option<u64>,
    /// 0 for event reports, 1 for queries: each mode counts its own `sn`.
    pub mode: usize,
}

impl Identity {
    /// The identity of a record.
    ///
    /// A query without `sn` and `ts` is told from its repetition by the time of arrival:
    /// two requests in the same state are alike to the byte, and nothing retries a query.
    pub fn of(input: &PlayerInput<'_>) -> Self {
        let what = match (input.sn, input.ts) {
            (Some(sn), _) => sn,
            (None, Some(_)) => input.digest,
            (None, None) => mix(input.digest, input.received_ms.cast_unsigned()),
        };
        let when = mix(what, input.ts.unwrap_or(i64::MIN).cast_unsigned());
        let kind = ident::hash(if input.sn.is_some() { "sn" } else { "" }, input.e.unwrap_or(""));
        let id = mix(mix(when, kind), u64::from(input.request));
        Self { id, sn: input.sn, mode: usize::from(input.request) }
    }
}

/// Bounded memory of identities.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Seen {
    recent: VecDeque<(u64, Option<u64>, u8)>,
    highest: [Option<u64>; 2],
    older: [Ranges; 2],
}

impl Seen {
    /// Whether the record was here before.
    pub fn contains(&self, identity: &Identity) -> bool {
        if let Some(sn) = identity.sn
            && self.highest[identity.mode].is_none_or(|highest| sn > highest)
        {
            return false;
        }
        self.recent.iter().any(|(id, ..)| *id == identity.id)
            || identity.sn.is_some_and(|sn| self.older[identity.mode].contains(sn))
    }

    /// Remembers a record; beyond `capacity` the oldest is kept by its `sn` only.
    pub fn insert(&mut self, identity: &Identity, capacity: usize) {
        self.highest[identity.mode] = self.highest[identity.mode].max(identity.sn);
        let mode = u8::from(identity.mode == 1);
        self.recent.push_back((identity.id, identity.sn, mode));
        while self.recent.len() > capacity {
            if let Some((_, Some(sn), mode)) = self.recent.pop_front() {
                self.older[usize::from(mode)].insert(sn);
            }
        }
    }

    /// The highest `sn` of event reports.
    pub fn highest_sn(&self) -> Option<u64> {
        self.highest[0]
    }
}

/// Numbers as ascending ranges, both ends included.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    fn contains(&self, n: u64) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < n);
        self.0.get(at).is_some_and(|(first, _)| *first <= n)
    }

    fn insert(&mut self, n: u64) {
        if self.contains(n) {
            return;
        }
        let at = self.0.partition_point(|(_, last)| *last < n);
        let joins_before = at > 0 && self.0[at - 1].1.saturating_add(1) == n;
        let joins_after = self.0.get(at).is_some_and(|(first, _)| n.saturating_add(1) == *first);
        match (joins_before, joins_after) {
            (true, true) => {
                self.0[at - 1].1 = self.0[at].1;
                self.0.remove(at);
            }
            (true, false) => self.0[at - 1].1 = n,
            (false, true) => self.0[at].0 = n,
            (false, false) => self.0.insert(at, (n, n)),
        }
        if self.0.len() > MAX_RANGES {
            self.0[1].0 = self.0[0].0;
            self.0.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(sn: u64) -> Identity {
        Identity { id: mix(sn, 0), sn: Some(sn), mode: 0 }
    }

    #[test]
    fn a_duplicate_is_found_however_long_ago_it_came() {
        let mut seen = Seen::default();
        for sn in (0..5_000).filter(|sn| sn % 700 != 3) {
            assert!(!seen.contains(&record(sn)));
            seen.insert(&record(sn), 16);
        }
        for sn in 0..5_000 {
            assert_eq!(seen.contains(&record(sn)), sn % 700 != 3, "sn {sn}");
        }
        assert!(seen.recent.len() <= 16 && seen.older[0].0.len() <= 9);
    }

    #[test]
    fn modes_and_times_tell_records_apart() {
        let base = PlayerInput { sn: Some(1), ts: Some(5), e: Some("t"), ..Default::default() };
        let id = |input: &PlayerInput<'_>| Identity::of(input).id;
        assert_eq!(id(&base), id(&PlayerInput { received_ms: 9, digest: 4, ..base.clone() }));
        for other in [
            PlayerInput { request: true, ..base.clone() },
            PlayerInput { ts: Some(6), ..base.clone() },
            PlayerInput { e: Some("ps"), ..base.clone() },
            PlayerInput { sn: Some(2), ..base.clone() },
            PlayerInput { sn: None, digest: 1, ..base.clone() },
        ] {
            assert_ne!(id(&base), id(&other), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn ranges_are_a_set(numbers in prop::collection::vec(0_u64..100, 0..120)) {
            let mut ranges = Ranges::default();
            for n in &numbers {
                ranges.insert(*n);
            }
            for n in 0..100 {
                prop_assert_eq!(ranges.contains(n), numbers.contains(&n));
            }
        }
    }
}
