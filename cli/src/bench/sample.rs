//! Beacons to measure with: event mode, as hls.js writes them, with many titles, countries and
//! devices. Every session reports once per round, so a trace with three times the rounds has the
//! same sessions.

use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use tallylight_collector::decode::rows::{Rows, player_batch};
use tallylight_eventlog::{Entry, Part, PartitionRange};
use tallylight_schemas::cmcd::{self, Mode, Record};
use tallylight_schemas::ident::{self, Shard};
use tallylight_schemas::ipc;
use tallylight_schemas::player::{About, Envelope};
use tallylight_schemas::record::Kind;

/// How many viewers watch, and how often they report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trace {
    /// Sessions.
    pub(crate) sessions: usize,
    /// Time between two rounds, ms.
    round_ms: i64,
}

/// The small trace, which is quick to make; every step except `window` uses it.
pub(crate) const FEW: Trace = Trace { sessions: SESSIONS, round_ms: 100 };
/// A large live event.
pub(crate) const MANY: Trace = Trace { sessions: 1_000_000, round_ms: 10_000 };
/// Sessions of the small trace.
pub(crate) const SESSIONS: usize = 20_000;
/// Rows of one entry of the log: what the collector gathers for a commit.
pub(crate) const ROWS: usize = 2_000;
/// Partitions of the events topic, the default number.
pub(crate) const PARTITIONS: u16 = 4;
/// When the first record of a trace happened, Unix ms.
pub(crate) const BEGAN_MS: i64 = 1_795_000_000_000;
/// What viewers differ by; every session has one of each.
const TITLES: usize = 20;
const COUNTRIES: [&str; 12] =
    ["DE", "US", "BR", "IN", "FR", "GB", "JP", "MX", "ES", "IT", "PL", "NZ"];
const DEVICES: [&str; 8] =
    ["tv", "phone", "tablet", "browser", "console", "stick", "set-top box", "projector"];

/// What the collector adds to every record here.
pub(crate) fn envelope(received_at: i64) -> Envelope<'static> {
    let about = About::default();
    Envelope { tenant: "demo", mode: Mode::Event, source: "cmcd", received_at, about }
}

/// `count` records, one per line, in the order in which they would arrive.
pub(crate) fn lines(count: usize, began_ms: i64) -> Vec<String> {
    (0..count).map(|n| line(&FEW.beacon(n % SESSIONS, n / SESSIONS, began_ms))).collect()
}

