//! Upkeep of the files: small files of past hours are joined, hours beyond the caps are removed,
//! and files that no table names any more are deleted after a grace period. Only the writer of the
//! first shard does this, besides commits; slow steps do not block commits.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deltalake::checkpoints;
use deltalake::kernel::{Action, Remove};
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::tables::{HOUR, Table};

use super::file::{self, failed};
use super::folder::Folder;
use super::hot::{hour_name, hour_number};
use super::{History, HistoryError};

/// What one round of upkeep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tended {
    /// Files that were joined into others.
    pub joined: u64,
    /// Files removed by the caps.
    pub removed: u64,
    /// Rows in them.
    pub removed_rows: u64,
    /// Files deleted that no table names.
    pub deleted: u64,
}

/// A file that a table names.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) path: String,
    pub(super) hour: String,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    /// Minimum and maximum of the time by which the table is sorted, Unix µs.
    pub(super) range: Option<(i64, i64)>,
}

impl Named {
    pub(super) fn remove(&self, now_ms: i64, data_change: bool) -> Action {
        let hour = HashMap::from([(HOUR.to_owned(), Some(self.hour.clone()))]);
        Action::Remove(Remove {
            path: self.path.clone(),
            data_change,
            deletion_timestamp: Some(now_ms),
            extended_file_metadata: Some(true),
            partition_values: Some(hour),
            size: i64::try_from(self.bytes).ok(),
            ..Remove::default()
        })
    }
}

/// The files of a table by hour, oldest first.
pub(super) fn files(folder: &Folder) -> Result<BTreeMap<String, Vec<Named>>, HistoryError> {
    let mut hours: BTreeMap<String, Vec<Named>> = BTreeMap::new();
    let Some(delta) = &folder.delta else { return Ok(hours) };
    for view in delta.snapshot()?.log_data().iter() {
        let path = view.path().into_owned();
        let Some(hour) = path.strip_prefix("hour=").and_then(|rest| rest.split('/').next()) else {
            continue;
        };
        let hour = hour.to_owned();
        let bytes = u64::try_from(view.size()).unwrap_or(0);
        let rows = view.num_records().unwrap_or(0) as u64;
        let range = view.stats().and_then(|stats| file::range(&stats, folder.table));
        hours.entry(hour.clone()).or_default().push(Named { path, hour, bytes, rows, range });
    }
    Ok(hours)
}

/// What failed in a round, which goes on all the same.
#[derive(Debug, Default)]
pub(super) struct Failures {
    first: Option<HistoryError>,
}

impl Failures {
    pub(super) fn note(&mut self, table: Table, done: Result<(), HistoryError>) {
        if let Err(error) = done {
            tracing::warn!(%error, table = table.name(), "files of a table cannot be looked after");
            self.first.get_or_insert(error);
        }
    }
}

impl History {
    /// One round of upkeep, as of the hour of log time numbered `hour`. Of several errors the first
    /// is returned, after the rest of the round.
    pub async fn tend(&self, hour: i64) -> Result<Tended, HistoryError> {
        let mut tended = Tended::default();
        let done = self.tend_to(hour, &mut tended).await;
        if done.is_err() {
            self.shared.status.lock().failures += 1;
        }
        done.map(|()| tended)
    }

    /// What fails for one table, or in one step, keeps nothing else from being done: on a full disk
    /// only the deletion at the end makes room.
    async fn tend_to(&self, hour: i64, tended: &mut Tended) -> Result<(), HistoryError> {
        let _upkeep = self.shared.upkeep.lock().await;
        let mut failures = Failures::default();
        {
            let _alone = self.shared.writer.lock().await;
            self.expire(hour, tended, &mut failures).await;
        }
        for table in Table::ALL {
            failures.note(table, self.join(table, &hour_name(hour), tended).await);
            {
                let _alone = self.shared.writer.lock().await;
                failures.note(table, self.sweep(table, tended).await);
            }
            if let Err(error) = self.forget_commits(table).await {
                tracing::warn!(%error, table = table.name(), "old commits stay for now");
            }
        }
        failures.first.map_or(Ok(()), Err)
    }

