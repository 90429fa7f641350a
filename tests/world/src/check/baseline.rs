//! The baseline: a log read once by the pure code, from start to end, without a fault.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use tallylight_eventlog::{Entry, EventLog};
use tallylight_schemas::ipc::{self, Stored};
use tallylight_schemas::record::{Kind, ROWS};
use tallylight_schemas::rows::{DeliveryRow, FatesRow, PlaybackRow, TopicRows};
use tallylight_schemas::session::{SessionRow, SpanRow};
use tallylight_schemas::tables::{Table, conform};
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::pure::partition::Rows;
use tallylight_stream_processor::pure::settle::{Settle, Settled};
use tallylight_stream_processor::read::{Outcome, Partitions};

use crate::table;

/// The newest version of each row, by its key.
type Newest = BTreeMap<String, (u64, String)>;

/// The rows of a log that is read once, without a fault.
#[derive(Debug, Default)]
pub struct Baseline {
    newest: Newest,
    settled: Settled,
    fates: Vec<FatesRow>,
    sessions: Vec<SessionRow>,
    spans: Vec<SpanRow>,
    players: Vec<RecordBatch>,
    deliveries: Vec<RecordBatch>,
}

/// Keeps a row unless a newer version of it is known. The version is not part of the text.
fn keep<K: std::fmt::Debug, T: std::fmt::Debug>(to: &mut Newest, key: K, version: u64, row: T) {
    let known = to.entry(format!("{key:?}")).or_default();
    if known.0 <= version {
        *known = (version, format!("{row:?}"));
    }
}

fn keep_playback(to: &mut Newest, row: &PlaybackRow) {
    let key = ("playback", &row.tenant, row.cuboid, row.pane, &row.cell, row.partition);
    keep(to, key, row.version, PlaybackRow { version: 0, ..row.clone() });
}

fn keep_delivery(to: &mut Newest, row: &DeliveryRow) {
    let key = ("delivery", row.pane, row.key(), row.partition);
    keep(to, key, row.version, DeliveryRow { version: 0, ..row.clone() });
}

fn keep_fates(to: &mut Newest, row: &FatesRow) {
    let key = ("fates", &row.tenant, row.pane, &row.source, row.fate, row.reason, row.partition);
    keep(to, key, row.version, FatesRow { version: 0, ..row.clone() });
}

fn keep_all(to: &mut Newest, rows: &TopicRows) {
    rows.playback.iter().for_each(|row| keep_playback(to, row));
    rows.delivery.iter().for_each(|row| keep_delivery(to, row));
    rows.fates.iter().for_each(|row| keep_fates(to, row));
}

/// The rows of an entry. Readers of rows skip unknown kinds; a check must not.
pub(crate) fn decode_rows(entry: &Entry) -> TopicRows {
    let known = |kind| Kind::from_code(kind).is_some_and(|kind| TopicRows::KINDS.contains(&kind));
    let unknown = entry.parts.iter().find(|part| !known(part.kind));
    assert!(unknown.is_none(), "rows in {unknown:?}");
    let parts = entry.parts.iter().map(|part| (part.kind, &part.payload[..]));
    TopicRows::decode(parts).unwrap()
}

/// Everything in the rows topic.
async fn topic(log: &dyn EventLog) -> Vec<Entry> {
    let (mut entries, mut from) = (Vec::new(), 0);
    loop {
        let batch = log.read(ROWS, from, usize::MAX).await.unwrap();
        if batch.entries.is_empty() {
            return entries;
        }
        from = batch.next;
        entries.extend(batch.entries);
    }
}

fn batch<T: Stored>(table: Table, rows: &[T]) -> Vec<RecordBatch> {
    vec![conform(&ipc::to_batch(rows).unwrap(), table).unwrap()]
}

fn batches(table: Table, all: &[RecordBatch]) -> Vec<RecordBatch> {
    all.iter().map(|batch| conform(batch, table).unwrap()).collect()
}

impl Baseline {
    /// Windows, sessions and the ledger.
    pub(super) const TABLES: [Table; 5] =
        [Table::Playback, Table::Delivery, Table::Sessions, Table::SessionSpans, Table::Fates1s];
    /// Tables in which a repair puts late records where they belong.
    pub(super) const REPAIRED: [Table; 4] =
        [Table::Playback, Table::Delivery, Table::Sessions, Table::SessionSpans];

