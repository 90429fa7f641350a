//! A state that was written and read back continues as if undisturbed, and spans add up to their
//! sessions.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use tallylight_eventlog::EventLog;
use tallylight_schemas::record::{EVENTS, Kind};
use tallylight_schemas::rows::Cuboid;
use tallylight_schemas::session::{SessionRow, SpanRow};
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::archive::{State, Written};
use tallylight_stream_processor::pure::partition::{PartitionState, Rows};
use tallylight_stream_processor::pure::session::moment::Moment;
use tallylight_stream_processor::pure::settle::Settle;
use tallylight_stream_processor::read::Partitions;

use crate::history::Life;
use crate::log::{Pipeline, part};
use crate::looks::{moment, spans};
use crate::order::delayed;
use crate::world::{Beacon, Item, T0, World};

pub fn through_bytes<T: serde::Serialize + serde::de::DeserializeOwned>(state: &T) -> T {
    let bytes = postcard::to_extend(state, Vec::new()).unwrap();
    let (back, rest) = postcard::take_from_bytes(&bytes).unwrap();
    assert!(rest.is_empty());
    back
}

/// A state written at once and read back.
pub fn copied(state: &PartitionState) -> PartitionState {
    PartitionState::read(&copy(state)).unwrap()
}

fn copy(state: &PartitionState) -> Vec<u8> {
    let mut state = state.clone();
    let rest = state.begin_copy(b"of before".to_vec());
    let sessions = state.go_on_copying(&mut { usize::MAX }).unwrap().unwrap();
    together(&rest, sessions)
}

fn together(rest: &PartitionState, sessions: Vec<u8>) -> Vec<u8> {
    [postcard::to_extend(rest, Vec::new()).unwrap(), sessions].concat()
}

/// Reads back a state written as its rest and its sessions.
pub fn read_back(rest: &PartitionState, sessions: Vec<u8>) -> PartitionState {
    PartitionState::read(&together(rest, sessions)).unwrap()
}

/// Feeds one entry to a state, and returns its rows.
pub fn entry(state: &mut PartitionState, offset: u64, log: i64, item: Option<&Item>) -> Rows {
    state.begin(offset, (T0 + log) * 1_000);
    match item {
        Some(Item::Beacon(beacon)) => state.players(&[beacon.input()]),
        Some(Item::Served(reported)) => drop(state.delivery(reported)),
        None => {}
    }
    state.finish(offset + 1)
}

/// The entries of a script: arrivals and ticks, until every session is forgotten.
pub fn entries(arrivals: &[(i64, Item)]) -> Vec<(i64, Option<Item>)> {
    let mut out: Vec<(i64, Option<Item>)> =
        arrivals.iter().map(|(log, item)| (*log, Some(item.clone()))).collect();
    let last = out.iter().map(|(log, _)| *log).max().unwrap_or(0);
    out.extend((0..(last + 900_000) / 1_000).map(|second| (second * 1_000, None)));
    out.sort_by_key(|(log, _)| *log);
    out
}

/// How long a query of `session_spans` occupies the processor with copying, and how long building
/// rows from the copy takes.
#[test]
#[ignore = "measures"]
#[allow(clippy::print_stdout, reason = "the figure of a run")]
fn how_long_open_spans_take_to_copy() {
    const SESSIONS: u64 = 50_000;
    let mut state = World::default().state;
    for (offset, second) in (0..120).step_by(10).enumerate() {
        state.begin(offset as u64, (T0 + second * 1_000) * 1_000);
        for sid in 0..SESSIONS {
            let sta = Some(if second == 0 { "s" } else { "p" });
            let beacon = Beacon {
                sid: format!("session-{sid}"),
                ts: second * 1_000,
                sn: offset as u64,
                e: if second < 20 { "ps" } else { "t" },
                sta,
                device: Some("tv"),
                cid: Some("demo"),
                ..Beacon::default()
            };
            state.players(&[beacon.input()]);
        }
        state.finish(offset as u64 + 1);
    }
    let started = std::time::Instant::now();
    let (words, mut steps, mut copy) = (state.begin_moment(), 0, None);
    while copy.is_none() {
        copy = state.go_on_with_moment(&mut { 20_000 });
        steps += 1;
    }
    let took = started.elapsed();
    println!("{SESSIONS} sessions copied in {took:?}, {steps} steps");
    let started = std::time::Instant::now();
    let spans = spans(&Moment::new(words, copy.unwrap().unwrap()));
    println!("{} spans of them in {:?}", spans.len(), started.elapsed());
}

