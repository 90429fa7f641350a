//! A state that was written down and read back goes on as if nothing had happened, and what
//! sessions leave behind adds up to what they were.

use std::collections::HashMap;

use proptest::prelude::*;
use tallylight_schemas::session::{SessionRow, SpanRow};
use tallylight_stream_processor::pure::partition::{PartitionState, Rows};
use tallylight_stream_processor::pure::settle::Settle;

use crate::order::delayed;
use crate::world::{Item, T0, World};

pub fn through_bytes<T: serde::Serialize + serde::de::DeserializeOwned>(state: &T) -> T {
    let bytes = postcard::to_extend(state, Vec::new()).unwrap();
    let (back, rest) = postcard::take_from_bytes(&bytes).unwrap();
    assert!(rest.is_empty());
    back
}

/// One entry into a state, its rows as they come.
pub fn entry(state: &mut PartitionState, offset: u64, log: i64, item: Option<&Item>) -> Rows {
    state.begin(offset, (T0 + log) * 1_000);
    match item {
        Some(Item::Beacon(beacon)) => state.players(&[beacon.input()]),
        Some(Item::Served(reported)) => drop(state.delivery(reported)),
        None => {}
    }
    state.finish(offset + 1)
}

/// The entries of a script: what arrives, and ticks, until every session is forgotten.
pub fn entries(arrivals: &[(i64, Item)]) -> Vec<(i64, Option<Item>)> {
    let mut out: Vec<(i64, Option<Item>)> =
        arrivals.iter().map(|(log, item)| (*log, Some(item.clone()))).collect();
    let last = out.iter().map(|(log, _)| *log).max().unwrap_or(0);
    out.extend((0..(last + 900_000) / 1_000).map(|second| (second * 1_000, None)));
    out.sort_by_key(|(log, _)| *log);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_state_goes_on_from_bytes((_, arrivals) in delayed(), cut in 0.0_f64..1.0) {
        let entries = entries(&arrivals);
        let cut = (entries.len() as f64 * cut * 0.3) as usize;
        let limits = World::default().state;
        let (mut straight, mut settle) = (limits, Settle::default());
        for (offset, (log, item)) in (0..).zip(&entries[..cut]) {
            settle.take(entry(&mut straight, offset, *log, item.as_ref()));
        }
        let (mut other, mut other_settle) = (through_bytes(&straight), through_bytes(&settle));
        for (offset, (log, item)) in (cut as u64..).zip(&entries[cut..]) {
            let one = entry(&mut straight, offset, *log, item.as_ref());
            let two = entry(&mut other, offset, *log, item.as_ref());
            prop_assert_eq!(&one, &two);
            prop_assert_eq!(settle.take(one), other_settle.take(two));
        }
        prop_assert_eq!(straight.session_rows("demo", None, 99), other.session_rows("demo", None, 99));
        prop_assert_eq!(straight.size(), other.size());
        let bytes = |state: &PartitionState| postcard::to_extend(state, Vec::new()).unwrap().len();
        prop_assert_eq!(bytes(&straight), bytes(&other));
    }

    #[test]
    fn spans_add_up_to_their_sessions_and_each_is_said_once((_, arrivals) in delayed()) {
        let mut state = World::default().state;
        let (mut sessions, mut spans): (Vec<SessionRow>, Vec<SpanRow>) = (Vec::new(), Vec::new());
        for (offset, (log, item)) in (0..).zip(entries(&arrivals)) {
            let rows = entry(&mut state, offset, log, item.as_ref());
            sessions.extend(rows.sessions);
            spans.extend(rows.spans);
        }
        prop_assert_eq!(state.session_rows("demo", None, 99), vec![]);
        let mut spent: HashMap<(&str, u32, &str), i64> = HashMap::new();
        let mut last: HashMap<(&str, u32), i64> = HashMap::new();
        for span in &spans {
            prop_assert!(span.from < span.to, "{span:?}");
            let end = last.insert((&span.sid, span.epoch), span.to).unwrap_or(i64::MIN);
            prop_assert!(end <= span.from, "{span:?} begins before {end}");
            *spent.entry((&span.sid, span.epoch, &span.state)).or_default() += span.to - span.from;
        }
        for session in &sessions {
            let of = |state| {
                let key = (session.sid.as_str(), session.epoch, state);
                spent.get(&key).copied().unwrap_or(0) / 1_000
            };
            prop_assert_eq!(of("playing"), session.playing_ms, "{:?}", session);
            prop_assert_eq!(of("rebuffering"), session.rebuffering_ms, "{:?}", session);
            prop_assert_eq!(of("seeking"), session.seeking_ms, "{:?}", session);
        }
    }
}