    /// The rows of these entries with this many partitions, after enough time for all to be final.
    pub fn of(events: &[Entry], partitions: u16) -> Self {
        let mut all = Self::default();
        let mut partitions = Partitions::new(partitions, &Limits::default());
        let mut settle = Settle::default();
        let last = events.last().map_or((0, 0), |entry| (entry.offset, entry.appended_at_us));
        let after = (1..=4).map(|n| Entry {
            offset: last.0 + n,
            appended_at_us: last.1 + i64::try_from(n).unwrap() * 1_000_000_000,
            parts: Vec::new(),
        });
        for entry in events.iter().cloned().chain(after) {
            let unknown = entry.parts.iter().find(|part| Kind::from_code(part.kind).is_none());
            assert!(unknown.is_none(), "entry {} of events has {unknown:?}", entry.offset);
            let Outcome { rows, players, deliveries, .. } = partitions.entry(&entry);
            let Rows { topic: mut rows, over } = rows;
            all.players.extend(players);
            all.deliveries.extend(deliveries);
            keep_all(&mut all.newest, &rows);
            all.fates.append(&mut rows.fates);
            all.sessions.extend(over.sessions);
            all.spans.extend(over.spans);
            let settled = settle.take(rows);
            all.settled.playback.extend(settled.playback);
            all.settled.delivery.extend(settled.delivery);
            for at in 0..2 {
                all.settled.playback_wide[at].extend_from_slice(&settled.playback_wide[at]);
                all.settled.delivery_wide[at].extend_from_slice(&settled.delivery_wide[at]);
            }
        }
        all
    }

    /// The rows of a table.
    pub fn rows(&self, of: Table) -> Vec<RecordBatch> {
        let Settled { playback, delivery, playback_wide, delivery_wide, .. } = &self.settled;
        match of {
            Table::Playback => batch(of, playback),
            Table::Playback1m => batch(of, &playback_wide[0]),
            Table::Playback1h => batch(of, &playback_wide[1]),
            Table::Delivery => batch(of, delivery),
            Table::Delivery1m => batch(of, &delivery_wide[0]),
            Table::Delivery1h => batch(of, &delivery_wide[1]),
            Table::Sessions => batch(of, &self.sessions),
            Table::SessionSpans => batch(of, &self.spans),
            Table::Fates1s => batch(of, &self.fates),
            Table::PlayerEvents => batches(of, &self.players),
            Table::DeliveryEvents => batches(of, &self.deliveries),
            Table::Incidents | Table::Actions | Table::InfraMetrics | Table::DeadLetters => {
                Vec::new()
            }
        }
    }

    /// The rows of a table as text.
    pub(super) fn lines(&self, of: Table, skip: &[&str]) -> Vec<String> {
        table::lines(&self.rows(of), skip)
    }

    /// Compares with the rows topics of all shards as a reader sees them. With several shards
    /// offsets differ, and another partition may report the collector's fates of a small commit.
    pub async fn against_topics(&self, shards: &[Arc<dyn EventLog>]) -> Option<String> {
        let mut newest = Newest::new();
        for log in shards {
            for entry in topic(log.as_ref()).await {
                keep_all(&mut newest, &decode_rows(&entry));
            }
        }
        let whole = shards.len() == 1;
        let lines =
            |newest: &Newest| -> Vec<String> {
                let rows = newest.iter().filter(|(key, _)| whole || !key.starts_with("(\"fates"));
                rows.map(|(key, (version, row))| {
                    if whole { format!("{key} {version} {row}") } else { format!("{key} {row}") }
                })
                .collect()
            };
        let found = table::difference(&lines(&newest), &lines(&self.newest));
        found.map(|what| format!("windows in topic rows: {what}"))
    }
}

#[cfg(test)]
mod tests {
    use tallylight_eventlog::Part;

    use super::*;

    #[test]
    #[should_panic(expected = "kind: 9999")]
    fn rows_of_a_kind_that_is_not_known_are_not_passed_over() {
        let part = Part { kind: 9_999, ranges: Vec::new(), payload: Default::default() };
        decode_rows(&Entry { offset: 7, appended_at_us: 0, parts: vec![part] });
    }
}
