//! Upkeep: small files are joined and old hours removed, and neither loses or doubles a row.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::RecordBatch;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{Faults, History, HistoryError, Repair, Step};

use crate::kit::{TestHistory, events, panes, total};

pub fn parquet_files(dir: &Path) -> usize {
    walk(dir).len()
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let inside = |entry: std::fs::DirEntry| {
        let path = entry.path();
        if path.is_dir() {
            return walk(&path);
        }
        let is_data = path.extension().is_some_and(|is| is == "parquet");
        if is_data { vec![path] } else { Vec::new() }
    };
    let data = |entry: &std::fs::DirEntry| entry.file_name() != "_delta_log";
    std::fs::read_dir(dir).unwrap().flatten().filter(data).flat_map(inside).collect()
}

/// Sets the modification time of every data file below a folder back by a day.
fn back_date(dir: &Path) {
    let a_day = Duration::from_secs(86_400);
    for path in walk(dir) {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        let written = file.metadata().unwrap().modified().unwrap();
        file.set_modified(written - a_day).unwrap();
    }
}

/// Removes a column from the table's schema, as if an earlier release had created it.
fn take_column(dir: &Path, column: &str) {
    let first = dir.join("_delta_log").join(format!("{:020}.json", 0));
    let text = std::fs::read_to_string(&first).unwrap();
    let without = |line: &str| {
        let mut action: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(schema) = action.pointer_mut("/metaData/schemaString") {
            let mut of: serde_json::Value = serde_json::from_str(schema.as_str().unwrap()).unwrap();
            let fields = of["fields"].as_array_mut().unwrap();
            let before = fields.len();
            fields.retain(|field| field["name"] != column);
            assert_eq!(fields.len(), before - 1);
            *schema = of.to_string().into();
        }
        action.to_string()
    };
    let lines: Vec<String> = text.lines().map(without).collect();
    std::fs::write(first, lines.join("\n")).unwrap();
}

#[tokio::test]
async fn a_table_of_an_earlier_release_gets_the_columns_it_lacks() {
    let kit = TestHistory::new();
    drop(kit.open().await.unwrap());
    take_column(&kit.dir().join("player_events"), "sid");
    let columns = async |history: &tallylight_store::history::History| {
        history.view(Table::PlayerEvents).await.unwrap().delta.unwrap().schema()
    };
    for offset in 0..2 {
        let history = kit.open().await.unwrap();
        assert_eq!(history.transaction(Table::PlayerEvents), offset);
        history.add(Table::PlayerEvents, offset, 100, events(3));
        history.commit(offset + 1).await.unwrap();
        assert!(columns(&history).await.field_with_name("sid").is_ok());
        assert_eq!(total(&history, Table::PlayerEvents).await, 3 * (offset as usize + 1));
    }
}

#[tokio::test]
async fn small_files_of_an_hour_that_is_over_become_one() {
    let mut kit = TestHistory::new();
    kit.settings.grace_s = 0;
    let history = kit.open().await.unwrap();
    for offset in 0..8 {
        history.add(Table::PlayerEvents, offset, 100, events(3));
        history.commit(offset + 1).await.unwrap();
    }
    let dir = kit.dir().join("player_events");
    assert_eq!(history.tend(100).await.unwrap().joined, 0, "the hour is not over");
    assert_eq!(parquet_files(&dir), 8);
    let tended = history.tend(101).await.unwrap();
    assert_eq!((tended.joined, tended.deleted), (8, 8));
    assert_eq!(parquet_files(&dir), 1);
    assert_eq!(total(&history, Table::PlayerEvents).await, 24);
    assert_eq!(history.transaction(Table::PlayerEvents), 8);
    // Writing continues after it, here and after a restart.
    history.add(Table::PlayerEvents, 8, 101, events(1));
    history.commit(9).await.unwrap();
    let history = kit.open().await.unwrap();
    assert_eq!(history.transaction(Table::PlayerEvents), 9);
    assert_eq!(total(&history, Table::PlayerEvents).await, 25);
}

