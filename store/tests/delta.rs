//! History: every row is stored exactly once, whatever fails in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "delta/apart.rs"]
mod apart;
#[path = "delta/ill.rs"]
mod ill;
#[path = "delta/kit.rs"]
mod kit;
#[path = "delta/shards.rs"]
mod shards;
#[path = "delta/slices.rs"]
mod slices;
#[path = "delta/snapshots.rs"]
mod snapshots;
#[path = "delta/spoilt.rs"]
mod spoilt;
#[path = "delta/upkeep.rs"]
mod upkeep;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use kit::{Failing, TestHistory, events, total};
use tallylight_schemas::tables::Table;
use tallylight_store::history::{History, HistoryError, Step};
use tokio::sync::mpsc;

#[tokio::test]
async fn hot_and_written_rows_are_one_table() {
    let kit = TestHistory::new();
    let history = kit.open().await.unwrap();
    history.add(Table::PlayerEvents, 0, 7, events(3));
    history.add(Table::PlayerEvents, 4, 7, events(2));
    assert_eq!(total(&history, Table::PlayerEvents).await, 5);
    history.commit(3).await.unwrap();
    assert_eq!(history.transaction(Table::PlayerEvents), 3);
    assert_eq!(history.view(Table::PlayerEvents).await.unwrap().hot.len(), 1);
    assert_eq!(total(&history, Table::PlayerEvents).await, 5);
    history.commit(9).await.unwrap();
    assert_eq!(history.status().hot_rows, 0);
    assert_eq!(total(&history, Table::PlayerEvents).await, 5);
    // Read without the process that wrote it.
    let read = tallylight_store::history::History::open_read_only(&kit.dir()).await.unwrap();
    assert_eq!(total(&read, Table::PlayerEvents).await, 5);
    assert_eq!(total(&read, Table::Playback).await, 0);
}

#[tokio::test]
async fn settled_rows_are_read_without_asking_the_state() {
    let kit = TestHistory::new();
    let history = kit.open().await.unwrap();
    let (ask, mut questions) = mpsc::channel(1);
    history.serve(ask);
    history.add(Table::PlayerEvents, 0, 7, events(3));
    history.commit(1).await.unwrap();
    history.add(Table::PlayerEvents, 1, 7, events(2));
    let rows = history.select(Table::PlayerEvents, "SELECT 1 FROM rows").await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 5);
    assert!(questions.try_recv().is_err(), "events would wait for a copy of the state");
}

#[tokio::test]
async fn the_schema_of_the_files_is_the_schema_of_the_table() {
    let kit = TestHistory::new();
    let history = kit.open().await.unwrap();
    for table in Table::ALL {
        let view = history.view(table).await.unwrap();
        let stored = view.delta.unwrap().schema();
        for (stored, ours) in stored.fields().iter().zip(table.schema().fields()) {
            assert_eq!(stored.name(), ours.name(), "{}", table.name());
            // Delta's reader dictionary-encodes partition columns.
            let kind = match stored.data_type() {
                DataType::Dictionary(_, value) => value.as_ref(),
                plain => plain,
            };
            assert_eq!(kind, ours.data_type(), "{}.{}", table.name(), ours.name());
        }
        assert_eq!(stored.fields().len(), table.schema().fields().len());
    }
}

#[tokio::test]
async fn rows_that_are_added_again_after_a_crash_are_dropped() {
    let kit = TestHistory::new();
    let history = kit.open().await.unwrap();
    history.add(Table::PlayerEvents, 1, 7, events(3));
    history.commit(5).await.unwrap();
    drop(history);
    let history = kit.open().await.unwrap();
    assert!(history.add(Table::PlayerEvents, 1, 7, events(3)));
    assert!(history.add(Table::PlayerEvents, 4, 7, events(3)));
    assert!(!history.add(Table::PlayerEvents, 5, 7, events(1)));
    assert!(
        !history.add(Table::Playback, 1, 7, kit::panes(2)),
        "a table that is behind accepts it"
    );
    history.commit(8).await.unwrap();
    assert_eq!(total(&history, Table::PlayerEvents).await, 4);
    assert_eq!(total(&history, Table::Playback).await, 2);
}

