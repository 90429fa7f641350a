//! Beacons to measure with: event mode, as hls.js writes them. Every session reports once in a
//! round, so a trace of three times the rounds has the same sessions.

use std::sync::Arc;

use anyhow::anyhow;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use tallylight_eventlog::{Entry, Part, PartitionRange};
use tallylight_schemas::cmcd::{self, Mode, Record};
use tallylight_schemas::ident::{self, Shard};
use tallylight_schemas::ipc;
use tallylight_schemas::player::{About, Door, PlayerBatchBuilder};
use tallylight_schemas::record::Kind;

/// Sessions of a trace.
pub(crate) const SESSIONS: usize = 20_000;
/// Rows of one entry of the log: what the collector gathers for a commit.
pub(crate) const ROWS: usize = 2_000;
/// Partitions of the events topic, as they are by default.
pub(crate) const PARTITIONS: u16 = 4;
/// When the first record of a trace happened, Unix ms.
pub(crate) const BEGAN_MS: i64 = 1_795_000_000_000;
/// Time between two rounds, ms.
const ROUND_MS: i64 = 100;

/// What the door says of every record here.
pub(crate) fn door(received_at: i64) -> Door<'static> {
    Door { tenant: "demo", mode: Mode::Event, source: "cmcd", received_at, about: About::default() }
}

/// `count` records, one a line, in the order in which they would arrive.
pub(crate) fn lines(count: usize, began_ms: i64) -> Vec<String> {
    (0..count).map(|n| line(n % SESSIONS, n / SESSIONS, began_ms)).collect()
}

/// The sessions that are in a shard.
pub(crate) fn sessions_of(shard: Shard) -> impl Iterator<Item = usize> {
    (0..SESSIONS).filter(move |n| shard.has(ident::partition("demo", &sid(*n), PARTITIONS)))
}

/// Records `from..from + count` of so many sessions as lines of a body, all of them happening now.
pub(crate) fn body_now(from: usize, count: usize, sessions: usize, now_ms: i64) -> Bytes {
    let line = |n: usize| {
        let (session, round) = (n % sessions, n / sessions);
        line(session, round, now_ms - beacon(session, round, 0).ts)
    };
    Bytes::from((from..from + count).map(line).collect::<Vec<_>>().join("\n"))
}

/// `count` records as bodies of `per_post` lines.
pub(crate) fn bodies(count: usize, per_post: usize, began_ms: i64) -> Vec<Bytes> {
    lines(count, began_ms).chunks(per_post).map(|lines| Bytes::from(lines.join("\n"))).collect()
}

/// What differs from record to record.
struct Beacon {
    event: &'static str,
    state: &'static str,
    br: i64,
    sid: String,
    sn: i64,
    ts: i64,
}

fn beacon(session: usize, round: usize, began_ms: i64) -> Beacon {
    let offset = i64::try_from(round).unwrap_or(0) * ROUND_MS;
    let ts = began_ms + offset + i64::try_from(session).unwrap_or(0) % ROUND_MS;
    let (event, state) = match round {
        0 => ("ps", "s"),
        1 => ("ps", "p"),
        n if n % 40 == 20 => ("ps", "r"),
        n if n % 40 == 21 => ("ps", "p"),
        _ => ("t", "p"),
    };
    Beacon {
        event,
        state,
        br: [500, 300, 150][session % 3],
        sid: sid(session),
        sn: i64::try_from(round).unwrap_or(0),
        ts,
    }
}

fn sid(session: usize) -> String {
    format!("6b1f0d3e-5a0c-4c0e-9e57-{session:012x}")
}

fn line(session: usize, round: usize, began_ms: i64) -> String {
    let Beacon { event, state, br, sid, sn, ts } = beacon(session, round, began_ms);
    format!(
        "bl=(4200;v),br=({br};v),cid=\"demo\",com.tallylight-country=\"DE\",\
         com.tallylight-device=\"tv\",e={event},ltc=6400,mtp=(18200;v),\
         sf=h,sid=\"{sid}\",sn={sn},st=l,sta={state},ts={ts},v=2"
    )
}

