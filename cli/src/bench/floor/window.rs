//! Sessions and one set of cells over numbers: no text, no order, nothing repeated or late.

use anyhow::anyhow;
use rustc_hash::FxHashMap;
use tallylight_eventlog::Entry;
use tallylight_schemas::ident;
use tallylight_schemas::ipc;
use tallylight_schemas::player::PlayerRows;

/// Registers of a count of distinct sessions.
const REGISTERS: usize = 4_096;
/// Bins of a quantile sketch: 64 for each power of two below 2^32.
const BINS: usize = 32 * 64;

/// What a window needs from a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    session: u64,
    content: u64,
    ts: i64,
    playing: bool,
    latency: i64,
}

#[derive(Debug, Default)]
struct Session {
    last: i64,
    playing_ms: i64,
    playing: bool,
}

#[derive(Debug)]
struct Cell {
    count: u64,
    sum: i64,
    max: i64,
    bins: Vec<u32>,
    registers: Vec<u8>,
}

impl Default for Cell {
    fn default() -> Self {
        let (bins, registers) = (vec![0; BINS], vec![0; REGISTERS]);
        Self { count: 0, sum: 0, max: 0, bins, registers }
    }
}

/// The numbers of the entries' records.
pub(crate) fn rows(entries: &[Entry]) -> anyhow::Result<Vec<Row>> {
    let mut all = Vec::new();
    let mut contents: FxHashMap<String, u64> = FxHashMap::default();
    for part in entries.iter().flat_map(|entry| &entry.parts) {
        let rows = PlayerRows::new(&ipc::decode(&part.payload)?)?;
        for event in (0..rows.len()).map(|i| rows.get(i)) {
            let (name, next) = (event.cid.unwrap_or_default(), contents.len() as u64);
            all.push(Row {
                session: ident::hash(event.tenant, event.sid),
                content: *contents.entry(name.to_owned()).or_insert(next),
                ts: event.ts.ok_or_else(|| anyhow!("a record of the sample has no ts"))?,
                playing: event.sta == Some("p"),
                latency: event.ltc_ms.unwrap_or(0),
            });
        }
    }
    Ok(all)
}

/// Counts the rows into sessions and cells of a second and a content; returns the number of each.
pub(crate) fn count(rows: &[Row]) -> (usize, usize) {
    let mut sessions: FxHashMap<u64, Session> = FxHashMap::default();
    let mut cells: FxHashMap<u64, Cell> = FxHashMap::default();
    for row in rows {
        let session = sessions.entry(row.session).or_default();
        if session.playing {
            session.playing_ms += row.ts - session.last;
        }
        (session.last, session.playing) = (row.ts, row.playing);
        let second = (row.ts / 1_000).unsigned_abs();
        let cell = cells.entry(second << 16 | row.content).or_default();
        cell.count += 1;
        cell.sum += row.latency;
        cell.max = cell.max.max(row.latency);
        cell.bins[bin(row.latency)] += 1;
        let register = (row.session >> 52) as usize;
        let rank = (row.session << 12).leading_zeros() as u8;
        cell.registers[register] = cell.registers[register].max(rank);
    }
    (sessions.len(), cells.len())
}

/// Exponent and six bits of the fraction: an error of at most 1.6 %.
fn bin(value: i64) -> usize {
    let bits = (value.max(1) as f64).to_bits() >> 46;
    (bits as usize).saturating_sub(1_023 << 6).min(BINS - 1)
}
