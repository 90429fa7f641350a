//! A log read once by the pure code, from its start to its end, without a fault.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use tallylight_eventlog::{Entry, EventLog};
use tallylight_schemas::ipc::{self, Stored};
use tallylight_schemas::record::{Kind, ROWS};
use tallylight_schemas::rows::{FatesRow, PlaybackRow};
use tallylight_schemas::session::{SessionRow, SpanRow};
use tallylight_schemas::tables::{Table, conform};
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::pure::settle::{Settle, Settled};
use tallylight_stream_processor::read::Partitions;

use super::PARTITIONS;
use crate::table;

/// The newest version of a row, by what names it.
type Newest = BTreeMap<String, (u64, String)>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Straight {
    newest: Newest,
    settled: Settled,
    fates: Vec<FatesRow>,
    sessions: Vec<SessionRow>,
    spans: Vec<SpanRow>,
}

fn keep(newest: &mut Newest, row: &PlaybackRow) {
    let key = format!("{:?}", (&row.tenant, row.cuboid, row.pane, &row.cell, row.partition));
    let known = newest.entry(key).or_default();
    if known.0 <= row.version {
        *known = (row.version, format!("{row:?}"));
    }
}

fn batch<T: Stored>(table: Table, rows: &[T]) -> RecordBatch {
    conform(&ipc::to_batch(rows).unwrap(), table).unwrap()
}

impl Straight {
    /// Tables that follow from the log alone.
    pub(super) const TABLES: [Table; 5] =
        [Table::Playback, Table::Delivery, Table::Sessions, Table::SessionSpans, Table::Fates1s];
    /// Tables in which what came late has its place after a repair.
    pub(super) const REPAIRED: [Table; 4] =
        [Table::Playback, Table::Delivery, Table::Sessions, Table::SessionSpans];

    /// What follows from these entries, and time enough after them.
    pub(super) fn of(events: &[Entry]) -> Self {
        let mut all = Self::default();
        let mut partitions = Partitions::new(PARTITIONS, &Limits::default());
        let mut settle = Settle::default();
        let last = events.last().map_or((0, 0), |entry| (entry.offset, entry.appended_at_us));
        let after = (1..=4).map(|n| Entry {
            offset: last.0 + n,
            appended_at_us: last.1 + i64::try_from(n).unwrap() * 1_000_000_000,
            parts: Vec::new(),
        });
        for entry in events.iter().cloned().chain(after) {
            let mut rows = partitions.entry(&entry).rows;
            rows.playback.iter().for_each(|row| keep(&mut all.newest, row));
            all.fates.append(&mut rows.fates);
            all.sessions.append(&mut rows.sessions);
            all.spans.append(&mut rows.spans);
            let settled = settle.take(rows);
            all.settled.playback.extend(settled.playback);
            all.settled.delivery.extend(settled.delivery);
        }
        all
    }

    /// The rows of a table as text.
    pub(super) fn lines(&self, of: Table, skip: &[&str]) -> Vec<String> {
        let batch = match of {
            Table::Playback => batch(of, &self.settled.playback),
            Table::Delivery => batch(of, &self.settled.delivery),
            Table::Sessions => batch(of, &self.sessions),
            Table::SessionSpans => batch(of, &self.spans),
            _ => batch(of, &self.fates),
        };
        table::lines(&[batch], skip)
    }

    /// Whether who reads the rows topic sees the same windows.
    pub(super) async fn against_topic(&self, log: &dyn EventLog) -> Option<String> {
        let (mut newest, entries) = (Newest::new(), log.read(ROWS, 0, usize::MAX).await.unwrap());
        let parts = entries.entries.iter().flat_map(|entry| &entry.parts);
        for part in parts.filter(|part| part.kind == Kind::Playback.code()) {
            let rows: Vec<PlaybackRow> = ipc::decode_all(&part.payload).unwrap();
            rows.iter().for_each(|row| keep(&mut newest, row));
        }
        let lines = |newest: &Newest| newest.values().map(|(_, row)| row.clone()).collect();
        let (got, want): (Vec<String>, Vec<String>) = (lines(&newest), lines(&self.newest));
        table::difference(&got, &want).map(|what| format!("windows in topic rows: {what}"))
    }
}