/// A crash at every step of a commit of two tables, then a replay from before it.
#[tokio::test]
async fn a_crash_between_any_two_steps_neither_loses_nor_doubles_rows() {
    for at in 0..8 {
        let kit = TestHistory::new();
        let failing = Failing::after(at);
        let history = kit.open_failing(&failing).await.unwrap();
        let fill = |history: &History| {
            history.add(Table::PlayerEvents, 0, 7, events(3));
            history.add(Table::PlayerEvents, 1, 8, events(2));
            history.add(Table::Playback, 1, 8, kit::panes(4));
        };
        fill(&history);
        let failed = history.commit(2).await;
        assert_eq!(failed.is_err(), at < 6, "step {at}: {:?}", failing.last());
        drop(history);
        let history = kit.open().await.unwrap();
        fill(&history);
        history.commit(2).await.unwrap();
        assert_eq!(total(&history, Table::PlayerEvents).await, 5, "step {at}");
        assert_eq!(total(&history, Table::Playback).await, 4, "step {at}");
    }
}

/// A crash while a table was created, before its first commit: the next start creates it.
#[tokio::test]
async fn a_table_whose_creation_was_interrupted_is_created() {
    let kit = TestHistory::new();
    let folder = kit.dir().join(Table::PlayerEvents.name());
    std::fs::create_dir_all(folder.join("_delta_log")).unwrap();
    let reader = History::open_read_only(&kit.dir()).await.unwrap();
    assert_eq!(total(&reader, Table::PlayerEvents).await, 0);
    let history = kit.open().await.unwrap();
    history.add(Table::PlayerEvents, 0, 7, events(3));
    history.commit(1).await.unwrap();
    assert_eq!(total(&reader, Table::PlayerEvents).await, 3);
}

/// A write that failed without a crash is retried, with the rows added meanwhile.
#[tokio::test]
async fn a_commit_that_failed_is_tried_again() {
    for at in 0..6 {
        let kit = TestHistory::new();
        let failing = Failing::once(at);
        let history = kit.open_failing(&failing).await.unwrap();
        history.add(Table::PlayerEvents, 0, 7, events(3));
        history.add(Table::Playback, 1, 7, kit::panes(4));
        assert!(history.commit(2).await.is_err());
        history.add(Table::PlayerEvents, 2, 7, events(2));
        // A table that was committed is at 2 and must not be written again.
        let again = history.commit(2).await;
        let then = history.commit(3).await;
        assert!(again.is_ok() && then.is_ok(), "step {at}: {again:?} {then:?}");
        assert_eq!(total(&history, Table::PlayerEvents).await, 5, "step {at}");
        assert_eq!(total(&history, Table::Playback).await, 4, "step {at}");
    }
}

#[tokio::test]
async fn two_writers_are_detected() {
    let kit = TestHistory::new();
    let (one, other) = (kit.open().await.unwrap(), kit.open().await.unwrap());
    one.add(Table::PlayerEvents, 0, 7, events(3));
    other.add(Table::PlayerEvents, 0, 7, events(3));
    one.commit(4).await.unwrap();
    let error = other.commit(5).await.unwrap_err();
    assert!(matches!(error, HistoryError::Moved(_)), "{error}");
    assert_eq!(total(&one, Table::PlayerEvents).await, 3);
}

#[tokio::test]
async fn the_tables_of_another_log_are_refused() {
    let kit = TestHistory::new();
    drop(kit.open().await.unwrap());
    let error = kit.open_as("another").await.unwrap_err();
    assert!(matches!(error, HistoryError::Foreign(_)), "{error}");
    assert!(error.to_string().contains("move `history` and `snapshots`"), "{error}");
}

#[test]
fn steps_are_distinct() {
    assert_ne!(Step::Write(Table::Playback), Step::Commit(Table::Playback));
}
