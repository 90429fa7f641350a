//! The records of a session that its timeline no longer holds: by ranges of `sn`, and one by one if
//! they have none.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tallylight_schemas::ident;

use super::mix;
use super::numbers::Numbers;
use crate::pure::input::PlayerInput;
use crate::pure::tight::MaybeMs;

/// Identifies a record within an epoch of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Hash of (mode, sn, ts, e); of the digest where there is no `sn`.
    pub id: u64,
    /// The sequence number, when it has one.
    pub sn: Option<u64>,
    /// 0 for event reports, 1 for queries: each mode counts its own `sn`.
    pub mode: usize,
    /// Event time by the player's clock, Unix ms.
    pub ts: Option<i64>,
}

impl Identity {
    /// The identity of a record.
    ///
    /// A query without `sn` and `ts` is distinguished by its time of arrival: two requests in the
    /// same state are equal to the byte, and nothing retries a query.
    ///
    /// A request may be reported by several servers. Its text is the same then; if that is not
    /// enough, the digest includes its object. Its number starts again with whatever plays next.
    pub fn of(input: &PlayerInput<'_>) -> Self {
        let what = match (input.sn, input.ts) {
            // It is 0 in older files.
            (Some(_), None) if input.request && input.digest != 0 => input.digest,
            (Some(sn), _) => sn,
            (None, Some(_)) => input.digest,
            (None, None) if input.is_reported() => input.digest,
            (None, None) => mix(input.digest, input.received_ms.cast_unsigned()),
        };
        let when = mix(what, input.ts.unwrap_or(i64::MIN).cast_unsigned());
        let kind = ident::hash(if input.sn.is_some() { "sn" } else { "" }, input.e.unwrap_or(""));
        let id = mix(mix(when, kind), u64::from(input.request));
        let sn = input.sn.filter(|_| !input.is_reported());
        Self { id, sn, mode: usize::from(input.request), ts: input.ts }
    }

    /// Whether a repetition of it would be late once the record is final: then it need not be
    /// remembered.
    pub fn is_of_its_time(&self) -> bool {
        self.sn.is_none() && self.ts.is_none()
    }
}

/// Bounded memory of identities.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Seen {
    /// Event reports.
    events: Numbered,
    /// Records that most players do not send.
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Rest {
    /// Queries.
    queries: Numbered,
    /// The highest number of all queries that arrived.
    highest: Option<u64>,
    /// Records without `sn`, the oldest first.
    unnumbered: VecDeque<u64>,
}

/// Numbered records of a mode that are remembered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Numbered {
    numbers: Numbers,
    /// Their newest `ts`: the same number with a later one is another record.
    newest_ts: MaybeMs,
}

impl Seen {
    /// Whether the record's number is above all that arrived before. `highest` is that of the event
    /// reports that were taken in.
    pub fn is_ahead(&self, identity: &Identity, highest: Option<u64>) -> bool {
        let highest = match (identity.mode, &self.rest) {
            (0, _) => highest.max(self.events.numbers.last()),
            (_, rest) => rest.as_ref().and_then(|rest| rest.highest),
        };
        identity.sn.is_some_and(|sn| highest.is_none_or(|highest| sn > highest))
    }

    fn numbered(&self, mode: usize) -> Option<&Numbered> {
        if mode == 0 { Some(&self.events) } else { self.rest.as_ref().map(|rest| &rest.queries) }
    }

    fn numbered_mut(&mut self, mode: usize) -> &mut Numbered {
        if mode == 0 { &mut self.events } else { &mut self.rest.get_or_insert_default().queries }
    }

    /// Notes the number of a query; the session's state has that of event reports.
    pub fn came(&mut self, identity: &Identity) {
        if identity.mode != 0 && identity.sn.is_some() {
            let highest = &mut self.rest.get_or_insert_default().highest;
            *highest = (*highest).max(identity.sn);
        }
    }

    /// Whether the record was remembered.
    pub fn contains(&self, identity: &Identity) -> bool {
        let Some(sn) = identity.sn else {
            return self.rest.as_ref().is_some_and(|rest| rest.unnumbered.contains(&identity.id));
        };
        self.numbered(identity.mode).is_some_and(|older| {
            older.numbers.contains(sn)
                && (identity.ts.is_none() || identity.ts <= older.newest_ts.get())
        })
    }

    /// Remembers a record; of those without `sn` at most `capacity`.
    pub fn remember(&mut self, identity: &Identity, capacity: usize) {
        match identity.sn {
            Some(sn) => {
                let older = self.numbered_mut(identity.mode);
                older.numbers.insert(sn);
                older.newest_ts = older.newest_ts.get().max(identity.ts).into();
            }
            None => {
                let unnumbered = &mut self.rest.get_or_insert_default().unnumbered;
                unnumbered.push_back(identity.id);
                while unnumbered.len() > capacity {
                    unnumbered.pop_front();
                }
            }
        }
    }

    /// The numbers of all event reports that are remembered.
    pub fn numbers(&self) -> &Numbers {
        &self.events.numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sn: u64) -> Identity {
        Identity { id: mix(sn, 0), sn: Some(sn), mode: 0, ts: Some(10 * sn.cast_signed()) }
    }

    #[test]
    fn a_duplicate_is_found_however_long_ago_it_came() {
        let mut seen = Seen::default();
        for sn in (0..5_000).filter(|sn| sn % 700 != 3) {
            assert!(seen.is_ahead(&record(sn), None) && !seen.contains(&record(sn)));
            seen.remember(&record(sn), 16);
        }
        for sn in 0..5_000 {
            assert_eq!(seen.contains(&record(sn)), sn % 700 != 3, "sn {sn}");
        }
        assert!(seen.events.numbers.ranges().len() <= 9);
    }

    #[test]
    fn numbers_that_start_over_later_are_other_records() {
        let mut seen = Seen::default();
        (0..10).for_each(|sn| seen.remember(&record(sn), 16));
        assert!(!seen.contains(&Identity { ts: Some(91), ..record(3) }));
        assert!(seen.contains(&Identity { ts: None, ..record(3) }));
    }

    #[test]
    fn a_number_is_ahead_of_all_that_came_in_its_mode() {
        let mut seen = Seen::default();
        let query = |sn| Identity { mode: 1, ..record(sn) };
        seen.came(&query(7));
        seen.remember(&record(4), 16);
        assert!(seen.is_ahead(&query(8), Some(20)) && !seen.is_ahead(&query(7), None));
        assert!(seen.is_ahead(&record(5), Some(3)) && !seen.is_ahead(&record(5), Some(6)));
        assert!(!seen.is_ahead(&record(4), None));
    }

    #[test]
    fn those_without_a_number_are_bounded() {
        let mut seen = Seen::default();
        let query = |id| Identity { id, sn: None, mode: 1, ts: None };
        (0..100).for_each(|id| seen.remember(&query(id), 16));
        assert!(seen.contains(&query(99)) && seen.contains(&query(84)));
        assert!(!seen.contains(&query(83)) && !seen.is_ahead(&query(200), None));
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
}
