//! Upkeep whose outcome is unknown, and hours from clocks that were wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use tallylight_schemas::tables::{Table, conform};
use tallylight_store::history::{Faults, HistoryError, Repair, Step, hour_of};

use crate::kit::{Failing, T0, TestHistory, events, panes, total};

/// While it is on, reports a commit that succeeded as failed.
#[derive(Debug, Default)]
struct Unsure(AtomicBool);

impl Faults for Unsure {
    fn pass(&self, step: Step) -> Result<(), String> {
        let is_reported = matches!(step, Step::Committed(_)) && self.0.load(Ordering::SeqCst);
        if is_reported { Err("as the test wants it".to_owned()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn files_whose_join_was_reported_as_failed_are_not_joined_again() {
    let (kit, unsure) = (TestHistory::new(), Arc::new(Unsure::default()));
    let faults = Arc::clone(&unsure) as Arc<dyn Faults>;
    let history = kit.open_with("log", Some(faults)).await.unwrap();
    for offset in 0..8 {
        history.add(Table::PlayerEvents, offset, 100, events(3));
        history.commit(offset + 1).await.unwrap();
    }
    unsure.0.store(true, Ordering::SeqCst);
    history.tend(101).await.unwrap_err();
    unsure.0.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(history.tend(101).await.unwrap().joined, 0);
    }
    assert_eq!(total(&history, Table::PlayerEvents).await, 24);
}

#[tokio::test]
async fn log_time_alone_expires_no_hour() {
    let mut kit = TestHistory::new();
    kit.settings.cap_hours = 2;
    let history = kit.open().await.unwrap();
    let own = hour_of(T0);
    history.add(Table::PlayerEvents, 0, own - 3, events(3));
    history.add(Table::PlayerEvents, 1, own, events(3));
    history.commit(2).await.unwrap();
    // Log time is a month ahead, because a collector's clock was.
    assert_eq!(history.tend(own + 720).await.unwrap().removed_rows, 3);
    assert_eq!(total(&history, Table::PlayerEvents).await, 3);
}

#[tokio::test]
async fn a_current_hour_above_the_size_cap_costs_no_hourly_rows() {
    let mut kit = TestHistory::new();
    kit.settings.cap_bytes = 1;
    let history = kit.open().await.unwrap();
    for hour in 0..4_u64 {
        history.add(Table::Playback1h, hour, 100 + hour as i64, panes(2));
    }
    history.add(Table::PlayerEvents, 4, 104, events(3));
    history.commit(5).await.unwrap();
    assert_eq!(history.tend(104).await.unwrap().removed, 0);
    assert_eq!(total(&history, Table::Playback1h).await, 8);
}

#[tokio::test]
async fn the_expired_range_never_shrinks() {
    let mut kit = TestHistory::new();
    kit.settings.cap_hours_panes = 2;
    let history = kit.open().await.unwrap();
    for (offset, hour) in [(0, 100), (1, 200), (2, 50)] {
        history.add(Table::Playback, offset, hour, panes(2));
        history.commit(offset + 1).await.unwrap();
        let removed = history.tend(hour.max(200)).await.unwrap().removed_rows;
        assert_eq!(removed, if hour == 200 { 0 } else { 2 });
        assert_eq!(history.expired(Table::Playback).await.unwrap(), Some(101));
    }
}

/// A repair that adds a row for each of these hours.
pub struct ExtraRows(pub Vec<i64>);

impl Repair for ExtraRows {
    fn concerns(&self, _: Option<(i64, i64)>) -> bool {
        false
    }

    fn edit(&mut self, _: &RecordBatch) -> Result<Option<RecordBatch>, HistoryError> {
        Ok(None)
    }

    fn rest(&mut self) -> Result<BTreeMap<i64, RecordBatch>, HistoryError> {
        let rows = conform(&panes(1), Table::Playback)?;
        Ok(self.0.iter().map(|hour| (*hour, rows.clone())).collect())
    }
}

#[tokio::test]
async fn a_repair_adds_no_rows_to_hours_beyond_the_caps() {
    let mut kit = TestHistory::new();
    kit.settings.cap_hours_panes = 10;
    let history = kit.open().await.unwrap();
    let hour = T0 / 3_600_000_000;
    let mut extra = ExtraRows(vec![hour - 200_000, hour - 11, hour - 10, hour]);
    let to = T0.unsigned_abs() / 1_000_000;
    let repaired = history.repair(Table::Playback, (0, to), &mut extra).await.unwrap();
    assert_eq!((repaired.files, repaired.left_out), (2, 2));
    assert_eq!(total(&history, Table::Playback).await, 2);
    // A table that is kept longer gets them.
    let mut extra = ExtraRows(vec![hour - 11]);
    let repaired = history.repair(Table::Playback1m, (0, to), &mut extra).await.unwrap();
    assert_eq!((repaired.files, repaired.left_out), (1, 0));
}

#[tokio::test]
async fn only_what_every_table_has_is_reported_as_committed() {
    let kit = TestHistory::new();
    let failing = Failing::after(6 + 3);
    let history = kit.open_failing(&failing).await.unwrap();
    let fill = |offset: u64| {
        history.add(Table::PlayerEvents, offset, 7, events(3));
        history.add(Table::Playback, offset, 7, panes(4));
    };
    fill(0);
    history.commit(1).await.unwrap();
    history.note_reach(300, 1).await.unwrap();
    fill(4);
    // A crash between the two tables.
    history.commit(5).await.unwrap_err();
    drop(history);
    let history = kit.open().await.unwrap();
    let each = [Table::PlayerEvents, Table::Playback].map(|table| history.transaction(table));
    assert_eq!(each.into_iter().max(), Some(5), "{:?}", failing.last());
    assert_eq!(each.into_iter().min(), Some(1), "{:?}", failing.last());
    assert_eq!(history.status().committed, 1);
    // Log time may stall.
    history.add(Table::PlayerEvents, 5, 7, events(3));
    history.commit(6).await.unwrap();
    history.note_reach(300, 6).await.unwrap();
    assert_eq!(history.status().committed, 6);
    assert_eq!(kit.open().await.unwrap().status().committed, 6);
    // A processor that rereads the log takes nothing back.
    history.note_reach(200, 3).await.unwrap();
    assert_eq!(history.reach().await.unwrap(), Some(300));
    assert_eq!(kit.open().await.unwrap().status().committed, 6);
}

#[tokio::test]
async fn after_a_crash_in_the_first_checkpoint_nothing_is_committed_in_every_table() {
    let kit = TestHistory::new();
    let history = kit.open().await.unwrap();
    history.add(Table::Playback, 3, 7, panes(4));
    history.commit(4).await.unwrap();
    let again = kit.open().await.unwrap();
    assert_eq!((again.transaction(Table::Playback), again.status().committed), (4, 0));
}

#[tokio::test]
async fn a_checkpoint_of_the_tables_log_that_a_power_cut_emptied_costs_no_row() {
    let kit = TestHistory::new();
    let history = kit.open().await.unwrap();
    for offset in 0..52 {
        history.add(Table::PlayerEvents, offset, 100, events(1));
        history.commit(offset + 1).await.unwrap();
    }
    drop(history);
    let log = kit.dir().join("player_events").join("_delta_log");
    let checkpoint = log.join(format!("{:020}.checkpoint.parquet", 49));
    let emptied = std::fs::File::options().write(true).truncate(true).open(&checkpoint);
    emptied.unwrap().sync_all().unwrap();
    let history = kit.open().await.unwrap();
    assert!(!checkpoint.exists(), "commits before it would be deleted");
    assert_eq!(history.transaction(Table::PlayerEvents), 52);
    assert_eq!(total(&history, Table::PlayerEvents).await, 52);
}
