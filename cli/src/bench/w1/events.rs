//! The events of W1: heartbeats of 18 members from a fixed seed, so that a file is always the same.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::windows::{Found, Key};
use crate::bench::floor::parse::Kind;
use crate::bench::sample;

/// Sessions that report.
const SESSIONS: u64 = 1_000_000;
/// Events per second of event time.
const PER_SECOND: usize = 1_000_000;
/// How far an event may be behind the newest, ms.
const BEHIND_MS: u64 = 1_000;

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One object per line, as `/v1/events` takes it and other engines read it.
    Json,
    /// One CMCD record per line, as players send it.
    Cmcd,
}

impl Form {
    /// The name of a file with this many events.
    pub(super) fn file(self, count: usize) -> String {
        let ending = if self == Form::Json { "ndjson" } else { "cmcd" };
        format!("w1-{count}.{ending}")
    }
}

/// The text before each value of the JSON, and how the value is stored.
pub(super) const SHAPE: [(&[u8], Kind); 17] = [
    (br#"{"type":"player","v":"#, Kind::Number),
    (br#","ts":"#, Kind::Number),
    (br#","sid":""#, Kind::Text),
    (br#"","sn":"#, Kind::Number),
    (br#","e":""#, Kind::Word),
    (br#"","sta":""#, Kind::Word),
    (br#"","st":""#, Kind::Word),
    (br#"","sf":""#, Kind::Word),
    (br#"","cid":""#, Kind::Word),
    (br#"","com.example-cdn":""#, Kind::Word),
    (br#"","com.example-isp":""#, Kind::Word),
    (br#"","com.tallylight-country":""#, Kind::Word),
    (br#"","com.tallylight-device":""#, Kind::Word),
    (br#"","br":"#, Kind::Number),
    (br#","bl":"#, Kind::Number),
    (br#","ltc":"#, Kind::Number),
    (br#","mtp":"#, Kind::Number),
];
/// The indices in [`SHAPE`] of time, title, CDN, country, bitrate, buffer and latency.
pub(super) const IN_SHAPE: [usize; 7] = [1, 8, 9, 11, 13, 14, 15];

struct Event {
    ts: i64,
    session: u64,
    sn: usize,
    title: String,
    cdn: String,
    isp: u64,
    country: String,
    device: u64,
    kbps: i64,
    buffer_ms: i64,
    latency_ms: i64,
}

impl Event {
    fn new(n: usize, chance: &mut Chance) -> Self {
        let session = chance.below(SESSIONS);
        let newest = (n * 1_000 / PER_SECOND) as u64 + BEHIND_MS;
        Self {
            ts: sample::BEGAN_MS + (newest - chance.below(BEHIND_MS)).cast_signed(),
            session,
            sn: n,
            title: format!("live-{:04}", chance.few(50)),
            cdn: format!("cdn-{}", chance.few(6)),
            isp: 1_000 + chance.few(200),
            country: format!("C{:02}", chance.few(60)),
            device: chance.few(40),
            kbps: 100 + chance.below(8_000).cast_signed(),
            buffer_ms: 100 * chance.below(300).cast_signed(),
            latency_ms: 100 * chance.below(200).cast_signed(),
        }
    }

    fn json(&self, to: &mut impl Write) -> std::io::Result<()> {
        let Self { ts, session, sn, title, cdn, isp, country, device, .. } = self;
        writeln!(
            to,
            r#"{{"type":"player","v":2,"ts":{ts},"sid":"{session:016x}","sn":{sn},"e":"t","sta":"p","st":"l","sf":"h","cid":"{title}","com.example-cdn":"{cdn}","com.example-isp":"AS{isp}","com.tallylight-country":"{country}","com.tallylight-device":"device-model-{device}","br":{},"bl":{},"ltc":{},"mtp":18200}}"#,
            self.kbps, self.buffer_ms, self.latency_ms
        )
    }

    fn cmcd(&self, to: &mut impl Write) -> std::io::Result<()> {
        let Self { ts, session, sn, title, cdn, isp, country, device, .. } = self;
        writeln!(
            to,
            r#"bl=({}),br=({}),cid="{title}",com.example-cdn="{cdn}",com.example-isp="AS{isp}",com.tallylight-country="{country}",com.tallylight-device="device-model-{device}",e=t,ltc={},mtp=(18200),sf=h,sid="{session:016x}",sn={sn},st=l,sta=p,ts={ts},v=2"#,
            self.buffer_ms, self.kbps, self.latency_ms
        )
    }

    fn count(self, in_all: &mut Found) {
        let second = self.ts.div_euclid(1_000);
        let key = Key { second, title: self.title, cdn: self.cdn, country: self.country };
        in_all.entry(key).or_default().add(self.kbps, self.buffer_ms, self.latency_ms);
    }
}

/// Writes `count` events in each form, and sums them naively.
pub(super) fn write(dir: &Path, count: usize) -> anyhow::Result<Found> {
    let open = |form: Form| File::create(dir.join(form.file(count))).map(BufWriter::new);
    let (mut json, mut cmcd) = (open(Form::Json)?, open(Form::Cmcd)?);
    let (mut chance, mut naive) = (Chance(42), Found::new());
    for n in 0..count {
        let event = Event::new(n, &mut chance);
        event.json(&mut json)?;
        event.cmcd(&mut cmcd)?;
        event.count(&mut naive);
    }
    json.flush()?;
    cmcd.flush()?;
    Ok(naive)
}

/// Pseudo-random numbers that are always the same (SplitMix64).
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    /// One of `end`, the first of them more often.
    fn few(&mut self, end: u64) -> u64 {
        let at = self.below(end);
        at * self.below(end) / end
    }
}