#[tokio::test]
async fn partitions_written_at_different_moments_continue_together() {
    let mut pipeline = Pipeline::without_processor();
    for second in 0..20 {
        pipeline.second(second, 30).await;
        pipeline.append(vec![part(Kind::Player, Vec::new(), b"damaged".to_vec())]).await;
        pipeline.clock.advance_us(1_000_000);
    }
    let entries = pipeline.log.read(EVENTS, 0, usize::MAX).await.unwrap().entries;
    let (mut baseline, mut written) = (Partitions::new(4, &Limits::default()), Written::default());
    let (mut whole, mut rows) = (None, Vec::new());
    written.begin();
    for entry in &entries {
        let outcome = baseline.entry(entry);
        let next = entry.offset + 1;
        if whole.is_some() {
            rows.push(outcome.rows);
        } else if next as usize > entries.len() / 3 {
            let emitted = !outcome.rows.topic.progress.is_empty();
            if written.go_on(&mut baseline, next, 60).unwrap() && emitted {
                let rest = written.end(&baseline, &Settle::default(), &[]).unwrap();
                whole = Some((next, written.pieces(&rest).unwrap().concat()));
            }
        }
    }
    let (whole, bytes) = whole.unwrap();
    let mut again = State::read(&bytes).unwrap().partitions;
    let from = again.position();
    assert!(from + 3 <= whole, "four partitions with an entry between them: {from} to {whole}");
    let mut rows_again = Vec::new();
    for entry in entries.iter().filter(|entry| entry.offset >= from) {
        let outcome = again.entry(entry);
        if entry.offset >= whole {
            rows_again.push(outcome.rows);
        }
    }
    assert!(!rows.is_empty());
    assert_eq!(rows_again, rows);
    assert!(baseline.bad_parts() > 0);
    assert_eq!(again.bad_parts(), baseline.bad_parts());
    for (again, baseline) in again.states().iter().zip(baseline.states()) {
        assert_eq!(again.tally(), baseline.tally());
        assert_eq!(again.size(), baseline.size());
        assert_eq!(again.session_rows("demo", None, 99), baseline.session_rows("demo", None, 99));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_snapshot_is_completed_although_the_next_is_due_before() {
    let mut pipeline = Pipeline::without_processor();
    let dir = tempfile::tempdir().unwrap();
    // A snapshot is due with each checkpoint, and each second has one.
    let life = Life::start(&pipeline, dir.path(), None, true).await;
    for second in 0..12 {
        pipeline.second(second, 30).await;
        pipeline.clock.advance_us(1_000_000);
        life.caught_up().await;
        while life.history.status().hot_rows > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            pipeline.clock.advance_us(10_000);
        }
    }
    let archive = life.handle.stats().borrow().archive.unwrap();
    life.stop().await;
    assert!(archive.snapshot > 0, "{archive:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_copy_continues_from_its_moment_whatever_arrives_while_it_is_written(
        (_, arrivals) in delayed(),
        cut in 0.0_f64..1.0,
        at_a_time in 0_usize..4,
    ) {
        let entries = entries(&arrivals);
        let cut = (entries.len() as f64 * cut * 0.3) as usize;
        let limits = World::default().state;
        let (mut baseline, mut settle) = (limits, Settle::default());
        for (offset, (log, item)) in (0..).zip(&entries[..cut]) {
            settle.take(entry(&mut baseline, offset, *log, item.as_ref()).topic);
        }
        let mut other_settle = through_bytes(&settle);
        let rest = baseline.begin_copy(b"of before".to_vec());
        let (mut sessions, mut rows) = (None, Vec::new());
        for (offset, (log, item)) in (cut as u64..).zip(&entries[cut..]) {
            rows.push(entry(&mut baseline, offset, *log, item.as_ref()));
            if sessions.is_none() {
                sessions = baseline.go_on_copying(&mut { at_a_time });
            }
        }
        let sessions = sessions.or_else(|| baseline.go_on_copying(&mut { usize::MAX }));
        let mut other = read_back(&rest, sessions.unwrap().unwrap());
        for ((offset, (log, item)), one) in (cut as u64..).zip(&entries[cut..]).zip(rows) {
            let two = entry(&mut other, offset, *log, item.as_ref());
            prop_assert_eq!(&one, &two);
            prop_assert_eq!(settle.take(one.topic), other_settle.take(two.topic));
        }
        prop_assert_eq!(baseline.session_rows("demo", None, 99), other.session_rows("demo", None, 99));
        prop_assert_eq!(baseline.size(), other.size());
        prop_assert_eq!(copy(&baseline).len(), copy(&other).len());
    }

    #[test]
    fn spans_add_up_to_their_sessions_without_overlap((_, arrivals) in delayed()) {
        let mut state = World::default().state;
        let (mut sessions, mut spans): (Vec<SessionRow>, Vec<SpanRow>) = (Vec::new(), Vec::new());
        for (offset, (log, item)) in (0..).zip(entries(&arrivals)) {
            let rows = entry(&mut state, offset, log, item.as_ref());
            sessions.extend(rows.over.sessions);
            spans.extend(rows.over.spans);
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

    /// Series on demand rely on this: spans cut into panes, open ones extended through the pane,
    /// equal the windows, also in the newest pane and for sessions without a record since.
    #[test]
    fn spans_cut_into_panes_are_the_panes((_, arrivals) in delayed(), phase in 0_usize..5) {
        let mut state = World::default().state;
        let mut ended: Vec<SpanRow> = Vec::new();
        for (at, (log, item)) in entries(&arrivals).into_iter().enumerate() {
            let rows = entry(&mut state, at as u64, log, item.as_ref());
            ended.extend(rows.over.spans);
            let emitted = rows.topic.playback.iter().filter(|row| row.cuboid == Cuboid::Content);
            let emitted: Vec<_> = emitted.filter(|_| at % 5 == phase).collect();
            if emitted.is_empty() {
                continue;
            }
            let open = spans(&moment(&mut state));
            for row in emitted {
                let (start, end) = (row.pane, row.pane + 1_000_000);
                let to = |span: &SpanRow| if span.open == Some(true) { i64::MAX } else { span.to };
                let ours = ended.iter().chain(&open).filter(|span| {
                    span.state != "paused" && span.cid == row.cell.content && span.from < end
                });
                let viewers = ours.clone().filter(|span| to(span) >= end).count();
                prop_assert_eq!(row.measures.viewers, viewers as i64, "{:?} at {}", row, log);
                let ms = |state: &str| -> i64 {
                    let of = ours.clone().filter(|span| span.state == state);
                    of.map(|span| (to(span).min(end) - span.from.max(start)).max(0) / 1_000).sum()
                };
                prop_assert_eq!(row.measures.playing_ms, ms("playing"), "{:?} at {}", row, log);
                prop_assert_eq!(row.measures.rebuffering_ms, ms("rebuffering"), "{:?}", row);
                prop_assert_eq!(row.measures.starting_ms, ms("starting"), "{:?}", row);
            }
        }
    }
}
