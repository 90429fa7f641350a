//! Upkeep while one table is ill: the others are looked after all the same.

use std::sync::Arc;

use tallylight_schemas::tables::Table;
use tallylight_store::history::{Faults, HistoryError, Step, hour_name};

use crate::kit::{TestHistory, events, panes, total};
use crate::upkeep::parquet_files;

const ILL: Table = Table::PlayerEvents;

/// The table can be neither joined nor relieved of its old hours.
#[derive(Debug)]
struct Illness;

impl Faults for Illness {
    fn pass(&self, step: Step) -> Result<(), String> {
        let fails = matches!(step, Step::Join(ILL) | Step::Expire(ILL));
        if fails { Err(format!("as the test wants it, at {step:?}")) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_joined_or_expired_keeps_no_other_from_upkeep() {
    let mut kit = TestHistory::new();
    (kit.settings.grace_s, kit.settings.cap_hours) = (0, 3);
    let history = kit.open_with("log", Some(Arc::new(Illness))).await.unwrap();
    for offset in 0..9 {
        let hour = if offset == 0 { 100 } else { 103 };
        history.add(ILL, offset, hour, events(3));
        history.add(Table::Playback, offset, hour, panes(2));
        history.commit(offset + 1).await.unwrap();
    }
    let dir = |table: Table| kit.dir().join(table.name());
    for table in [ILL, Table::Playback] {
        let hour = dir(table).join(format!("hour={}", hour_name(103)));
        std::fs::write(hour.join("orphan.parquet"), "cut off").unwrap();
    }
    let why = history.tend(104).await.unwrap_err().to_string();
    assert!(why.contains("Expire(PlayerEvents)"), "the first error: {why}");
    // Nothing is lost of the one, and its files that no table names are deleted.
    assert_eq!((total(&history, ILL).await, parquet_files(&dir(ILL))), (27, 9));
    let playback = (total(&history, Table::Playback).await, parquet_files(&dir(Table::Playback)));
    assert_eq!(playback, (16, 1), "an hour is removed, the other joined");
    let status = history.status();
    assert_eq!((status.failures, status.expired_rows), (1, 2));
}

#[tokio::test]
async fn a_damaged_file_keeps_no_later_hour_from_being_joined() {
    let mut kit = TestHistory::new();
    kit.settings.grace_s = 0;
    let history = kit.open().await.unwrap();
    for offset in 0..16 {
        history.add(ILL, offset, 100 + offset as i64 / 8, events(3));
        history.commit(offset + 1).await.unwrap();
    }
    let hour = |number| kit.dir().join(ILL.name()).join(format!("hour={}", hour_name(number)));
    let damaged = std::fs::read_dir(hour(100)).unwrap().next().unwrap().unwrap().path();
    std::fs::write(damaged, "cut off").unwrap();
    let error = history.tend(102).await.unwrap_err();
    assert!(matches!(error, HistoryError::Data(_)), "{error}");
    assert_eq!((parquet_files(&hour(100)), parquet_files(&hour(101))), (8, 1));
}
