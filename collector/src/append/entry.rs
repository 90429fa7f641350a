//! A commit as the parts of a log entry.

use arrow::error::ArrowError;
use tallylight_eventlog::{Part, PartitionRange};
use tallylight_schemas::ipc::{IpcError, Stored, encode, encode_all};
use tallylight_schemas::record::Kind;

use crate::decode::Rows;
use crate::decode::rows::{deliveries, player_batch};
use crate::fates::Ledger;

/// Rows that Arrow could not make bytes of.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The builders or the sort failed.
    #[error("rows: {0}")]
    Rows(#[from] ArrowError),
    /// The encoding failed.
    #[error("encoding: {0}")]
    Encode(#[from] IpcError),
}

/// Everything in `all`, and the fates of all of it, as the parts of one entry. Fates and control
/// records are nobody's partition, so the reader of partition 0 has them.
pub fn parts(mut all: Vec<Rows>, ledger: &Ledger) -> Result<Vec<Part>, EntryError> {
    let mut parts = Vec::with_capacity(3);
    if let Some(players) = player_batch(&mut all)? {
        parts.push(part(Kind::Player, players.ranges, encode(&players.rows)?));
    }
    let deliveries = deliveries(&mut all);
    if !deliveries.rows.is_empty() {
        parts.push(part(Kind::Delivery, deliveries.ranges, encode_all(&deliveries.rows)?));
    }
    let actions: Vec<_> = all.iter_mut().flat_map(|rows| rows.actions.drain(..)).collect();
    let incidents: Vec<_> = all.iter_mut().flat_map(|rows| rows.incidents.drain(..)).collect();
    let infra: Vec<_> = all.iter_mut().flat_map(|rows| rows.infra.drain(..)).collect();
    let common = [
        common(Kind::Actions, &actions)?,
        common(Kind::Incidents, &incidents)?,
        common(Kind::InfraMetrics, &infra)?,
        common(Kind::DoorFates, &ledger.rows())?,
    ];
    parts.extend(common.into_iter().flatten());
    Ok(parts)
}

/// Rows that belong to no session.
fn common<T: Stored>(kind: Kind, rows: &[T]) -> Result<Option<Part>, EntryError> {
    if rows.is_empty() {
        return Ok(None);
    }
    let number = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let range = PartitionRange { partition: 0, first_row: 0, rows: number };
    Ok(Some(part(kind, vec![range], encode_all(rows)?)))
}

fn part(kind: Kind, ranges: Vec<PartitionRange>, payload: Vec<u8>) -> Part {
    Part { kind: kind.code(), ranges, payload: payload.into() }
}
