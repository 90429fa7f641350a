//! Upkeep whose outcome was not known, and hours that nobody's clock should have named.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use tallylight_schemas::tables::{Table, conform};
use tallylight_store::archive::{Faults, HistoryError, Repair, Step, hour_of};

use crate::kit::{Failing, History0, T0, events, panes, total};

/// Says of what the table knows that it failed, while it is on.
#[derive(Debug, Default)]
struct Unsure(AtomicBool);

impl Faults for Unsure {
    fn pass(&self, step: Step) -> Result<(), String> {
        let is_told = matches!(step, Step::Committed(_)) && self.0.load(Ordering::SeqCst);
        if is_told { Err("as the test wants it".to_owned()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn files_that_were_joined_although_it_did_not_look_so_are_not_joined_again() {
    let (kit, unsure) = (History0::new(), Arc::new(Unsure::default()));
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
async fn no_hour_is_too_old_by_log_time_alone() {
    let mut kit = History0::new();
    kit.settings.cap_hours = 2;
    let history = kit.open().await.unwrap();
    let own = hour_of(T0);
    history.add(Table::PlayerEvents, 0, own - 3, events(3));
    history.add(Table::PlayerEvents, 1, own, events(3));
    history.commit(2).await.unwrap();
    // A collector's clock was a month ahead.
    assert_eq!(history.tend(own + 720).await.unwrap().removed_rows, 3);
    assert_eq!(total(&history, Table::PlayerEvents).await, 3);
}

#[tokio::test]
async fn what_the_caps_say_they_removed_never_goes_back() {
    let mut kit = History0::new();
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

/// Has rows for these hours that no file had.
struct More(Vec<i64>);

impl Repair for More {
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
async fn a_repair_brings_no_rows_of_hours_that_are_beyond_the_caps() {
    let mut kit = History0::new();
    kit.settings.cap_hours_panes = 10;
    let history = kit.open().await.unwrap();
    let hour = T0 / 3_600_000_000;
    let mut more = More(vec![hour - 200_000, hour - 11, hour - 10, hour]);
    let to = T0.unsigned_abs() / 1_000_000;
    let mended = history.repair(Table::Playback, to, &mut more).await.unwrap();
    assert_eq!((mended.files, mended.left_out), (2, 2));
    assert_eq!(total(&history, Table::Playback).await, 2);
    // What is kept longer has them.
    let mut more = More(vec![hour - 11]);
    let mended = history.repair(Table::Playback1m, to, &mut more).await.unwrap();
    assert_eq!((mended.files, mended.left_out), (1, 0));
}

#[tokio::test]
async fn only_what_every_table_has_is_said_to_be_there() {
    let kit = History0::new();
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
    // A crash between the two.
    history.commit(5).await.unwrap_err();
    drop(history);
    let history = kit.open().await.unwrap();
    let each = [Table::PlayerEvents, Table::Playback].map(|table| history.transaction(table));
    assert_eq!(each.into_iter().max(), Some(5), "{:?}", failing.last());
    assert_eq!(each.into_iter().min(), Some(1), "{:?}", failing.last());
    assert_eq!(history.status().committed, 1);
    // Log time may stand still.
    history.add(Table::PlayerEvents, 5, 7, events(3));
    history.commit(6).await.unwrap();
    history.note_reach(300, 6).await.unwrap();
    assert_eq!(history.status().committed, 6);
    assert_eq!(kit.open().await.unwrap().status().committed, 6);
    // Nor is anything taken back by one who reads the log again.
    history.note_reach(200, 3).await.unwrap();
    assert_eq!(history.reach().await.unwrap(), Some(300));
    assert_eq!(kit.open().await.unwrap().status().committed, 6);
}

#[tokio::test]
async fn a_crash_in_the_first_checkpoint_of_all_leaves_nothing_in_all_tables() {
    let kit = History0::new();
    let history = kit.open().await.unwrap();
    history.add(Table::Playback, 3, 7, panes(4));
    history.commit(4).await.unwrap();
    let again = kit.open().await.unwrap();
    assert_eq!((again.transaction(Table::Playback), again.status().committed), (4, 0));
}