/// Records `from..from + count` of this many sessions as the lines of a body, all with the time
/// now.
pub(crate) fn body_now(from: usize, count: usize, sessions: usize, now_ms: i64) -> Bytes {
    let line = |n: usize| {
        let beacon = FEW.beacon(n % sessions, n / sessions, now_ms);
        line(&Beacon { ts: now_ms, ..beacon })
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
    cid: String,
    country: &'static str,
    device: &'static str,
    sid: String,
    sn: i64,
    ts: i64,
}

impl Trace {
    /// The sessions of a shard.
    pub(crate) fn sessions_of(self, shard: Shard) -> impl Iterator<Item = usize> {
        let is_in = move |n: &usize| shard.has(ident::partition("demo", &sid(*n), PARTITIONS));
        (0..self.sessions).filter(is_in)
    }

    /// When a session reports in a round, ms after the start: sessions report one after the other.
    fn after_ms(self, session: usize, round: usize) -> i64 {
        let (session, round) = (session as i64, round as i64);
        round * self.round_ms + session * self.round_ms / self.sessions as i64
    }

    fn beacon(self, session: usize, round: usize, began_ms: i64) -> Beacon {
        let (event, state) = match (round, (round + session) % 40) {
            (0, _) => ("ps", "s"),
            (1, _) => ("ps", "p"),
            (_, 20) => ("ps", "r"),
            (_, 21) => ("ps", "p"),
            _ => ("t", "p"),
        };
        Beacon {
            event,
            state,
            br: [500, 300, 150][session % 3],
            cid: format!("title-{}", session % TITLES),
            country: COUNTRIES[session / 7 % COUNTRIES.len()],
            device: DEVICES[session / 11 % DEVICES.len()],
            sid: sid(session),
            sn: i64::try_from(round).unwrap_or(0),
            ts: began_ms + self.after_ms(session, round),
        }
    }

    /// `count` records as the entries of a log, [`ROWS`] in each.
    pub(crate) fn entries(self, count: usize) -> anyhow::Result<Vec<Entry>> {
        self.entries_of(Shard::WHOLE, count)
    }

    /// The part of `count` records that belongs to a shard, as its entries.
    pub(crate) fn entries_of(self, shard: Shard, count: usize) -> anyhow::Result<Vec<Entry>> {
        let sessions: Vec<usize> = self.sessions_of(shard).collect();
        let all = count / self.sessions * sessions.len();
        let place = |n: usize| (sessions[n % sessions.len()], n / sessions.len());
        let entry = |first: usize| {
            let end = all.min(first + ROWS);
            let line = |n: usize| line(&self.beacon(place(n).0, place(n).1, BEGAN_MS));
            let (batch, ranges) = batch(&(first..end).map(line).collect::<Vec<_>>())?;
            let payload = Bytes::from(ipc::encode(&batch)?);
            let part = Part { kind: Kind::Player.code(), ranges, payload };
            let (session, round) = place(end - 1);
            let appended_at_us = (BEGAN_MS + self.after_ms(session, round) + 50) * 1_000;
            Ok(Entry { offset: (first / ROWS) as u64, appended_at_us, parts: vec![part] })
        };
        (0..all).step_by(ROWS).map(entry).collect()
    }
}

fn sid(session: usize) -> String {
    format!("6b1f0d3e-5a0c-4c0e-9e57-{session:012x}")
}

fn line(beacon: &Beacon) -> String {
    let Beacon { event, state, br, cid, country, device, sid, sn, ts } = beacon;
    format!(
        "bl=(4200;v),br=({br};v),cid=\"{cid}\",com.tallylight-country=\"{country}\",\
         com.tallylight-device=\"{device}\",e={event},ltc=6400,mtp=(18200;v),\
         sf=h,sid=\"{sid}\",sn={sn},st=l,sta={state},ts={ts},v=2"
    )
}

/// The same records as this many bodies, each an Arrow stream of `per_post` events.
pub(crate) fn arrow(bodies: usize, per_post: usize, began_ms: i64) -> anyhow::Result<Vec<Bytes>> {
    (0..bodies).map(|body| stream(body * per_post..(body + 1) * per_post, began_ms)).collect()
}

fn stream(records: std::ops::Range<usize>, began_ms: i64) -> anyhow::Result<Bytes> {
    let all: Vec<Beacon> =
        records.map(|n| FEW.beacon(n % SESSIONS, n / SESSIONS, began_ms)).collect();
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
        ("cid", texts(|one| &one.cid)),
        ("com.tallylight-country", texts(|one| one.country)),
        ("com.tallylight-device", texts(|one| one.device)),
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

/// Lines as the columns that the collector makes of them, sorted by partition.
pub(crate) fn batch(lines: &[String]) -> anyhow::Result<(RecordBatch, Vec<PartitionRange>)> {
    let mut all = [Rows::new(PARTITIONS)];
    let [rows] = &mut all;
    let mut record = Record::default();
    for line in lines {
        cmcd::parse_into(line, Mode::Event, &mut record).map_err(|r| anyhow!("{}", r.as_str()))?;
        let sent_ms = record.int(cmcd::Key::Ts).unwrap_or_default();
        let envelope = envelope((sent_ms + 50) * 1_000);
        let session = ident::hash(envelope.tenant, record.sid());
        ensure!(
            rows.push_player(&envelope, &record, session),
            "a record without a session: {line}"
        );
    }
    let sorted = player_batch(&mut all, 1)?.context("no line to make columns of")?;
    Ok((sorted.rows, sorted.ranges))
}
