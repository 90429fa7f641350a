//! How long a restart takes with a log of realistic entries, read from its beginning.
//!
//! `REPLAY_MB=200 cargo test --release --locked --workspace --test way -- --ignored --nocapture
//! replay_speed`
//!
//! `REPLAY_VIEWERS` (1,000) watch at a time; each sends a record and fetches video and audio
//! every 2 s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::{EventLog, Part, PartitionRange, TopicSettings};
use tallylight_schemas::clock::{Clock, ManualClock};
use tallylight_schemas::cmcd::{self, Mode};
use tallylight_schemas::fates::{Fate, FateCount, Reason};
use tallylight_schemas::player::{About, Envelope};
use tallylight_schemas::record::{EVENTS, Kind, ROWS};
use tallylight_schemas::{ident, ipc};
use tallylight_stream_processor::{Parts, Settings, build};
use tokio_util::sync::CancellationToken;

use crate::players::Players;
use crate::world::{T0, served};

const PARTITIONS: u16 = 4;
/// A viewer stays for ten minutes.
const STAY_MS: u64 = 600_000;
/// One commit of the collector.
const FLUSH_MS: u64 = 100;

fn part(kind: Kind, ranges: Vec<PartitionRange>, payload: Vec<u8>) -> Part {
    Part { kind: kind.code(), ranges, payload: payload.into() }
}

/// The session that has a slot among the viewers at `at` ms, and the number of its record.
fn session_in(slot: u64, at: u64) -> (String, u64) {
    let shifted = at + slot * STAY_MS / 1_000;
    let turn = shifted / STAY_MS;
    (format!("6b1f0d3e-5a0c-4c0e-{turn:04x}-{slot:012x}"), (shifted % STAY_MS) / 2_000)
}

fn line(slot: u64, at: u64) -> String {
    let (sid, sn) = session_in(slot, at);
    let (event, state) = match sn {
        0 => ("ps", "s"),
        1 => ("ps", "p"),
        n if n % 40 == 20 => ("ps", "r"),
        n if n % 40 == 21 => ("ps", "p"),
        _ => ("t", "p"),
    };
    let (ts, br) = (T0 as u64 + at - 60, [500, 300, 150][slot as usize % 3]);
    let (bl, mtp, ltc) = (2_000 + at % 4_001, 9_000 + at % 9_001, 5_000 + at % 2_001);
    format!(
        "bl=({bl};v),br=({br};v),cid=\"demo\",com.tallylight-country=\"DE\",\
         com.tallylight-device=\"tv\",e={event},ltc={ltc},mtp=({mtp};v),\
         sf=h,sid=\"{sid}\",sn={sn},st=l,sta={state},ts={ts},v=2"
    )
}

