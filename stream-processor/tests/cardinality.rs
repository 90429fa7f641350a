//! Ever new distinct values on each of twelve dimensions (docs/testing.md, "What must hold"):
//! memory stays under its bound, values without a cell are counted under `__other__`, and the
//! largest are exact: from the beginning if they were there before the flood, else once cells were
//! contested.
//!
//! There are 100,000 values of each; `TALLYLIGHT_SOAK` raises it to ten million. The test has its
//! own binary, because it measures the memory of its process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use serde_json::json;
use tallylight_schemas::delivery::DeliveryEvent;
use tallylight_schemas::ipc::TenantDelivery;
use tallylight_schemas::rows::{Cell, Cuboid, OTHER, PlaybackRow};
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::pure::input::PlayerInput;
use tallylight_stream_processor::pure::partition::{PartitionState, Rows};

/// A Unix time at a whole minute, ms.
const T0: i64 = 1_795_000_020_000;
const SECOND: i64 = 1_000;
/// Sessions with five large values, which play through the whole flood.
const LARGE: usize = 25;
/// When the large values and the flood begin, in seconds.
#[derive(Clone, Copy)]
struct Case {
    large_from: u64,
    flood_from: u64,
    /// From here on the large values are counted exactly.
    exact_from: u64,
}

const LARGE_FIRST: Case = Case { large_from: 0, flood_from: 3, exact_from: 0 };
/// Cells are contested every ten seconds, the width of the longest panes.
const FLOOD_FIRST: Case = Case { large_from: 5, flood_from: 0, exact_from: 30 };
/// New values per second.
const FLOOD: u64 = 2_000;
/// The most memory that a partition with [`limits`] may take, KiB.
const MOST_KIB: u64 = 512 << 10;

fn limits() -> Limits {
    Limits {
        sessions: 20_000,
        closed: 2_000,
        tombstones: 50_000,
        pending: 2_000,
        ..Limits::default()
    }
}

fn distinct() -> u64 {
    if std::env::var_os("TALLYLIGHT_SOAK").is_some() { 10_000_000 } else { 100_000 }
}

/// Resident memory of this process, KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A viewer's record whose nine dimensions are this word or this number.
fn record<'a>(sid: &'a str, word: &'a str, n: u64, sn: u64, ts: i64) -> PlayerInput<'a> {
    PlayerInput {
        tenant: "demo",
        sid,
        received_ms: ts,
        ts: Some(ts),
        sn: Some(sn),
        digest: sn,
        e: Some(if sn == 0 { "ps" } else { "t" }),
        sta: Some("p"),
        cid: Some(word),
        br_kbps: Some(1 + i64::try_from(n).unwrap()),
        ec: Some(word.into()),
        country: Some(word),
        device: Some(word),
        os: Some(word),
        player: Some(word),
        asn: u32::try_from(n).ok(),
        ..PlayerInput::default()
    }
}

/// An edge's report without its dimensions.
fn bare() -> DeliveryEvent {
    let fields = json!({"source": "", "boot": 1, "seq": 0, "ts": 0, "service": "edge",
        "action": "get", "stream": "demo", "track": "", "k": 7, "status": 200, "bytes": 1_000});
    serde_json::from_value(fields).unwrap()
}

/// A report with this word as its edge, pipeline, track and reporter.
fn report(bare: &DeliveryEvent, sid: &str, word: &str, (seq, ts): (u64, i64)) -> TenantDelivery {
    let text = || Some(word.to_owned());
    let event = DeliveryEvent {
        source: word.into(),
        seq,
        ts: ts * 1_000,
        track: word.into(),
        edge: text(),
        pipeline: text(),
        sid: Some(sid.into()),
        ..bare.clone()
    };
    TenantDelivery { tenant: "demo".into(), received_at: ts * 1_000, event }
}

/// Sums of events as a reader has them: the newest version of each pane counts. Panes that can no
/// longer change are folded, so that the reader stays smaller than the state that it measures.
#[derive(Default)]
struct Reader {
    /// The second sums count panes from here on, Unix ms.
    from: i64,
    open: BTreeMap<i64, BTreeMap<(Cuboid, Cell), i64>>,
    open_requests: BTreeMap<i64, BTreeMap<String, i64>>,
    /// Of all panes, and of those from `from` on.
    sums: BTreeMap<(Cuboid, String), [i64; 2]>,
    requests: BTreeMap<String, i64>,
}

/// The word that represents a cell: the dimension that only its cuboid has.
fn word(cuboid: Cuboid, cell: &Cell) -> String {
    let word = match cuboid {
        Cuboid::Rendition
            if cell.content.as_deref().is_some_and(|content| content.starts_with('f')) =>
        {
            &cell.content
        }
        Cuboid::Content => &cell.content,
        Cuboid::Delivery | Cuboid::Network => &cell.edge,
        Cuboid::Rendition => &cell.rendition,
        Cuboid::Audience => &cell.device,
        Cuboid::Client => &cell.player,
    };
    let word = word.as_deref().unwrap_or("unknown");
    // The flood's words are too many to keep: they are counted together.
    if word.starts_with('f') { "flood".to_owned() } else { word.to_owned() }
}

