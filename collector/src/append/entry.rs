//! A commit as parts of log entries, one entry for each shard that it affects.

use std::collections::BTreeMap;

use arrow::error::ArrowError;
use tallylight_eventlog::{Part, PartitionRange};
use tallylight_schemas::ipc::{IpcError, Stored, encode, encode_all};
use tallylight_schemas::record::Kind;

use crate::decode::Rows;
use crate::decode::rows::{deliveries, player_batch};
use crate::fates::Ledger;

/// Rows that could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The builders or the sort failed.
    #[error("rows: {0}")]
    Rows(#[from] ArrowError),
    /// The encoding failed.
    #[error("encoding: {0}")]
    Encode(#[from] IpcError),
}

/// All rows of `all` and all fates, as the parts of an entry for each shard (by number) of a log
/// with `shards` shards. Control records go to the first shard, so that versions of one id stay in
/// order. Fates, dead letters and metric points may go to any shard: they go with the first one
/// affected, so that a commit is one entry where possible.
pub fn entries(
    mut all: Vec<Rows>,
    ledger: &Ledger,
    shards: u16,
) -> Result<BTreeMap<u16, Vec<Part>>, EntryError> {
    let mut entries: BTreeMap<u16, Vec<Part>> = BTreeMap::new();
    if let Some(players) = player_batch(&mut all, shards)? {
        for own in by_shard(&players.ranges, shards) {
            let rows = encode(&players.rows.slice(own.first, own.rows))?;
            let part = part(Kind::Player, own.ranges, rows);
            entries.entry(own.shard).or_default().push(part);
        }
    }
    let deliveries = deliveries(&mut all, shards);
    for own in by_shard(&deliveries.ranges, shards) {
        let rows = encode_all(&deliveries.rows[own.first..own.first + own.rows])?;
        entries.entry(own.shard).or_default().push(part(Kind::Delivery, own.ranges, rows));
    }
    let actions: Vec<_> = all.iter_mut().flat_map(|rows| rows.actions.drain(..)).collect();
    let incidents: Vec<_> = all.iter_mut().flat_map(|rows| rows.incidents.drain(..)).collect();
    let infra: Vec<_> = all.iter_mut().flat_map(|rows| rows.infra.drain(..)).collect();
    let letters: Vec<_> = all.iter_mut().flat_map(|rows| rows.letters.drain(..)).collect();
    let control = [common(Kind::Actions, &actions, 0)?, common(Kind::Incidents, &incidents, 0)?];
    for part in control.into_iter().flatten() {
        entries.entry(0).or_default().push(part);
    }
    let touched = entries.keys().next().copied().unwrap_or(0);
    let anywhere = [
        common(Kind::InfraMetrics, &infra, touched)?,
        common(Kind::DoorFates, &ledger.rows(), touched)?,
        // A commit never fails because of dead letters.
        common(Kind::DeadLetters, &letters, touched).unwrap_or_default(),
    ];
    for part in anywhere.into_iter().flatten() {
        entries.entry(touched).or_default().push(part);
    }
    Ok(entries)
}

/// The rows of one shard.
struct ShardRows {
    shard: u16,
    first: usize,
    rows: usize,
    /// Relative to the first row of the shard.
    ranges: Vec<PartitionRange>,
}

/// Splits ranges by shard; the ranges of a shard are adjacent.
fn by_shard(ranges: &[PartitionRange], shards: u16) -> impl Iterator<Item = ShardRows> {
    let same =
        move |a: &PartitionRange, b: &PartitionRange| a.partition % shards == b.partition % shards;
    ranges.chunk_by(same).filter_map(move |own| {
        let first = own.first()?;
        let moved = |range: &PartitionRange| PartitionRange {
            first_row: range.first_row - first.first_row,
            ..*range
        };
        Some(ShardRows {
            shard: first.partition % shards,
            first: first.first_row as usize,
            rows: own.iter().map(|range| range.rows as usize).sum(),
            ranges: own.iter().map(moved).collect(),
        })
    })
}

/// A part of rows that belong to no session, put into this shard.
fn common<T: Stored>(kind: Kind, rows: &[T], shard: u16) -> Result<Option<Part>, EntryError> {
    if rows.is_empty() {
        return Ok(None);
    }
    let number = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    // Each shard has the partition of the same number.
    let range = PartitionRange { partition: shard, first_row: 0, rows: number };
    Ok(Some(part(kind, vec![range], encode_all(rows)?)))
}

fn part(kind: Kind, ranges: Vec<PartitionRange>, payload: Vec<u8>) -> Part {
    Part { kind: kind.code(), ranges, payload: payload.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fates::{Source, Tally};
    use tallylight_schemas::cmcd::{Mode, parse};
    use tallylight_schemas::fates::{Fate, Reason};
    use tallylight_schemas::ident::{hash, partition};
    use tallylight_schemas::ipc::decode;
    use tallylight_schemas::player::{About, Envelope, PlayerRows};

    fn rows(records: u64) -> Rows {
        let mut rows = Rows::new(8);
        let about = About::default();
        let envelope =
            Envelope { tenant: "demo", mode: Mode::Event, source: "cmcd", received_at: 1, about };
        for n in 0..records {
            let text = format!("e=ps,sid=\"s{n}\",sn=0,ts=1795000000000");
            let record = parse(&text, Mode::Event).unwrap();
            assert!(rows.push_player(&envelope, &record, hash("demo", record.sid())));
        }
        rows
    }

    #[test]
    fn each_record_is_in_the_entry_of_its_shard() {
        for shards in [1, 3, 8] {
            let entries = entries(vec![rows(60), rows(9)], &Ledger::default(), shards).unwrap();
            assert_eq!(entries.len(), usize::from(shards));
            let mut seen = 0;
            for (shard, parts) in entries {
                let [players] = &parts[..] else { panic!("one part: {parts:?}") };
                let rows = PlayerRows::new(&decode(&players.payload).unwrap()).unwrap();
                for range in &players.ranges {
                    assert_eq!(range.partition % shards, shard);
                    for row in range.first_row..range.first_row + range.rows {
                        let sid = rows.get(row as usize).sid;
                        assert_eq!(partition("demo", sid, 8), range.partition);
                        seen += 1;
                    }
                }
                let sum: usize = players.ranges.iter().map(|range| range.rows as usize).sum();
                assert_eq!(rows.len(), sum);
            }
            assert_eq!(seen, 69);
        }
    }

    #[test]
    fn fates_go_with_the_records_they_are_of() {
        let mut ledger = Ledger::default();
        let one = Tally::all(Fate::Accepted, Reason::None, 1);
        ledger.add(&"demo".into(), Source::Cmcd, &one);
        let entry = entries(vec![rows(1)], &ledger, 3).unwrap();
        let shard = partition("demo", "s0", 8) % 3;
        let kinds = |shard: u16| entry[&shard].iter().map(|part| part.kind).collect::<Vec<_>>();
        assert_eq!(entry.len(), 1, "a small commit is one entry");
        assert_eq!(kinds(shard), [Kind::Player.code(), Kind::DoorFates.code()]);
        let shed = entries(vec![], &ledger, 3).unwrap();
        assert_eq!(shed.keys().collect::<Vec<_>>(), [&0]);
    }
}
