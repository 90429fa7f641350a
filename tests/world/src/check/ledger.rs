//! Every record that was acknowledged is in history once, with its fate; nothing else is.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use tallylight_schemas::ipc;
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::record::Kind;
use tallylight_schemas::tables::Table;

use super::Outcome;
use crate::player::T0;

/// A record: sid, number and the player's time (Unix µs).
type Key = (String, i64, i64);

pub(super) async fn check(outcome: &Outcome<'_>) -> Vec<String> {
    let (counted, copies) = found(outcome).await;
    let mut problems = Vec::new();
    let stored = stored(outcome);
    if stored != copies {
        problems.push(format!("the log has {stored} copies of records, history {copies}"));
    }
    let mut known = 0;
    for (n, player) in outcome.players.iter().enumerate() {
        for record in &player.records {
            let ts = (T0 + record.at + player.skew) * 1_000;
            let key = (player.sid.clone(), i64::try_from(record.id.1).unwrap(), ts);
            let times = counted.get(&key).copied().unwrap_or(0);
            known += times;
            if times != 1 || !outcome.acknowledged.contains(&(n, record.id)) {
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

/// How often each record counts, and how many copies of records there are.
async fn found(outcome: &Outcome<'_>) -> (BTreeMap<Key, i64>, i64) {
    let sql = "SELECT sid, sn, ts, fate, count(*) FROM rows GROUP BY sid, sn, ts, fate";
    let (mut counted, mut copies) = (BTreeMap::new(), 0);
    for batch in outcome.history.select(Table::PlayerEvents, sql).await.unwrap() {
        let (sids, fates) =
            (batch.column(0).as_string::<i32>(), batch.column(3).as_string::<i32>());
        let sns = batch.column(1).as_primitive::<Int64Type>();
        let times = batch.column(2).as_primitive::<TimestampMicrosecondType>();
        let counts = batch.column(4).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            copies += counts.value(row);
            let key = (sids.value(row).to_owned(), sns.value(row), times.value(row));
            if ["accepted", "late"].contains(&fates.value(row)) {
                *counted.entry(key).or_insert(0) += counts.value(row);
            }
        }
    }
    (counted, copies)
}

fn stored(outcome: &Outcome<'_>) -> i64 {
    let parts = outcome.events.iter().flat_map(|entry| &entry.parts);
    let players = parts.filter(|part| part.kind == Kind::Player.code());
    let rows = |payload| PlayerRows::new(&ipc::decode(payload).unwrap()).unwrap().len();
    players.map(|part| i64::try_from(rows(&part.payload)).unwrap()).sum()
}