fn entry(viewers: u64, at: u64, seq: &mut u64) -> Vec<Part> {
    let received_at = (T0 as u64 + at) as i64 * 1_000;
    let turn = |slot: &u64| slot * 2_000 / viewers / FLUSH_MS == at % 2_000 / FLUSH_MS;
    let slots: Vec<u64> = (0..viewers).filter(turn).collect();
    let mut players = Players::new(PARTITIONS);
    let mut reported = Vec::new();
    for slot in &slots {
        let text = line(*slot, at);
        let record = cmcd::parse(&text, Mode::Event).unwrap();
        players.push(
            &Envelope {
                tenant: "demo",
                mode: Mode::Event,
                source: "cmcd",
                received_at,
                about: About::default(),
            },
            &record,
        );
        for track in ["v-360", "audio"] {
            let sid = session_in(*slot, at).0;
            let mut one = served(&sid, *seq, at as i64 - 40, "e1", "A");
            one.received_at = received_at;
            one.event.track = track.into();
            one.event.k = Some(at / 2_000);
            (one.event.bytes, one.event.ttfb_us) = (90_000 + *seq % 60_000, 500 + *seq % 900);
            let partition = ident::partition("demo", &sid, PARTITIONS);
            reported.push((partition, one));
            *seq += 1;
        }
    }
    reported.sort_by_key(|(partition, _)| *partition);
    let mut first_row = 0;
    let ranges = reported.chunk_by(|a, b| a.0 == b.0).map(|chunk| {
        let range = PartitionRange { partition: chunk[0].0, first_row, rows: chunk.len() as u32 };
        first_row += range.rows;
        range
    });
    let ranges: Vec<_> = ranges.collect();
    let reported: Vec<_> = reported.into_iter().map(|(_, event)| event).collect();
    let fate_count = |source: &str, events: usize| FateCount {
        tenant: "demo".into(),
        source: source.into(),
        fate: Fate::Accepted,
        reason: Reason::None,
        events: events as u64,
    };
    let fate_counts = [fate_count("cmcd", slots.len()), fate_count("events", reported.len())];
    vec![
        players.part(),
        part(Kind::Delivery, ranges, ipc::encode_all(&reported).unwrap()),
        part(Kind::DoorFates, Vec::new(), ipc::encode_all(&fate_counts).unwrap()),
    ]
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

async fn fill(log: &DiskLog, clock: &ManualClock, bytes: u64) -> u64 {
    let viewers = setting("REPLAY_VIEWERS", 1_000);
    let (mut at, mut seq) = (0, 0);
    while log.usage(EVENTS).unwrap().bytes < Some(bytes) {
        log.append(EVENTS, entry(viewers, at, &mut seq)).await.unwrap();
        clock.advance_us(FLUSH_MS as i64 * 1_000);
        at += FLUSH_MS;
    }
    at
}

/// Fills a log, runs a processor over it as at the first start, and again as after a restart, when
/// the rows exist already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; for measuring"]
async fn replay_speed() {
    let megabytes = setting("REPLAY_MB", 20);
    let dir = std::env::temp_dir().join(format!("tallylight-replay-{}", std::process::id()));
    let clock = Arc::new(ManualClock::at_us(T0 * 1_000));
    let topics = vec![TopicSettings::new(EVENTS, 8 << 30), TopicSettings::new(ROWS, 8 << 30)];
    let log = DiskLog::open(DiskSettings::new(&dir, topics), Arc::clone(&clock) as Arc<dyn Clock>);
    let log = Arc::new(log.unwrap());
    let span_ms = fill(&log, &clock, megabytes << 20).await;
    let usage = log.usage(EVENTS).unwrap();
    let note = |text: String| std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    let megabytes = usage.bytes.unwrap() as f64 / f64::from(1 << 20);
    note(format!("{megabytes:.0} MiB, {} entries, {} s of log\n", usage.next, span_ms / 1_000))
        .unwrap();
    for what in ["first reading, with rows", "replay after a restart"] {
        let parts = Parts {
            log: Arc::clone(&log) as _,
            clock: Arc::clone(&clock) as _,
            archive: None,
            metrics: Default::default(),
        };
        let settings = Settings { tick_ms: 10_000, ..Settings::default() };
        let processor = build(settings, parts).await.unwrap();
        let mut stats = processor.handle().stats();
        let cancel = CancellationToken::new();
        let began = Instant::now();
        let running = tokio::spawn(processor.run(cancel.clone()));
        assert!(stats.borrow().replaying);
        let done = stats.wait_for(|stats| !stats.replaying);
        tokio::time::timeout(Duration::from_secs(1_800), done).await.unwrap().unwrap();
        let took = began.elapsed().as_secs_f64();
        assert!(!stats.borrow().replaying && stats.borrow().bad_parts == 0);
        note(format!(
            "{what}: {took:.1} s, {:.0} MiB/s, 2 GiB in {:.0} s\n",
            megabytes / took,
            2_048.0 / megabytes * took
        ))
        .unwrap();
        cancel.cancel();
        running.await.unwrap().unwrap();
    }
    log.close().await;
    std::fs::remove_dir_all(&dir).unwrap();
}
