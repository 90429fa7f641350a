//! Queries about every open session: columns equal the sessions. Their cost is a measurement, not a
//! test.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::util::display::array_value_to_string;
use proptest::prelude::*;
use tallylight_schemas::session::{Outcome, SessionRow};
use tallylight_schemas::tables::open_sessions;
use tallylight_stream_processor::pure::input::PlayerInput;
use tallylight_stream_processor::pure::partition::PartitionState;
use tallylight_stream_processor::{Limits, OpenPage, OpenPlace, OpenQuery};

use crate::order::delayed;
use crate::snapshot::{copied, entries, entry};
use crate::world::{T0, World};

const PARTITIONS: u16 = 4;
const SESSIONS: usize = 1_000_000;
const TOGETHER: usize = 1_000;

/// One record of each session in a range: of 50 contents, 200 countries, 40 devices.
fn feed(state: &mut PartitionState, n: u64, sids: std::ops::Range<usize>, sta: &str) {
    let word = |of: &str, n: usize| format!("{of}-{n}");
    let words: Vec<[String; 4]> = sids
        .map(|n| [word("sid", n), word("c", n % 50), word("l", n % 200), word("d", n / 7 % 40)])
        .collect();
    let ts = T0 + 1 + i64::try_from(n).unwrap() / 100;
    let inputs: Vec<PlayerInput<'_>> = words
        .iter()
        .map(|[sid, cid, country, device]| PlayerInput {
            tenant: "demo",
            sid,
            received_ms: ts,
            ts: Some(ts),
            sn: Some(n),
            e: Some("ps"),
            sta: Some(sta),
            cid: Some(cid),
            country: Some(country),
            device: Some(device),
            br_kbps: Some(600),
            ..PlayerInput::default()
        })
        .collect();
    state.begin(n, ts * 1_000);
    state.players(&inputs);
    let _ = state.finish(n + 1);
}

fn query_for(columns: &[&str], from: OpenPlace) -> OpenQuery {
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    OpenQuery { tenant: "demo".to_owned(), columns, from }
}

/// All pages of the answer.
fn all(states: &[PartitionState], columns: &[&str]) -> Vec<RecordBatch> {
    let (mut batches, mut next) = (Vec::new(), Some(OpenPlace::default()));
    while let Some(from) = next {
        let page: OpenPage = query_for(columns, from).ask(states).unwrap();
        batches.extend(page.batches);
        next = page.next;
    }
    batches
}

/// The rows of batches as text, in order.
fn rows(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let row = |batch: &RecordBatch, row: usize| {
        let cell = |array: &Arc<dyn Array>| array_value_to_string(array, row).unwrap();
        batch.columns().iter().map(cell).collect()
    };
    let all = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|at| row(batch, at)));
    let mut all: Vec<Vec<String>> = all.collect();
    all.sort();
    all
}

const STORED: [&str; 12] = [
    "tenant", "cid", "device", "os", "player", "country", "asn", "edge", "pipeline", "outcome",
    "state", "final",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn columns_equal_the_sessions((_, arrivals) in delayed()) {
        let mut state = World::default().state;
        for (offset, (log, item)) in (0..).zip(entries(&arrivals)) {
            entry(&mut state, offset, log, item.as_ref());
            if offset % 7 == 0 {
                let mut open = state.session_rows("demo", None, usize::MAX);
                open.retain(|row| row.outcome == Outcome::Playing);
                let states = [state, copied(&World::default().state)];
                for more in [&[][..], &["sid", "playing_ms", "last_seen"]] {
                    let columns = [&STORED[..], more].concat();
                    let names: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
                    let expected = rows(&[open_sessions(&open, &names).unwrap()]);
                    prop_assert_eq!(&rows(&all(&states, &columns)), &expected);
                    prop_assert_eq!(rows(&all(&[copied(&states[0])], &columns)), expected);
                }
                let tenant = "other".to_owned();
                let other = OpenQuery { tenant, ..query_for(&STORED, OpenPlace::default()) };
                prop_assert_eq!(other.ask(&states).unwrap().batches[0].num_rows(), 0);
                state = states.into_iter().next().unwrap();
            }
        }
    }
}