    pub(super) fn folder(&self, table: Table) -> Folder {
        self.shared.tables.lock()[table as usize].folder.clone()
    }

    pub(super) fn put_back(&self, folder: Folder) {
        let table = folder.table;
        self.shared.tables.lock()[table as usize].folder = folder;
    }

    /// Deletes old commits of the table's log that a checkpoint replaces.
    async fn forget_commits(&self, table: Table) -> Result<(), HistoryError> {
        if let Some(delta) = self.folder(table).newest().await?.delta {
            checkpoints::cleanup_metadata(&delta, None).await?;
        }
        Ok(())
    }

    /// Deletes files that the table does not name and that no reader can still be reading: both
    /// their writing and, where a commit removed them, their removal ([`Folder::commit_as`] renews
    /// their modification time) are longer ago than the grace period.
    async fn sweep(&self, table: Table, tended: &mut Tended) -> Result<(), HistoryError> {
        // Ages are as of before the table is read: however long this process stalls after that,
        // files that other owners commit meanwhile are not old.
        let grace = Duration::from_secs(self.shared.settings.grace_s);
        let until = file_time().checked_sub(grace).unwrap_or(UNIX_EPOCH);
        let folder = self.folder(table).newest().await?;
        let named: HashSet<String> =
            files(&folder)?.into_values().flatten().map(|file| file.path).collect();
        let dir = folder.dir.clone();
        let swept = tokio::task::spawn_blocking(move || sweep(&dir, &named, until));
        tended.deleted +=
            swept.await.map_err(|error| HistoryError::Unavailable(error.to_string()))??;
        Ok(())
    }
}

/// The number of a folder's hour. Files in a folder without one cannot be rewritten in place, so
/// they stay as they are.
pub(super) fn number_of(hour: &str) -> Option<i64> {
    let number = hour_number(hour);
    if number.is_none() {
        tracing::warn!(
            hour,
            "a folder of history is not named after an hour; its files stay as they are"
        );
    }
    number
}

/// This moment as files have it, whatever clock the history has.
pub(super) fn file_time() -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(WallClock.now_us()).unwrap_or(0))
}

/// Deletes the files below a folder that are not named and were last modified `until` then.
fn sweep(dir: &Path, named: &HashSet<String>, until: SystemTime) -> Result<u64, HistoryError> {
    let mut deleted = 0;
    for hour in fs::read_dir(dir).map_err(|error| failed(dir, &error))?.flatten() {
        let name = hour.file_name().to_string_lossy().into_owned();
        if !name.starts_with("hour=") {
            continue;
        }
        for file in fs::read_dir(hour.path()).into_iter().flatten().flatten() {
            let path = format!("{name}/{}", file.file_name().to_string_lossy());
            let modified = file.metadata().and_then(|data| data.modified());
            let old = modified.is_ok_and(|at| at <= until);
            if !named.contains(&path) && old && fs::remove_file(file.path()).is_ok() {
                deleted += 1;
            }
        }
        // This succeeds only if it is empty.
        let _ = fs::remove_dir(hour.path());
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_written_after_the_table_was_read_stay_however_late_the_folders_are() {
        let dir = tempfile::tempdir().unwrap();
        let hour = dir.path().join("hour=2026-11-18T07");
        fs::create_dir(&hour).unwrap();
        let read_s = 1_000_000;
        let at = |s| UNIX_EPOCH + Duration::from_secs(s);
        for (name, s) in [("orphan", read_s - 1), ("successor", read_s + 1)] {
            fs::File::create(hour.join(name)).unwrap().set_modified(at(s)).unwrap();
        }
        assert_eq!(sweep(dir.path(), &HashSet::new(), at(read_s)).unwrap(), 1);
        assert!(hour.join("successor").exists());
    }
}
