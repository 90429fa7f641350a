//! `kill -9` of `up` and everything below it, ten times, under load from outside: each acknowledged
//! record is once among the accepted of `player_events` and once in the windows, and an independent
//! engine computes the same sums from the files only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::prelude::{DataFrame, SessionContext};
use rand::Rng;
use serde_json::Value;
use tallylight_schemas::tables::Table;
use tallylight_store::history::History;
use tallylight_tests::load::{Key, Load, Pace};
use tallylight_tests::successor;
use tallylight_tests::world::{World, checkpoint_every};

/// Load generators.
const SENDERS: u64 = 8;

fn up(world: Option<&World>) -> Command {
    let mut command = match world {
        Some(world) => world.command(),
        None => Command::new(tallylight_tests::world::binary()),
    };
    command.args(["up", "--viewers", "0", "--source", "loop"]);
    checkpoint_every(&mut command, 1);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_missing_from_history_and_nothing_is_there_twice() {
    let kills = if std::env::var_os("TALLYLIGHT_SOAK").is_some() { 100 } else { 10 };
    let mut world = World::start_with(up(None)).await;
    let load = Arc::new(Load::default());
    let senders =
        load.start(&format!("{}/v1/cmcd?k=demo", world.collector()), SENDERS, Pace::Players);
    for _ in 0..kills {
        let pause = rand::rng().random_range(500..5_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        world.kill_tree();
        let again = up(Some(&world));
        world.start_again(again).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    load.end(senders).await;
    world.stop();
    let data = world.data.path();
    successor::go_on_disk(data).await;

    let history = History::open_read_only(&data.join("history")).await.unwrap();
    let accepted = accepted(&history).await;
    let sent = load.sent.lock().unwrap().clone();
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    println!(
        "figure: {kills} kills: {} sent, {} acknowledged, {} accepted",
        sent.len(),
        acknowledged.len(),
        accepted.values().sum::<i64>()
    );
    assert!(acknowledged.len() > 500, "the load was real");
    let twice: Vec<_> = accepted.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "accepted more than once: {twice:?}");
    let lost: Vec<_> = acknowledged.iter().filter(|key| !accepted.contains_key(*key)).collect();
    assert!(lost.is_empty(), "acknowledged and not in history: {} {lost:?}", lost.len());
    let invented: Vec<_> = accepted.keys().filter(|key| !sent.contains(*key)).collect();
    assert!(invented.is_empty(), "in history and never sent: {invented:?}");
    let windows = number(
        table(&history, Table::Playback).await,
        "SELECT sum(events) FROM t WHERE cuboid = 'content' AND content = 'crash'",
    )
    .await;
    assert_eq!(windows, accepted.len() as i64, "the windows hold each accepted record once");

    let theirs = sums_by_duckdb(&data.join("history"));
    assert_eq!(theirs["accepted"], windows, "{theirs}");
    assert_eq!(theirs["distinct"], windows, "{theirs}");
    assert_eq!(theirs["windows"], windows, "{theirs}");
    assert_eq!(theirs["ends"], theirs["door"], "the ledger balances: {theirs}");
    successor::no_drift(&format!("{kills} kills"), &world);
}

async fn table(history: &History, table: Table) -> DataFrame {
    let view = history.view(table).await.unwrap();
    assert!(view.hot.is_empty());
    SessionContext::new().read_table(view.delta.unwrap()).unwrap()
}

async fn number(table: DataFrame, sql: &str) -> i64 {
    let context = SessionContext::new();
    context.register_table("t", table.into_view()).unwrap();
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// How often each record of the load is among the accepted.
async fn accepted(history: &History) -> HashMap<Key, i64> {
    let context = SessionContext::new();
    let events = table(history, Table::PlayerEvents).await;
    context.register_table("t", events.into_view()).unwrap();
    let sql = "SELECT sid, sn FROM t WHERE fate = 'accepted' AND sid LIKE 'load-%'";
    let mut found = HashMap::new();
    for batch in context.sql(sql).await.unwrap().collect().await.unwrap() {
        let (sids, sns) = (batch.column(0).as_string::<i32>(), batch.column(1));
        let sns = sns.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let key = (sids.value(row).into(), u64::try_from(sns.value(row)).unwrap());
            *found.entry(key).or_default() += 1;
        }
    }
    found
}

/// The same by DuckDB, over the files that the Delta log lists.
fn sums_by_duckdb(history: &Path) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = Command::new(root.join("../scripts/venv.sh")).stderr(Stdio::inherit()).output();
    let python = String::from_utf8(python.unwrap().stdout).unwrap();
    let script = root.join("python/sums.py");
    let answer = Command::new(python.trim()).arg(script).arg(history).output().unwrap();
    let errors = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success(), "{errors}");
    serde_json::from_slice(&answer.stdout).unwrap()
}