impl Reader {
    fn take(&mut self, Rows { topic: rows, .. }: Rows) {
        for PlaybackRow { pane, cuboid, cell, measures, .. } in rows.playback {
            self.open.entry(pane).or_default().insert((cuboid, cell), measures.events);
        }
        for row in rows.delivery {
            let pane = self.open_requests.entry(row.pane).or_default();
            pane.insert(row.edge.unwrap_or_default(), row.requests);
        }
    }

    fn fold(&mut self, before_ms: i64) {
        let open = self.open.split_off(&(before_ms * 1_000));
        for (pane, cells) in std::mem::replace(&mut self.open, open) {
            let is_exact = i64::from(pane >= self.from * 1_000);
            for ((cuboid, cell), events) in cells {
                let sums = self.sums.entry((cuboid, word(cuboid, &cell))).or_default();
                sums[0] += events;
                sums[1] += events * is_exact;
            }
        }
        let open = self.open_requests.split_off(&(before_ms * 1_000));
        for (edge, requests) in
            std::mem::replace(&mut self.open_requests, open).into_values().flatten()
        {
            let edge = if edge.starts_with('f') { "flood".to_owned() } else { edge };
            *self.requests.entry(edge).or_default() += requests;
        }
    }
}

#[test]
fn any_number_of_values_stays_within_the_bound_and_the_largest_are_exact() {
    flooded(LARGE_FIRST);
    flooded(FLOOD_FIRST);
}

#[allow(clippy::print_stdout, reason = "the figure of a run")]
fn flooded(case: Case) {
    let mut state = PartitionState::new(0, 1, limits());
    let from = T0 + i64::try_from(case.exact_from).unwrap() * SECOND;
    let (mut reader, bare) = (Reader { from, ..Reader::default() }, bare());
    let (before, mut most) = (resident(), 0);
    let large: Vec<(String, String)> =
        (0..LARGE).map(|i| (format!("large-{i}"), format!("large {}", i % 5))).collect();
    let seconds = case.flood_from + distinct() / FLOOD;
    let (mut offset, mut sent) = (0, 0);
    for second in 0..seconds {
        let now = T0 + i64::try_from(second).unwrap() * SECOND;
        let new = if second < case.flood_from { 0 } else { FLOOD };
        let flood: Vec<(String, String, u64)> = (second * FLOOD..second * FLOOD + new)
            .map(|n| (format!("sid-{n}"), format!("f{n}"), n + 10))
            .collect();
        let large = if second < case.large_from { &[] } else { large.as_slice() };
        let watched = large.iter().enumerate();
        let inputs: Vec<PlayerInput<'_>> = watched
            .map(|(i, (sid, word))| record(sid, word, i as u64 % 5, second, now))
            .chain(flood.iter().map(|(sid, word, n)| record(sid, word, *n, 0, now)))
            .collect();
        state.begin(offset, now * 1_000);
        for (i, (sid, word)) in (0..).zip(large) {
            state.delivery(&report(&bare, sid, word, (second * LARGE as u64 + i, now)));
        }
        for (sid, word, _) in &flood {
            state.delivery(&report(&bare, sid, word, (0, now)));
        }
        state.players(&inputs);
        sent += inputs.len() as i64;
        offset += 1;
        reader.take(state.finish(offset));
        reader.fold(now - 300 * SECOND);
        most = most.max(resident());
    }
    let taken = most.saturating_sub(before);
    println!("figure: {} values of each dimension: {} MiB", distinct(), taken >> 10);
    assert!(taken < MOST_KIB, "{taken} KiB");
    for second in seconds..seconds + 400 {
        state.begin(offset, (T0 + i64::try_from(second).unwrap() * SECOND) * 1_000);
        offset += 1;
        reader.take(state.finish(offset));
    }
    reader.fold(i64::MAX / 1_000);
    assert_eq!(i64::try_from(state.tally().accepted).unwrap(), 2 * sent);
    check(&reader, case, i64::try_from(seconds).unwrap(), sent);
}

fn check(reader: &Reader, case: Case, seconds: i64, sent: i64) {
    let since = |second: u64| (seconds - i64::try_from(second).unwrap()) * LARGE as i64 / 5;
    for cuboid in Cuboid::ALL {
        let of =
            |word: &str| reader.sums.get(&(cuboid, word.to_owned())).copied().unwrap_or_default();
        let of_cuboid = reader.sums.iter().filter(|((c, _), _)| *c == cuboid);
        let all: i64 = of_cuboid.map(|(_, [all, _])| all).sum();
        assert_eq!(all, sent, "{cuboid:?}: each record is in one cell");
        for value in 0..5_i64 {
            // Bitrates are named by their number.
            let word = match cuboid {
                Cuboid::Rendition => format!("{} kbps", value + 1),
                _ => format!("large {value}"),
            };
            let exact = since(case.large_from.max(case.exact_from));
            assert_eq!(of(&word)[1], exact, "{cuboid:?}: {word}");
        }
        assert!(of(OTHER)[0] > sent / 2, "{cuboid:?}: {:?}", of(OTHER));
    }
    let requests = |edge: &str| reader.requests.get(edge).copied().unwrap_or(0);
    assert_eq!(reader.requests.values().sum::<i64>(), sent, "{:?}", reader.requests);
    assert_eq!(requests("large 0"), since(case.large_from));
    assert!(requests(OTHER) > 0);
}