/// The same records as so many bodies, each an Arrow stream of `per_post` events.
pub(crate) fn arrow(bodies: usize, per_post: usize, began_ms: i64) -> anyhow::Result<Vec<Bytes>> {
    (0..bodies).map(|body| stream(body * per_post..(body + 1) * per_post, began_ms)).collect()
}

fn stream(records: std::ops::Range<usize>, began_ms: i64) -> anyhow::Result<Bytes> {
    let all: Vec<Beacon> = records.map(|n| beacon(n % SESSIONS, n / SESSIONS, began_ms)).collect();
    let same = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; all.len()])) };
    let fixed = |number: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![number; all.len()])) };
    let texts = |of: fn(&Beacon) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(all.iter().map(of)))
    };
    let numbers = |of: fn(&Beacon) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(all.iter().map(of)))
    };
    let batch = RecordBatch::try_from_iter([
        ("type", same("player")),
        ("bl", fixed(4_200)),
        ("br", numbers(|one| one.br)),
        ("cid", same("demo")),
        ("com.tallylight-country", same("DE")),
        ("com.tallylight-device", same("tv")),
        ("e", texts(|one| one.event)),
        ("ltc", fixed(6_400)),
        ("mtp", fixed(18_200)),
        ("sf", same("h")),
        ("sid", texts(|one| &one.sid)),
        ("sn", numbers(|one| one.sn)),
        ("st", same("l")),
        ("sta", texts(|one| one.state)),
        ("ts", numbers(|one| one.ts)),
        ("v", fixed(2)),
    ])?;
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?.into())
}

/// Lines as the columns that the door makes of them, sorted by partition.
pub(crate) fn batch(lines: &[String]) -> anyhow::Result<(RecordBatch, Vec<PartitionRange>)> {
    let mut builder = PlayerBatchBuilder::new();
    let mut record = Record::default();
    for line in lines {
        cmcd::parse_into(line, Mode::Event, &mut record).map_err(|r| anyhow!("{}", r.as_str()))?;
        let sent_ms = record.int(cmcd::Key::Ts).unwrap_or_default();
        builder.push(&door((sent_ms + 50) * 1_000), &record);
    }
    let (batch, ranges) = builder.finish_sorted(PARTITIONS)?;
    let range = |of: &tallylight_schemas::player::PartitionRows| PartitionRange {
        partition: of.partition,
        first_row: of.first,
        rows: of.rows,
    };
    Ok((batch, ranges.iter().map(range).collect()))
}

/// `count` records as the entries of a log, [`ROWS`] in each.
pub(crate) fn entries(count: usize) -> anyhow::Result<Vec<Entry>> {
    entries_of(Shard::WHOLE, count)
}

/// Those of `count` records that are in a shard, as its entries.
pub(crate) fn entries_of(shard: Shard, count: usize) -> anyhow::Result<Vec<Entry>> {
    let sessions: Vec<usize> = sessions_of(shard).collect();
    let all = count / SESSIONS * sessions.len();
    let entry = |first: usize| {
        let records = first..all.min(first + ROWS);
        let line = |n: usize| line(sessions[n % sessions.len()], n / sessions.len(), BEGAN_MS);
        let (batch, ranges) = batch(&records.map(line).collect::<Vec<_>>())?;
        let payload = Bytes::from(ipc::encode(&batch)?);
        let round = i64::try_from(first / sessions.len())?;
        let part = Part { kind: Kind::Player.code(), ranges, payload };
        let appended_at_us = (BEGAN_MS + (round + 1) * ROUND_MS + 50) * 1_000;
        Ok(Entry { offset: (first / ROWS) as u64, appended_at_us, parts: vec![part] })
    };
    (0..all).step_by(ROWS).map(entry).collect()
}
