//! Every acknowledged record is in history once, with its fate; nothing else is.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use tallylight_schemas::ipc;
use tallylight_schemas::record::Kind;
use tallylight_schemas::tables::Table;

use super::{Outcome, loss};
use crate::player::T0;

/// A record: its sender, its number and the sender's time (Unix µs).
type Key = (String, i64, i64);

pub(super) async fn check(outcome: &Outcome<'_>) -> Vec<String> {
    let (mut counted, mut copies) = (BTreeMap::new(), 0);
    for (table, columns) in
        [(Table::PlayerEvents, "sid, sn"), (Table::DeliveryEvents, "source, seq")]
    {
        copies += find(outcome, table, columns, &mut counted).await;
    }
    let mut problems = Vec::new();
    let stored = stored(outcome);
    if stored != copies {
        problems.push(format!("the log has {stored} copies of records, history {copies}"));
    }
    let gone = loss::gone(outcome);
    let mut known = 0;
    for (n, sender) in outcome.cast.senders().iter().enumerate() {
        for record in sender.records {
            let ts = (T0 + record.at + sender.skew) * 1_000;
            let key = (sender.name.clone(), i64::try_from(record.id.1).unwrap(), ts);
            let times = counted.get(&key).copied().unwrap_or(0);
            known += times;
            let wanted = i64::from(!gone.contains(&(n, record.id)));
            if times != wanted || !outcome.acknowledged.contains(&(n, record.id)) {
                problems.push(format!("{key:?} of epoch {} is counted {times} times", record.id.0));
            }
        }
    }
    let all: i64 = counted.values().sum();
    if all != known {
        problems.push(format!("{} records in history were never sent", all - known));
    }
    problems
}

/// Adds how often each record of a table counts; returns the number of copies of records.
async fn find(
    outcome: &Outcome<'_>,
    table: Table,
    columns: &str,
    counted: &mut BTreeMap<Key, i64>,
) -> i64 {
    let sql =
        format!("SELECT {columns}, ts, fate, count(*) FROM rows GROUP BY {columns}, ts, fate");
    let mut copies = 0;
    for batch in outcome.history.select(table, &sql).await.unwrap() {
        let (senders, fates) =
            (batch.column(0).as_string::<i32>(), batch.column(3).as_string::<i32>());
        let numbers = batch.column(1).as_primitive::<Int64Type>();
        let times = batch.column(2).as_primitive::<TimestampMicrosecondType>();
        let counts = batch.column(4).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            copies += counts.value(row);
            let key = (senders.value(row).to_owned(), numbers.value(row), times.value(row));
            if ["accepted", "late"].contains(&fates.value(row)) {
                *counted.entry(key).or_insert(0) += counts.value(row);
            }
        }
    }
    copies
}

fn stored(outcome: &Outcome<'_>) -> i64 {
    let kinds = [Kind::Player.code(), Kind::Delivery.code()];
    let parts = outcome.kept().flat_map(|entry| &entry.parts);
    let rows = |payload| ipc::decode(payload).unwrap().num_rows();
    let of_senders = parts.filter(|part| kinds.contains(&part.kind));
    of_senders.map(|part| i64::try_from(rows(&part.payload)).unwrap()).sum()
}