#[tokio::test]
async fn joined_files_have_no_more_rows_than_a_checkpoint_writes_at_once() {
    let mut kit = TestHistory::new();
    kit.settings.slice_rows = 10;
    let history = kit.open().await.unwrap();
    for offset in 0..8 {
        history.add(Table::PlayerEvents, offset, 100, events(if offset == 0 { 5 } else { 3 }));
        history.commit(offset + 1).await.unwrap();
    }
    let rounds = async || {
        let mut joined = Vec::new();
        for _ in 0..3 {
            joined.push(history.tend(101).await.unwrap().joined);
        }
        joined
    };
    // The first is large enough as it is; four small ones are not too many.
    assert_eq!(rounds().await, [3, 0, 0]);
    assert_eq!(total(&history, Table::PlayerEvents).await, 26);
}

/// Waits at a step until the test lets it continue.
#[derive(Debug)]
struct Waiting {
    at: Step,
    arrived: SyncSender<()>,
    proceed_rx: Mutex<Receiver<()>>,
}

impl Faults for Waiting {
    fn pass(&self, step: Step) -> Result<(), String> {
        if step == self.at {
            self.arrived.send(()).unwrap();
            self.proceed_rx.lock().unwrap().recv().unwrap();
        }
        Ok(())
    }
}

/// A repair that rewrites every file unchanged.
struct Unchanged;

impl Repair for Unchanged {
    fn concerns(&self, _range: Option<(i64, i64)>) -> bool {
        true
    }

    fn edit(&mut self, rows: &RecordBatch) -> Result<Option<RecordBatch>, HistoryError> {
        Ok(Some(rows.clone()))
    }

    fn rest(&mut self) -> Result<BTreeMap<i64, RecordBatch>, HistoryError> {
        Ok(BTreeMap::new())
    }
}

async fn commit(history: &History, offset: u64) -> Result<(), HistoryError> {
    history.add(Table::PlayerEvents, offset, 100, events(3));
    let committed = tokio::time::timeout(Duration::from_secs(20), history.commit(offset + 1));
    committed.await.expect("the commit waited")
}