#[test]
fn pages_have_each_session_once() {
    let limits = Limits::default();
    let mut states = [0, 1].map(|p| PartitionState::new(p, 2, limits.clone()));
    for (p, state) in states.iter_mut().enumerate() {
        feed(state, 1, p * 5_000..(p + 1) * 5_000, "p");
    }
    let batches = all(&states, &["sid"]);
    assert_eq!(batches.len(), 6);
    let mut sids = rows(&batches);
    sids.dedup();
    assert_eq!(sids.len(), 10_000);
    let words = rows(&all(&states, &["country", "device"]));
    assert_eq!(
        words,
        rows(&all(&states, &["country", "device", "sid"]))
            .into_iter()
            .map(|row| row[..2].to_vec())
            .collect::<Vec<_>>()
    );
    assert!(query_for(&["sidd"], OpenPlace::default()).ask(&states).is_err());
    assert!(
        query_for(&["sid"], OpenPlace { partition: 9, slot: 9 })
            .ask(&states)
            .unwrap()
            .next
            .is_none()
    );
}

#[test]
fn a_column_has_only_its_own_words() {
    let mut state = PartitionState::new(0, 1, Limits::default());
    feed(&mut state, 1, 0..500, "p");
    for (tenant, words) in [("demo", 50), ("other", 0)] {
        let query =
            OpenQuery { tenant: tenant.to_owned(), ..query_for(&["cid"], OpenPlace::default()) };
        let page = query.ask(std::slice::from_ref(&state)).unwrap();
        let contents = page.batches[0].column(0).as_any_dictionary();
        assert_eq!(contents.values().len(), words, "{tenant}");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
#[ignore = "measures: a million open sessions, some GiB"]
fn a_million_live_sessions_by_two_dimensions() {
    let limits = Limits { sessions: SESSIONS, ..Limits::default() };
    let mut states: Vec<PartitionState> =
        (0..PARTITIONS).map(|p| PartitionState::new(p, PARTITIONS, limits.clone())).collect();
    let each = SESSIONS / usize::from(PARTITIONS);
    for (p, state) in states.iter_mut().enumerate() {
        for (n, from) in (p * each..(p + 1) * each).step_by(TOGETHER).enumerate() {
            feed(state, n as u64, from..from + TOGETHER, "p");
        }
        assert_eq!(state.open_sessions(), each);
    }
    let (mut newest, mut every) = (Vec::new(), Vec::new());
    let (mut columns, mut pages) = (Vec::new(), Vec::new());
    for round in 0..5 {
        // Events come in meanwhile.
        for (p, state) in states.iter_mut().enumerate() {
            feed(state, 1_000 + round, p * each..p * each + TOGETHER, "r");
        }
        let began = Instant::now();
        let page = query_for(&["country", "device"], OpenPlace::default()).ask(&states).unwrap();
        assert_eq!(page.batches.iter().map(RecordBatch::num_rows).sum::<usize>(), SESSIONS);
        columns.push(began.elapsed());
        let began = Instant::now();
        let playing = all(&states, &["country", "playing_ms"]);
        assert_eq!(playing.iter().map(RecordBatch::num_rows).sum::<usize>(), SESSIONS);
        pages.push(began.elapsed());
        let began = Instant::now();
        let rows: Vec<SessionRow> =
            states.iter().flat_map(|state| state.session_rows("demo", None, 10_000)).collect();
        assert_eq!(rows.len(), 10_000 * usize::from(PARTITIONS));
        newest.push(began.elapsed());
        let began = Instant::now();
        let mut groups: HashMap<(Option<String>, Option<String>), usize> = HashMap::new();
        for row in states.iter().flat_map(|state| state.session_rows("demo", None, usize::MAX)) {
            *groups.entry((row.country, row.device)).or_default() += 1;
        }
        assert_eq!(groups.values().sum::<usize>(), SESSIONS);
        every.push(began.elapsed());
    }
    println!("country and device of all as Arrow columns: {:?}", median(columns));
    println!("country and playing_ms of all, in pages: {:?}", median(pages));
    println!("the newest 10,000 of each partition: {:?}", median(newest));
    println!("rows of all, grouped by country and device: {:?}", median(every));
}
