//! What a question about every open session costs today: a measurement, not a test.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tallylight_schemas::session::SessionRow;
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::pure::input::PlayerInput;
use tallylight_stream_processor::pure::partition::PartitionState;

use crate::world::T0;

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
    for round in 0..5 {
        // Events flow meanwhile.
        for (p, state) in states.iter_mut().enumerate() {
            feed(state, 1_000 + round, p * each..p * each + TOGETHER, "r");
        }
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
    println!("the newest 10,000 of each partition, as live_sessions asks: {:?}", median(newest));
    println!("rows of all, grouped by country and device: {:?}", median(every));
}