/// Commits eight entries, starts `upkeep`, and commits one more while it waits at a step.
async fn commit_beside<T: Send + 'static, U: Future<Output = T> + Send + 'static>(
    at: Step,
    upkeep: impl FnOnce(History) -> U,
) -> T {
    let kit = TestHistory::new();
    let ((arrived, has_arrived), (proceed, proceed_rx)) = (sync_channel(1), sync_channel(1));
    let waiting = Waiting { at, arrived, proceed_rx: Mutex::new(proceed_rx) };
    let history = kit.open_with("log", Some(Arc::new(waiting))).await.unwrap();
    for offset in 0..8 {
        commit(&history, offset).await.unwrap();
    }
    let upkeep = tokio::spawn(upkeep(history.clone()));
    tokio::task::spawn_blocking(move || has_arrived.recv()).await.unwrap().unwrap();
    let meanwhile = commit(&history, 8).await;
    proceed.send(()).unwrap();
    meanwhile.unwrap();
    let done = upkeep.await.unwrap();
    assert_eq!(total(&history, Table::PlayerEvents).await, 27);
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_continue_while_small_files_are_joined() {
    let tend = async |history: History| history.tend(101).await;
    let tended = commit_beside(Step::Join(Table::PlayerEvents), tend).await;
    assert_eq!(tended.unwrap().joined, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_continue_while_files_are_repaired() {
    let table = Table::PlayerEvents;
    let repair = async move |history: History| history.repair(table, (0, 70), &mut Unchanged).await;
    let written = commit_beside(Step::Repair(table), repair).await;
    assert_eq!(written.unwrap().files, 16, "eight files, and eight replacements");
}

#[tokio::test]
async fn hours_beyond_the_age_cap_leave_all_tables_and_their_files_go_after_the_grace_period() {
    let mut kit = TestHistory::new();
    kit.settings.cap_hours = 2;
    let history = kit.open().await.unwrap();
    for hour in 0..5_u64 {
        history.add(Table::PlayerEvents, hour, 100 + hour as i64, events(3));
        history.add(Table::Playback, hour, 100 + hour as i64, panes(2));
    }
    history.commit(5).await.unwrap();
    // The grace period begins when a table drops a file, not when the file was written.
    back_date(&kit.dir());
    let tended = history.tend(104).await.unwrap();
    assert_eq!((tended.removed, tended.removed_rows, tended.deleted), (4, 10, 0));
    assert_eq!(total(&history, Table::PlayerEvents).await, 9);
    assert_eq!(total(&history, Table::Playback).await, 6);
    assert_eq!(parquet_files(&kit.dir().join("player_events")), 5, "readers may have them open");
    assert_eq!(history.status().expired_rows, 10);
    assert_eq!(history.expired(Table::Playback).await.unwrap(), Some(102));
    assert_eq!(history.expired(Table::Delivery).await.unwrap(), None, "it had nothing");
    back_date(&kit.dir());
    assert_eq!(history.tend(104).await.unwrap().deleted, 4, "the grace period is over");
    assert_eq!(total(&history, Table::PlayerEvents).await, 9);
}

#[tokio::test]
async fn files_that_were_joined_or_repaired_stay_for_the_grace_period_too() {
    let kit = TestHistory::new();
    let history = kit.open().await.unwrap();
    for offset in 0..8 {
        commit(&history, offset).await.unwrap();
    }
    let dir = kit.dir().join("player_events");
    back_date(&dir);
    let tended = history.tend(101).await.unwrap();
    assert_eq!((tended.joined, tended.deleted, parquet_files(&dir)), (8, 0, 9));
    back_date(&dir);
    history.repair(Table::PlayerEvents, (0, 70), &mut Unchanged).await.unwrap();
    // Files that were joined a day ago are deleted; the repaired one may still be read.
    let tended = history.tend(101).await.unwrap();
    assert_eq!((tended.deleted, parquet_files(&dir)), (8, 2));
}

#[tokio::test]
async fn seconds_are_removed_before_minutes_and_minutes_before_hours() {
    let mut kit = TestHistory::new();
    kit.settings.cap_hours_panes = 1;
    kit.settings.cap_hours_1m = 2;
    let all = [Table::Playback, Table::Playback1m, Table::Playback1h];
    let history = kit.open().await.unwrap();
    for hour in 0..5_u64 {
        for table in all {
            history.add(table, hour, 100 + hour as i64, panes(2));
        }
        history.add(Table::PlayerEvents, hour, 100 + hour as i64, events(3));
    }
    history.commit(5).await.unwrap();
    history.tend(104).await.unwrap();
    for (table, rows) in all.into_iter().zip([4, 6, 10]) {
        assert_eq!(total(&history, table).await, rows, "{}", table.name());
    }
    assert_eq!(total(&history, Table::PlayerEvents).await, 15);
    // Above the size cap everything else is removed first; the hours stay if they fit.
    drop(history);
    let bytes = |table: Table| -> u64 {
        let files = walk(&kit.dir().join(table.name()));
        files.iter().map(|path| path.metadata().unwrap().len()).sum()
    };
    kit.settings.cap_bytes = bytes(Table::Playback1h) + 3 * bytes(Table::PlayerEvents) / 4;
    let history = kit.open().await.unwrap();
    history.tend(104).await.unwrap();
    assert!(total(&history, Table::PlayerEvents).await < 15);
    assert_eq!(total(&history, Table::Playback1h).await, 10);
}

#[tokio::test]
async fn above_the_size_cap_the_oldest_hours_are_removed_but_never_the_current_one() {
    let mut kit = TestHistory::new();
    kit.settings.cap_bytes = 1;
    let history = kit.open().await.unwrap();
    for hour in 0..3_u64 {
        history.add(Table::PlayerEvents, hour, 100 + hour as i64, events(3));
    }
    history.commit(3).await.unwrap();
    assert_eq!(history.tend(102).await.unwrap().removed, 2);
    assert_eq!(total(&history, Table::PlayerEvents).await, 3);
}
